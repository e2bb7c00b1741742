"""From latents to the noise that they come from under a condition: DDIM run backwards. Imports torch."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import torch
from torch import Tensor

from diffmine.diffusion.sampling import clean_end, guided, timesteps_of
from diffmine.diffusion.schedule import coefficients
from diffmine.interfaces import Conditioning, Denoiser


@torch.no_grad()
def invert(
    denoiser: Denoiser, latents: Tensor, condition: Conditioning, *, steps: int = 50, refinements: int = 5
) -> Tensor:
    """The noise from which ``sample`` makes these latents, under the same condition, in as many steps, unguided.

    A step of DDIM is linear in z_t once the prediction is known, z_s = A z_t + B p(z_t, t), so its inverse is
    z_t = (z_s - B p(z_t, t)) / A, where z_t stands on both sides. Predicting from z_s instead is DDIM inversion
    (Song et al. 2021, section 4.3); putting what came out back in, as often as ``refinements`` says, is a fixed-point
    iteration (Pan et al. 2023, *Effective Real Image Editing with Accelerated Iterative Diffusion Inversion*) that ends
    at the inverse of ``sample`` itself. Few steps need more refinements than many.

    Args:
        denoiser: the model.
        latents: float32, (batch, channels, h, w), such as ``Denoiser.encode`` gives.
        condition: what each is told, (batch,).
        steps: from 1 to 1000.
        refinements: 0: plain DDIM inversion; each costs as much again.
    Returns:
        float32, of the shape of ``latents``, on the model's device.
    Raises:
        ValueError: ``steps`` or ``refinements`` is out of range.
    """
    path = inversion_path(denoiser, latents, condition, steps=steps, refinements=refinements)
    return deque(path, maxlen=1).pop()


def inversion_path(
    denoiser: Denoiser, latents: Tensor, condition: Conditioning, *, steps: int = 50, refinements: int = 5
) -> Iterator[Tensor]:
    """The latents after each step of ``invert``, ``steps`` of them; the last is the noise. Arguments as there."""
    if refinements < 0:
        raise ValueError(f"refinements = {refinements}: give 0 or more")
    predict = guided(denoiser, condition, None, 1.0)
    latents, positions = latents.to(denoiser.device), timesteps_of(denoiser, steps, len(latents))
    then = clean_end(latents)
    one, zero = then.signal, then.noise
    for timesteps in reversed(positions):
        now = coefficients(denoiser, timesteps)
        kept = then.signal * now.clean(one, zero) + then.noise * now.residue(one, zero)
        added = then.signal * now.clean(zero, one) + then.noise * now.residue(zero, one)
        with torch.no_grad():
            noisy = latents
            for _ in range(1 + refinements):
                noisy = (latents - added * predict(noisy, timesteps)) / kept
        latents, then = noisy, now
        yield latents
