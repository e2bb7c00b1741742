"""From noise to latents under a condition, without randomness, for any denoiser. Imports torch.

One step of DDIM (Song et al. 2021, eq. 12 with sigma = 0) goes from z_t to z_s at a lower noise: the prediction implies
a clean latent and a noise, and z_s is made of the two, ``signal_s * clean + noise_s * residue``. For noise and
v-prediction that is DDIM, at the timesteps that diffusers' ``DDIMScheduler`` takes with ``trailing`` spacing; for flow
matching it is Euler's method for the flow's differential equation.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from diffmine.diffusion.schedule import Coefficients, coefficients
from diffmine.interfaces import Conditioning, Denoiser

MOST_STEPS = 1000
BELOW_NOISE = 1e-3
"""How far from pure noise sampling starts, as a share of the schedule: there predicted noise still says something."""

Predict = Callable[[Tensor, Tensor], Tensor]
"""(noisy latents, timesteps) -> prediction."""


@torch.no_grad()
def sample(
    denoiser: Denoiser,
    noise: Tensor,
    condition: Conditioning,
    *,
    null: Conditioning | None = None,
    guidance: float = 1.0,
    steps: int = 50,
) -> Tensor:
    """Latents from noise by deterministic DDIM, or Euler's method for flow matching.

    Args:
        denoiser: the model; ``Denoiser.decode`` makes pixels of what is returned.
        noise: float32, (batch, channels, h, w), standard normal, or what ``invert`` gave.
        condition: what each is told, (batch,); such as ``encoder.encode(["a", "b"])``.
        null: the null condition, (batch,), such as ``encoder.encode([None, None])``; needed where guidance is not 1.
        guidance: w of classifier-free guidance, p_null + w (p_c - p_null) (Ho & Salimans 2022, written with their
            weight plus 1); 1: the condition's own prediction, at half the cost.
        steps: from 1 to 1000, evenly spread over the schedule.
    Returns:
        float32, of the shape of ``noise``, on the model's device.
    Raises:
        ValueError: ``steps`` is out of range, or guidance lacks its null condition.
    """
    path = sampling_path(denoiser, noise, condition, null=null, guidance=guidance, steps=steps)
    return deque(path, maxlen=1).pop()


def sampling_path(
    denoiser: Denoiser,
    noise: Tensor,
    condition: Conditioning,
    *,
    null: Conditioning | None = None,
    guidance: float = 1.0,
    steps: int = 50,
) -> Iterator[Tensor]:
    """The latents after each step of ``sample``, ``steps`` of them; the last is clean. Arguments as there.

    A step is made when it is asked for, at the timestep of its place in :func:`timesteps_of`: so whoever hooks into
    the network can do so step by step.
    """
    predict = guided(denoiser, condition, null, guidance)
    latents, positions = noise.to(denoiser.device), timesteps_of(denoiser, steps, len(noise))
    schedule = [*(coefficients(denoiser, timesteps) for timesteps in positions), clean_end(latents)]
    for place, timesteps in enumerate(positions):
        now, then = schedule[place], schedule[place + 1]
        with torch.no_grad():
            prediction = predict(latents, timesteps)
            latents = then.signal * now.clean(latents, prediction) + then.noise * now.residue(latents, prediction)
        yield latents


def guided(denoiser: Denoiser, condition: Conditioning, null: Conditioning | None, guidance: float) -> Predict:
    """Predictions under ``condition`` with classifier-free guidance; arguments as for ``sample``.

    Raises:
        ValueError: guidance is not 1, and there is no null condition.
    """
    if guidance == 1:
        return lambda noisy, timesteps: denoiser.predict(noisy, timesteps, condition)
    if null is None:
        raise ValueError(f"guidance = {guidance} compares with the null condition; give null, or guidance = 1")

    def predict(noisy: Tensor, timesteps: Tensor) -> Tensor:
        with_label = denoiser.predict(noisy, timesteps, condition)
        without = denoiser.predict(noisy, timesteps, null)
        return without + guidance * (with_label - without)

    return predict


def timesteps_of(denoiser: Denoiser, steps: int, count: int) -> list[Tensor]:
    """The timesteps of ``steps`` steps from noise down, each (count,): steps / steps, ..., 1 / steps of the schedule.

    Raises:
        ValueError: ``steps`` is out of range.
    """
    if not 1 <= steps <= MOST_STEPS:
        raise ValueError(f"steps = {steps}: give 1 to {MOST_STEPS}")
    fractions = torch.arange(steps, 0, -1).double() / steps - BELOW_NOISE
    return [denoiser.timesteps(fraction.clamp(min=0).repeat(count)) for fraction in fractions]


def clean_end(like: Tensor) -> Coefficients:
    """The schedule where all noise is gone, for latents like ``like``."""
    one = torch.ones(len(like), 1, 1, 1, device=like.device)
    return Coefficients(one, torch.zeros_like(one), torch.zeros_like(one), one)
