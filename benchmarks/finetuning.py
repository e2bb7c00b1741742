"""Training steps a second, against a plain loop in the style of diffusers' text-to-image example.

Run ``python benchmarks/finetuning.py`` (some minutes on two cores); ``--help`` lists what can be changed. Two
comparisons, each in turns, so that a busy machine slows all alike; the medians of the turns are printed, in wall time
and in CPU time (of all threads, which other programs disturb less):

- Stable Diffusion 1.5's architecture at a fraction of its width (genuine classes, random weights). The plain loop reads
  JPEG files through a DataLoader, encodes pictures and prompts at each step, and steps AdamW, as the example does with
  its defaults. Ours trains once on random crops, as the plain loop does, and once with kept latents.
- ``patch-unet``, against the barest loop there is: latents in one tensor, no crops, no logging, no checkpoints.

The same network, batch, precision and number of threads for all.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from diffusers.optimization import get_scheduler
from PIL import Image
from random_checkpoint import stable_diffusion
from rich.console import Console
from rich.table import Table
from transformers import CLIPTextModel, CLIPTokenizer

from diffmine.builtin.encoders.clip_text import ClipText
from diffmine.builtin.encoders.label_embedding import LabelEmbedding
from diffmine.builtin.models.patch_unet import PatchUNet
from diffmine.builtin.models.stable_diffusion import StableDiffusion
from diffmine.interfaces import Event, ModelTools, Progress, TrainingSet
from diffmine.pictures.decoding import decode
from diffmine.testing.toy_pictures import toy_picture
from diffmine.testing.toy_tokenizer import CONTEXT
from diffmine.training.adaptations import everything
from diffmine.training.loop import train
from diffmine.training.options import TrainingOptions
from diffmine.types import ImageRecord, Picture

CPU = torch.device("cpu")
LABELS = ("a", "b")
PROMPT = "A photo from {label}"


@dataclass
class Clock:
    """A listener: wall and CPU time of the steps after the first ``skip``."""

    skip: int
    ticks: list[tuple[float, float]] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        if event.what == "advanced":
            self.advance(event.amount)

    def advance(self, amount: int = 1) -> None:
        """A step is done."""
        self.ticks += [(time.perf_counter(), time.process_time())] * amount

    def per_step(self) -> tuple[float, float]:
        """Seconds a step: wall, CPU."""
        first, last = self.ticks[self.skip - 1], self.ticks[-1]
        steps = len(self.ticks) - self.skip
        return (last[0] - first[0]) / steps, (last[1] - first[1]) / steps


def write_pictures(folder: Path, count: int, side: int) -> list[ImageRecord]:
    """JPEG files, a quarter wider than high."""
    records = []
    for number in range(count):
        pixels, _ = toy_picture(number % 2, 2, side * 5 // 4, 0, number)
        path = folder / f"{number}.jpg"
        Image.fromarray(pixels[:side]).save(path, quality=92)
        label = LABELS[number % 2]
        records.append(ImageRecord(path.stem, path.name, (label,), side * 5 // 4, side, path.stem, "train"))
    return records


class PlainPictures(torch.utils.data.Dataset[dict[str, torch.Tensor]]):
    """Random crops and tokenised prompts."""

    def __init__(self, folder: Path, records: Sequence[ImageRecord], side: int, tokenizer: CLIPTokenizer) -> None:
        self.folder, self.records, self.side, self.tokenizer = folder, records, side, tokenizer

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, place: int) -> dict[str, torch.Tensor]:
        """``pixel_values`` and ``input_ids`` of one picture."""
        record = self.records[place]
        image = Image.open(self.folder / record.path).convert("RGB")
        left = int(torch.randint(0, image.width - self.side + 1, ()))
        crop = np.asarray(image.crop((left, 0, left + self.side, self.side)), np.float32)
        tokens = self.tokenizer(
            PROMPT.format(label=record.labels[0]), max_length=CONTEXT, padding="max_length", return_tensors="pt"
        )
        return {"pixel_values": torch.tensor(crop).permute(2, 0, 1) / 127.5 - 1, "input_ids": tokens.input_ids[0]}


def forever(loader: torch.utils.data.DataLoader[dict[str, torch.Tensor]]) -> Iterator[dict[str, torch.Tensor]]:
    """Batches, epoch after epoch."""
    while True:
        yield from loader


def plain_loop(
    checkpoint: Path, pictures: Path, records: Sequence[ImageRecord], side: int, batch: int, steps: int, clock: Clock
) -> None:
    """What diffusers' text-to-image example does, with its defaults."""
    AcceleratorState._reset_state(True)
    accelerator = Accelerator(cpu=True)
    unet = UNet2DConditionModel.from_pretrained(checkpoint, subfolder="unet")
    vae = AutoencoderKL.from_pretrained(checkpoint, subfolder="vae").requires_grad_(False)
    text_encoder = CLIPTextModel.from_pretrained(checkpoint / "text_encoder").requires_grad_(False)
    tokenizer = CLIPTokenizer.from_pretrained(checkpoint / "tokenizer")
    schedule = DDPMScheduler.from_pretrained(checkpoint, subfolder="scheduler")
    optimizer = torch.optim.AdamW(unet.parameters(), lr=1e-4, weight_decay=1e-2)
    rates = get_scheduler("constant_with_warmup", optimizer, num_warmup_steps=500, num_training_steps=steps)
    dataset = PlainPictures(pictures, records, side, tokenizer)
    loader = torch.utils.data.DataLoader(dataset, batch, shuffle=True)
    unet, optimizer, loader, rates = accelerator.prepare(unet, optimizer, loader, rates)
    unet.train()
    for _, inputs in zip(range(steps), forever(loader), strict=False):
        with accelerator.accumulate(unet):
            latents = vae.encode(inputs["pixel_values"]).latent_dist.sample() * vae.config.scaling_factor
            noise = torch.randn_like(latents)
            timesteps = torch.randint(0, schedule.config.num_train_timesteps, (len(latents),))
            noisy = schedule.add_noise(latents, noise, timesteps)
            states = text_encoder(inputs["input_ids"], return_dict=False)[0]
            loss = F.mse_loss(unet(noisy, timesteps, states, return_dict=False)[0].float(), noise.float())
            accelerator.gather(loss.repeat(batch)).mean().item()
            accelerator.backward(loss)
            accelerator.clip_grad_norm_(unet.parameters(), 1.0)
            optimizer.step()
            rates.step()
            optimizer.zero_grad()
        clock.advance()


