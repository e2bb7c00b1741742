"""Scoring against the bare UNet forwards it needs, and against the published procedure.

    python benchmarks/scoring.py [--images 8] [--draws 20] [--size 64] [--threads 1]

The UNet is `patch-unet` with random weights; a trained one costs the same. Times are processor time on the given number
of threads, so that other work on the machine does not lengthen them. The published procedure, written literally: for
each picture the draws in batches of 10, first all with the label, then all without, raw losses kept and upsampled.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from collections.abc import Callable

import numpy as np
import torch

from diffmine.builtin.encoders.label_embedding import LabelEmbedding
from diffmine.builtin.models.patch_unet import PatchUNet
from diffmine.builtin.scorers.diffusion import Diffusion
from diffmine.diffusion.draws import draw
from diffmine.interfaces import Denoiser, ModelTools, Progress
from diffmine.pictures.decoding import to_model
from diffmine.types import ImageRecord, Picture

BATCHES = (4, 8, 16, 32, 64)
PUBLISHED_BATCH = 10


def picture(number: int, size: int) -> Picture:
    """A picture of noise; what is on it costs nothing."""
    pixels = np.random.default_rng(number).integers(0, 256, (size, size, 3), dtype=np.uint8)
    digest = hashlib.sha256(pixels.tobytes()).hexdigest()
    return Picture(ImageRecord(digest[:20], f"{number}.png", ("a",), size, size, digest, "train"), pixels)


def seconds(function: Callable[[], object]) -> float:
    """The least of three."""
    best = float("inf")
    for _ in range(3):
        started = time.process_time()
        function()
        best = min(best, time.process_time() - started)
    return best


@torch.inference_mode()
def bare(tools: ModelTools, size: int, batch: int, forwards: int) -> float:
    """Seconds of so many forwards in batches, on inputs that lie ready."""
    denoiser = tools.denoiser
    side = size // denoiser.stride
    noisy = torch.randn(batch, denoiser.latent_channels, side, side)
    timesteps = denoiser.timesteps(torch.full((batch,), 0.5))
    conditioning = tools.encoder.encode(["a"] * batch)
    once = seconds(lambda: denoiser.predict(noisy, timesteps, conditioning))
    return once * forwards / batch


@torch.inference_mode()
def published(tools: ModelTools, pictures: list[Picture], config: Diffusion.Config) -> list[np.ndarray]:
    """Mean maps at image size, by the published procedure."""
    denoiser, maps = tools.denoiser, []
    for one in pictures:
        latent = denoiser.encode(to_model(one.pixels, denoiser.size_multiple)[None])
        fractions, noise = draw(
            config, tuple(latent.shape[1:]), tools.seed, one.record.digest, range(config.rounds[-1])
        )
        losses = {label: _losses(denoiser, tools, latent, fractions, noise, label) for label in ("a", None)}
        raw = torch.nn.functional.interpolate(
            (losses[None] - losses["a"])[:, None], size=one.pixels.shape[:2], mode="bilinear"
        )
        maps.append(raw.mean(0)[0].numpy())
    return maps


def _losses(
    denoiser: Denoiser,
    tools: ModelTools,
    latent: torch.Tensor,
    fractions: torch.Tensor,
    noise: torch.Tensor,
    label: str | None,
) -> torch.Tensor:
    parts = []
    for start in range(0, len(noise), PUBLISHED_BATCH):
        of_batch = noise[start : start + PUBLISHED_BATCH]
        repeated = latent.expand(len(of_batch), -1, -1, -1)
        timesteps = denoiser.timesteps(fractions[start : start + PUBLISHED_BATCH])
        noisy = denoiser.add_noise(repeated, of_batch, timesteps)
        prediction = denoiser.predict(noisy, timesteps, tools.encoder.encode([label] * len(of_batch)))
        parts.append((prediction - denoiser.target(repeated, of_batch, timesteps)).square().mean(1))
    return torch.cat(parts)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    for name, default in (("images", 8), ("draws", 20), ("size", 64), ("threads", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    model, conditioning = PatchUNet(PatchUNet.Config(start="scratch")), LabelEmbedding(LabelEmbedding.Config())
    tools = ModelTools(model, conditioning, device="cpu", seed=0, labels=["a", "b"], folder=None)
    pictures = [picture(number, arguments.size) for number in range(arguments.images)]
    tools.denoiser.initialise(torch.stack([to_model(one.pixels, 8) for one in pictures]), seed=0)
    tools.denoiser.network.eval()
    forwards = 2 * arguments.images * arguments.draws
    bares = {batch: bare(tools, arguments.size, batch, forwards) for batch in BATCHES}
    best = min(bares, key=lambda batch: bares[batch])
    config = Diffusion.Config(draws=arguments.draws, null_labels=0, batch_size=best)
    scoring = Diffusion(config).open(tools)
    labels = [["a"]] * len(pictures)
    ours = seconds(lambda: scoring.score(pictures, labels, Progress()))
    literal = seconds(lambda: published(tools, pictures, config))
    each = 1000 / forwards
    print(f"{forwards} forwards, {arguments.size} px, {arguments.threads} thread(s); milliseconds each")
    for batch, value in bares.items():
        print(f"bare forwards, batch {batch:3d}  {each * value:7.2f}")
    print(f"diffmine, batch {best:3d}       {each * ours:7.2f}, {ours / bares[best]:.3f} x the best bare")
    print(f"published, batch {PUBLISHED_BATCH:2d}       {each * literal:7.2f}, {literal / ours:.2f} x diffmine")


if __name__ == "__main__":
    main()
