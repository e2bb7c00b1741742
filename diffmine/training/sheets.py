"""Generated pictures, to see what a model has learned. Imports torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from diffmine.interfaces import Conditioning, Denoiser, PromptEncoder
from diffmine.numerics.seeding import torch_generator
from diffmine.training.loss import coefficients

STEPS = 25
GUIDANCE = 3.0
COLUMNS = 4


@torch.no_grad()
def generate(denoiser: Denoiser, condition: Conditioning, null: Conditioning, noise: Tensor) -> Tensor:
    """DDIM (Song et al. 2021, eq. 12 with no added noise) with classifier-free guidance, for any linear target.

    For flow matching this is Euler's method.

    Args:
        noise: float32, (batch, channels, h, w).
    Returns:
        latents, of the shape of ``noise``.
    """
    fractions = torch.arange(STEPS, 0, -1).double() / STEPS - 1e-3
    latents = noise.to(denoiser.device)
    count = len(latents)
    for place, fraction in enumerate(fractions):
        timesteps = denoiser.timesteps(fraction.repeat(count))
        with_label = denoiser.predict(latents, timesteps, condition)
        without = denoiser.predict(latents, timesteps, null)
        prediction = without + GUIDANCE * (with_label - without)
        now = coefficients(denoiser, timesteps)
        clean = (now.target_noise * latents - now.noise * prediction) / now.determinant
        residue = (now.signal * prediction - now.target_signal * latents) / now.determinant
        if place + 1 == STEPS:
            return clean
        then = coefficients(denoiser, denoiser.timesteps(fractions[place + 1].repeat(count)))
        latents = then.signal * clean + then.noise * residue
    return latents


def write_sheet(
    path: Path, denoiser: Denoiser, encoder: PromptEncoder, labels: Sequence[str], shape: Sequence[int], *, seed: int
) -> None:
    """One row of generated pictures for each label, from the same noise in every row.

    Args:
        path: PNG file.
        shape: of a latent, (channels, h, w).
    """
    noise = torch.randn((COLUMNS, *shape), generator=torch_generator(seed, "finetune", "sheet"))
    network = denoiser.network
    network.eval()
    with torch.no_grad():
        null = encoder.encode([None] * COLUMNS)
        rows = [generate(denoiser, encoder.encode([label] * COLUMNS), null, noise) for label in labels]
        pixels = torch.cat([torch.cat(list(denoiser.decode(row)), dim=2) for row in rows], dim=1)
    network.train()
    values = ((pixels.clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).cpu().numpy()
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)