def ours(tools: ModelTools, data: TrainingSet, batch: int, steps: int, clock: Clock) -> None:
    """The training loop of diffmine."""
    options = TrainingOptions(steps=steps, batch_size=batch, validate_every=0)
    with tempfile.TemporaryDirectory() as path:
        folder, workspace = Path(path, "model"), Path(path, "workspace")
        folder.mkdir()
        workspace.mkdir()
        train(tools, data, options, everything, folder=folder, workspace=workspace, progress=Progress(clock))


def barest_loop(tools: ModelTools, pixels: torch.Tensor, batch: int, steps: int, clock: Clock) -> None:
    """Latents in one tensor, one label vector each, nothing else."""
    denoiser, encoder = tools.denoiser, tools.encoder
    denoiser.initialise(pixels, seed=0)
    latents = denoiser.encode(pixels)
    network = denoiser.network.train().requires_grad_(True)
    vectors = list(encoder.parameters())
    optimizer = torch.optim.AdamW([*network.parameters(), *vectors], lr=1e-4, fused=True)
    for _ in range(steps):
        chosen = torch.randint(0, len(latents), (batch,))
        noise = torch.randn(batch, *latents.shape[1:])
        timesteps = denoiser.timesteps(torch.rand(batch))
        labels = [LABELS[place % 2] for place in chosen.tolist()]
        prediction = denoiser.predict(
            denoiser.add_noise(latents[chosen], noise, timesteps), timesteps, encoder.encode(labels)
        )
        loss = F.mse_loss(prediction, denoiser.target(latents[chosen], noise, timesteps))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([*network.parameters(), *vectors], 1.0)
        optimizer.step()
        clock.advance()


