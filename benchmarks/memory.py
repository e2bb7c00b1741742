"""Peak memory of scoring one picture with the full-size Stable Diffusion 1.5, against one bare forward.

    python benchmarks/memory.py [--size 512] [--divisor 1]

Random weights in float32 on the CPU; the full size needs 9 GB of memory and 4.5 GB of disk. Two processes load the
same checkpoint: one runs a single forward at batch 2, the other scores a picture at batch 2. Their peaks of resident
memory are compared; `divisor` makes the network so many times narrower.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

BATCH = 2


def open_tools(folder: Path) -> object:
    """The model with its text encoder, as a run opens it."""
    from diffmine.builtin.encoders.clip_text import ClipText
    from diffmine.builtin.models.stable_diffusion import StableDiffusion
    from diffmine.interfaces import ModelTools

    model = StableDiffusion(StableDiffusion.Config(path=str(folder)))
    encoder = ClipText(ClipText.Config(template="a car from {label}"))
    return ModelTools(model, encoder, device="cpu", seed=0, labels=["japan"], folder=None)


def loaded(folder: Path, size: int) -> None:
    """Weights only."""
    open_tools(folder).encoder.encode([None, "japan"])  # type: ignore[attr-defined]


@torch.inference_mode()
def forward(folder: Path, size: int) -> None:
    """Weights, and one forward at batch 2."""
    tools = open_tools(folder)
    denoiser = tools.denoiser  # type: ignore[attr-defined]
    noisy = torch.randn(BATCH, denoiser.latent_channels, size // denoiser.stride, size // denoiser.stride)
    conditioning = tools.encoder.encode([None, "japan"])  # type: ignore[attr-defined]
    denoiser.predict(noisy, denoiser.timesteps(torch.full((BATCH,), 0.5)), conditioning)


def score(folder: Path, size: int) -> None:
    """Weights, and the typicality of one picture from two draws."""
    from scoring import picture

    from diffmine.builtin.scorers.diffusion import Diffusion
    from diffmine.interfaces import Progress

    config = Diffusion.Config(draws=2, batch_size=BATCH, null_labels=0)
    Diffusion(config).open(open_tools(folder)).score([picture(0, size)], [["japan"]], Progress())  # type: ignore[arg-type]


TASKS = {"loaded": loaded, "forward": forward, "score": score}


def peak(task: str, folder: Path, size: int) -> float:
    """Peak resident memory in GB of a process that does the task."""
    command = [sys.executable, __file__, "--task", task, "--folder", str(folder), "--size", str(size)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def main() -> None:
    """Print the table, or, in a process of its own, do one task."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--divisor", type=int, default=1)
    parser.add_argument("--task", choices=TASKS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.task:
        TASKS[arguments.task](arguments.folder, arguments.size)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9)
        return
    from random_checkpoint import stable_diffusion

    with tempfile.TemporaryDirectory() as folder:
        stable_diffusion(Path(folder), arguments.divisor)
        peaks = {task: peak(task, Path(folder), arguments.size) for task in TASKS}
    print(f"{arguments.size} px, batch {BATCH}, channels / {arguments.divisor}, random weights, float32, CPU")
    for task, gigabytes in peaks.items():
        print(f"{task:8s} {gigabytes:6.2f} GB")
    print(f"scoring takes {peaks['score'] / peaks['forward']:.3f} x the bare forward's peak")


if __name__ == "__main__":
    main()
