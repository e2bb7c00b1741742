"""Scoring throughput, share of the matrix-product rate and memory on a GPU, as a row for docs/benchmarks.md.

    python benchmarks/gpu.py [--draws 100] [--size 512] [--batch 32] [--images 4] [--path CHECKPOINT]

Without `--path`: Stable Diffusion 1.5's architecture with random weights, which costs what trained weights cost. Runs
on `--device cpu` too, with `--divisor 4`, to try the script.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from random_checkpoint import stable_diffusion
from scoring import picture

from diffmine.builtin.encoders.clip_text import ClipText
from diffmine.builtin.models.stable_diffusion import StableDiffusion
from diffmine.builtin.scorers.diffusion import Diffusion
from diffmine.interfaces import ModelTools, Progress

REPEATS = 10
"""Bare forwards, of which the fastest counts."""


def wait(device: torch.device) -> None:
    """Until the device is done."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def seconds(function: Callable[[], object], device: torch.device) -> float:
    """Of one call, after one to warm up."""
    function()
    wait(device)
    started = time.perf_counter()
    function()
    wait(device)
    return time.perf_counter() - started


def matrix_product_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Floating point operations a second of large matrix products."""
    side = 8192 if device.type == "cuda" else 1024
    matrix = torch.randn(side, side, device=device, dtype=dtype)
    repeats = 20

    def products() -> None:
        for _ in range(repeats):
            matrix @ matrix

    return repeats * 2 * side**3 / seconds(products, device)


def measure(arguments: argparse.Namespace, path: str) -> None:
    """Print the table's row."""
    device = torch.device(arguments.device)
    model = StableDiffusion(StableDiffusion.Config(path=path, compile=arguments.compile, dtype=arguments.dtype))
    conditioning = ClipText(ClipText.Config(template="a car from {label}"))
    tools = ModelTools(model, conditioning, device=arguments.device, seed=0, labels=["japan"], folder=None)
    config = Diffusion.Config(draws=arguments.draws, batch_size=arguments.batch, null_labels=0)
    scoring = Diffusion(config).open(tools)
    pictures = [picture(number, arguments.size) for number in range(arguments.images)]
    labels = [["japan"]] * len(pictures)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    taken = seconds(lambda: scoring.score(pictures, labels, Progress()), device)
    memory = f"{torch.cuda.max_memory_allocated() / 1e9:.1f} GB" if device.type == "cuda" else "-"
    passes = 2 * arguments.draws * len(pictures)
    side = arguments.size // tools.denoiser.stride
    noisy = torch.randn(arguments.batch, tools.denoiser.latent_channels, side, side, device=device)
    timesteps = tools.denoiser.timesteps(torch.full((arguments.batch,), 0.5, device=device))
    conditions = tools.encoder.encode(["japan"] * arguments.batch)
    with torch.inference_mode():
        bare = min(
            seconds(lambda: tools.denoiser.predict(noisy, timesteps, conditions), device) for _ in range(REPEATS)
        )
    bare /= arguments.batch
    rate = model.forward_flops(arguments.size, arguments.size) * passes / taken
    share = rate / matrix_product_rate(device, tools.denoiser.dtype)
    name = torch.cuda.get_device_name() if device.type == "cuda" else "CPU"
    print(
        "| device | dtype | px | draws | batch | images/s | forwards/s | x bare forwards | share of matmul | memory |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    print(
        f"| {name} | {str(tools.denoiser.dtype).removeprefix('torch.')} | {arguments.size} | {arguments.draws} | "
        f"{arguments.batch} | {len(pictures) / taken:.3f} | {passes / taken:.1f} | {taken / passes / bare:.3f} | "
        f"{share:.2f} | {memory} |"
    )


def main() -> None:
    """Parse the options, make a checkpoint if none is named, measure."""
    parser = argparse.ArgumentParser()
    for name, default in (("draws", 100), ("size", 512), ("batch", 32), ("images", 4), ("divisor", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--path")
    parser.add_argument("--dtype", default="auto", help="auto (bfloat16 on CUDA), float32, bfloat16 or float16")
    parser.add_argument("--compile", action="store_true")
    arguments = parser.parse_args()
    if arguments.path:
        measure(arguments, arguments.path)
        return
    with tempfile.TemporaryDirectory() as folder:
        measure(arguments, str(stable_diffusion(Path(folder), arguments.divisor)))


if __name__ == "__main__":
    main()
