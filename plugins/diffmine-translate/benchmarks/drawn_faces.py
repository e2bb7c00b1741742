"""What translating between the towns of drawn faces reaches, judged by masks, which chose nothing.

    diffmine run plugins/diffmine-translate/recipes/translate.toml --set seed=7 --out runs/translate-7
    python plugins/diffmine-translate/benchmarks/drawn_faces.py runs/translate-7

Prints for all translations of a run: how many are of their target by the diffusion classifier, how many are still of
their own label; the PSNR against the picture outside the mask of its own element, and outside all places where elements
of the own or of the target label lie in any picture; and how well pictures come back from their noise, beside what
the autoencoder alone loses.
"""

from __future__ import annotations

import sys

import numpy as np
import torch
from diffmine_translate.reading import Translations
from diffmine_translate.versions import psnr

import diffmine
from diffmine.diffusion.losses import latent_of
from diffmine.numerics.shares import mean_share_interval
from diffmine.types import BoolArray, ByteArray


def masked_psnr(one: ByteArray, other: ByteArray, where: BoolArray) -> float:
    """The PSNR over some pixels."""
    return psnr(one[where][None], other[where][None])


@torch.no_grad()
def main(folder: str) -> None:
    """Print the figures of one run."""
    run = diffmine.load_run(folder, device="cpu")
    found, denoiser = Translations.of(run), run.tools().denoiser
    assert found is not None, f"{folder} has no translations"
    anywhere: dict[str, BoolArray] = {}
    for image_id in run.records:
        for label, mask in run.masks(image_id).items():
            anywhere[label] = anywhere.get(label, np.zeros_like(mask)) | mask
    seen, of_image, outside, nowhere, back, coded = [], [], [], [], [], []
    for (image_id, source), rows in found.pictures.items():
        picture, own = run.picture(image_id), run.masks(image_id)[source]
        back.append(rows[0]["reconstruction_psnr"])
        decoded = denoiser.decode(latent_of(denoiser, picture)[None])[0].permute(1, 2, 0)
        coded.append(psnr(((decoded + 1) * 127.5).round().byte().numpy(), picture))
        for row, pixels in zip(rows, found.versions(image_id, source), strict=True):
            if row["translated"]:
                of_image.append(image_id)
                seen.append((row["seen_as"] == row["target"], row["seen_as"] == source))
                outside.append(masked_psnr(pixels, picture, ~own))
                nowhere.append(masked_psnr(pixels, picture, ~(anywhere[source] | anywhere[row["target"]])))
    flips, kept = (np.array(column, float) for column in zip(*seen, strict=True))
    low, high = mean_share_interval(flips, of_image, [1] * len(flips))
    print(f"{len(seen)} translations of {len(found.pictures)} pictures")
    print(f"of their target {flips.mean():.2f} ({low:.2f} to {high:.2f}), still of their own label {kept.mean():.2f}")
    print(f"PSNR outside the own element's mask: median {np.median(outside):.1f} dB, lowest {min(outside):.1f}")
    print(f"PSNR where no element of either label lies: median {np.median(nowhere):.1f} dB")
    print(f"pictures back from noise: median {np.median(back):.1f} dB; autoencoder alone {np.median(coded):.1f}")


if __name__ == "__main__":
    main(sys.argv[1])
