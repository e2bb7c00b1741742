"""DIFT features of an image's patches: one pass an image, against the published procedure of one pass a patch.

Run ``python benchmarks/features.py`` (a few minutes on two cores); ``--help`` lists what can be changed. The published
procedure is written out literally in ``OnePassAPatch``: for each patch it opens the picture, encodes it, draws an
ensemble of noises, runs the UNet up to the block and averages the patch's cells. Both use the same UNet (genuine
classes, random weights), the same ensemble in one batch, stop after the same block and cache the prompts' embeddings;
both are given the same noises, so their features must agree, which is checked. They take turns, so that a busy machine
slows both.
"""

from __future__ import annotations

import argparse
import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from PIL import Image
from rich.console import Console
from rich.table import Table

from diffmine.builtin.encoders.clip_text import ClipText
from diffmine.builtin.extractors.dift import Dift
from diffmine.builtin.models.stable_diffusion import StableDiffusion
from diffmine.interfaces import ModelTools, PatchRequest
from diffmine.numerics.seeding import numpy_generator, torch_generator
from diffmine.pictures.decoding import decode
from diffmine.testing.toy_pictures import toy_picture
from diffmine.testing.toy_stable_diffusion import WIDTH, seeded
from diffmine.testing.toy_tools import as_picture
from diffmine.testing.toys import tiny_stable_diffusion
from diffmine.types import Box, FloatArray, Picture

LABELS = ("a", "b")
TIMESTEP, BLOCK, ENSEMBLE = 161, 1, 8


@dataclass(frozen=True)
class Work:
    """A picture on the disk and its patches."""

    path: Path
    picture: Picture
    label: str
    boxes: tuple[Box, ...]

    def open(self) -> Picture:
        """Read and decode the picture."""
        return Picture(self.picture.record, decode(self.path.read_bytes(), None))


@dataclass
class Measured:
    """What a procedure cost, summed over its turns."""

    name: str
    run: Callable[[Sequence[Work]], FloatArray]
    seconds: float = 0.0
    passes: int = 0
    turns: list[float] = field(default_factory=list)


