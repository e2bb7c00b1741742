"""Generated pictures, to see what a model has learned. Imports torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image

from diffmine.diffusion.sampling import sample
from diffmine.interfaces import Denoiser, PromptEncoder
from diffmine.numerics.seeding import torch_generator

STEPS = 25
GUIDANCE = 3.0
COLUMNS = 4


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
        rows = [
            sample(denoiser, noise, encoder.encode([label] * COLUMNS), null=null, guidance=GUIDANCE, steps=STEPS)
            for label in labels
        ]
        pixels = torch.cat([torch.cat(list(denoiser.decode(row)), dim=2) for row in rows], dim=1)
    network.train()
    values = ((pixels.clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).cpu().numpy()
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)