def compare(
    console: Console, title: str, runs: dict[str, Callable[[Clock], None]], turns: int, skip: int
) -> dict[str, list[tuple[float, float]]]:
    """Let all take turns; print the medians."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for _ in range(turns):
        for name, work in runs.items():
            clock = Clock(skip)
            work(clock)
            times[name].append(clock.per_step())
    table = Table("loop", "s a step", "CPU s a step", "speed", "speed by CPU time", title=title)
    medians = {name: tuple(statistics.median(part) for part in zip(*of, strict=True)) for name, of in times.items()}
    base = next(iter(medians.values()))
    for name, (wall, cpu) in medians.items():
        table.add_row(name, f"{wall:.4f}", f"{cpu:.4f}", f"{base[0] / wall:.2f}", f"{base[1] / cpu:.2f}")
    console.print(table)
    return times


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--divisor", type=int, default=4, help="how many times narrower than Stable Diffusion 1.5")
    parser.add_argument("--side", type=int, default=128, help="pixels of a square crop")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--steps", type=int, default=8, help="measured steps a turn")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    console = Console(width=110)
    console.print(f"{platform.processor() or platform.machine()}, {chosen.threads} threads, torch {torch.__version__}")

    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        checkpoint = stable_diffusion(folder / "checkpoint", chosen.divisor)
        (folder / "pictures").mkdir()
        records = write_pictures(folder / "pictures", 2 * chosen.batch, chosen.side)
        skip, batch, side = 2, chosen.batch, chosen.side
        steps = skip + chosen.steps

        def opened(record: ImageRecord) -> Picture:
            return Picture(record, decode((folder / "pictures" / record.path).read_bytes(), None))

        def tools() -> ModelTools:
            model = StableDiffusion(StableDiffusion.Config(path=str(checkpoint)))
            prompts = ClipText(ClipText.Config(template=PROMPT))
            return ModelTools(model, prompts, device="cpu", seed=0, labels=LABELS, folder=None)

        random, center = (TrainingSet(records, [], opened, crop) for crop in ("random", "center"))
        compare(
            console,
            f"Stable Diffusion 1.5 / {chosen.divisor}, {side} px, batch {batch}, float32",
            {
                "plain": lambda clock: plain_loop(checkpoint, folder / "pictures", records, side, batch, steps, clock),
                "diffmine, random crops": lambda clock: ours(tools(), random, batch, steps, clock),
                "diffmine, kept latents": lambda clock: ours(tools(), center, batch, steps, clock),
            },
            chosen.turns,
            skip,
        )

    pixels = [toy_picture(number % 2, 2, 64, 0, number)[0] for number in range(64)]
    small = [ImageRecord(str(n), str(n), (LABELS[n % 2],), 64, 64, str(n), "train") for n in range(64)]
    data = TrainingSet(small, [], lambda record: Picture(record, pixels[int(record.path)]), "none")
    tensor = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float() / 127.5 - 1

    def untrained() -> ModelTools:
        model, encoder = PatchUNet(PatchUNet.Config(start="scratch")), LabelEmbedding(LabelEmbedding.Config())
        return ModelTools(model, encoder, device="cpu", seed=0, labels=LABELS, folder=None)

    compare(
        console,
        "patch-unet, 64 px, batch 32, float32",
        {
            "barest": lambda clock: barest_loop(untrained(), tensor, 32, steps, clock),
            "diffmine": lambda clock: ours(untrained(), data, 32, steps, clock),
        },
        chosen.turns,
        skip,
    )


if __name__ == "__main__":
    main()