class OnePassAPatch:
    """The published procedure."""

    def __init__(self, tools: ModelTools) -> None:
        self.denoiser, self.tools = tools.denoiser, tools
        self.prompts = {label: tools.encoder.encode([label]) for label in LABELS}

    @torch.no_grad()
    def __call__(self, work: Sequence[Work]) -> FloatArray:
        """The features of all patches, one patch at a time."""
        return np.stack([self.patch(one, box) for one in work for box in one.boxes])

    def patch(self, one: Work, box: Box) -> FloatArray:
        """The feature of one patch."""
        picture = one.open()
        pixels = torch.from_numpy(picture.pixels.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
        latents = self.denoiser.encode(pixels.to(self.denoiser.device)).repeat(ENSEMBLE, 1, 1, 1)
        keys = [(self.tools.seed, picture.record.digest, "dift", number) for number in range(ENSEMBLE)]
        noise = torch.stack([torch.randn(latents.shape[1:], generator=torch_generator(*key)) for key in keys])
        timesteps = torch.full((ENSEMBLE,), TIMESTEP, device=latents.device)
        noisy = self.denoiser.add_noise(latents, noise.to(latents.device), timesteps)
        prompt = self.prompts[one.label].map(lambda part: part.repeat(ENSEMBLE, *[1] * (part.ndim - 1)))
        features = self.denoiser.block_features(noisy, timesteps, prompt, BLOCK).mean(0)
        cell = picture.pixels.shape[0] // features.shape[1]
        cells = features[:, box.y0 // cell : box.y1 // cell, box.x0 // cell : box.x1 // cell]
        feature = cells.mean((1, 2)).cpu().numpy()
        return feature / np.linalg.norm(feature)


class OnePassAnImage:
    """The extractor ``dift``."""

    def __init__(self, tools: ModelTools) -> None:
        config = Dift.Config(timestep=TIMESTEP, block=BLOCK, ensemble=ENSEMBLE, batch_size=ENSEMBLE)
        self.extraction = Dift(config).open(tools)

    def __call__(self, work: Sequence[Work]) -> FloatArray:
        """The features of all patches."""
        requests = [PatchRequest(one.open(), one.label, one.boxes) for one in work]
        return np.concatenate(self.extraction.extract(requests))


def write_checkpoint(folder: Path, channels: Sequence[int]) -> Path:
    """A Stable Diffusion pipeline of random weights: the UNet and the autoencoder of 1.5, narrower."""
    tiny_stable_diffusion(folder)
    with seeded(0):
        unet = UNet2DConditionModel(
            block_out_channels=tuple(channels), cross_attention_dim=WIDTH, attention_head_dim=8, sample_size=32
        )
        vae = AutoencoderKL(
            block_out_channels=tuple(max(32, width // 4) for width in channels),
            down_block_types=("DownEncoderBlock2D",) * len(channels),
            up_block_types=("UpDecoderBlock2D",) * len(channels),
            layers_per_block=2,
            latent_channels=4,
        )
    unet.save_pretrained(folder / "unet")
    vae.save_pretrained(folder / "vae")
    return folder


def draw_work(folder: Path, images: int, patches: int, size: int, side: int) -> list[Work]:
    """Pictures as JPEG files, with patches at random whole cells of the feature grid."""
    work = []
    for number in range(images):
        path = folder / f"{number}.jpg"
        Image.fromarray(toy_picture(number % 2, 2, size, 0, number)[0]).save(path, quality=95)
        corners = numpy_generator("benchmark", number).integers(0, (size - side) // 16 + 1, (patches, 2)) * 16
        boxes = tuple(Box(y, x, y + side, x + side) for y, x in corners.tolist())
        work.append(Work(path, as_picture(decode(path.read_bytes(), None)), LABELS[number % 2], boxes))
    return work


def measure(work: Sequence[Work], procedures: Sequence[Measured], denoiser_passes: list[int], turn: int) -> float:
    """Let the procedures take turns; returns the largest difference of their features."""
    difference = 0.0
    for start in range(0, len(work), turn):
        found = []
        for procedure in procedures:
            denoiser_passes.clear()
            begin = time.perf_counter()
            found.append(procedure.run(work[start : start + turn]))
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            procedure.turns.append(time.perf_counter() - begin)
            procedure.seconds += procedure.turns[-1]
            procedure.passes += sum(denoiser_passes)
        difference = max(difference, float(np.abs(found[0] - found[1]).max()))
    return difference


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--patches", type=int, default=5, help="of each image")
    parser.add_argument("--size", type=int, default=64, help="side of the pictures in pixels, a multiple of 64")
    parser.add_argument("--side", type=int, default=32, help="of the patches in pixels, a multiple of 16")
    parser.add_argument("--channels", type=int, nargs=4, default=[32, 64, 64, 64], help="of the UNet's levels")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        checkpoint = write_checkpoint(Path(temporary, "model"), options.channels)
        work = draw_work(Path(temporary), options.images, options.patches, options.size, options.side)
        model = StableDiffusion(StableDiffusion.Config(path=str(checkpoint), dtype="float32"))
        prompts = ClipText(ClipText.Config(template="image of {label}"))
        tools = ModelTools(model, prompts, device=options.device, seed=0, labels=LABELS, folder=None)
        passes: list[int] = []
        unet = tools.denoiser.network
        unet.get_submodule("conv_in").register_forward_hook(lambda module, inputs, output: passes.append(len(output)))
        published = Measured("published: one pass a patch", OnePassAPatch(tools))
        ours = Measured("dift: one pass an image", OnePassAnImage(tools))
        for procedure in (published, ours):
            procedure.run(work[:1])
        difference = measure(work, (published, ours), passes, turn=max(1, options.images // 10))
    parameters = sum(parameter.numel() for parameter in unet.parameters()) / 1e6
    report(published, ours, difference, options, parameters)


def report(
    published: Measured, ours: Measured, difference: float, options: argparse.Namespace, parameters: float
) -> None:
    """Print the table."""
    count = options.images * options.patches
    table = Table(title=f"DIFT features of {count} patches from {options.images} images of {options.size} px")
    for column in ("procedure", "UNet passes", "seconds", "patches / s", "fewer passes", "less time"):
        table.add_column(column, justify="left" if column == "procedure" else "right")
    for one in (published, ours):
        table.add_row(
            one.name,
            f"{one.passes:,}",
            f"{one.seconds:.1f}",
            f"{count / one.seconds:.1f}",
            f"{published.passes / one.passes:.2f} x",
            f"{published.seconds / one.seconds:.2f} x",
        )
    ratios = [slow / fast for slow, fast in zip(published.turns, ours.turns, strict=True)]
    console = Console(width=max(100, Console().width))
    console.print(table)
    console.print(f"less time, by turn: {min(ratios):.2f} x to {max(ratios):.2f} x, median {np.median(ratios):.2f} x")
    console.print(f"largest difference of features between the procedures: {difference:.1e}")
    console.print(
        f"UNet of {parameters:.1f} M parameters, float32, {options.device}, {torch.get_num_threads()} threads; "
        f"torch {torch.__version__}, {platform.machine()}, {platform.system()}"
    )


if __name__ == "__main__":
    main()
