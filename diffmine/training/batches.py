"""Batches as tensors, in micro-batches of one shape."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from diffmine.training.latents import LatentSource
from diffmine.training.samples import Draw, Draws

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Example:
    """One picture of a batch: a draw with its latent and noise, each float32, (channels, h, w)."""

    draw: Draw
    latent: Tensor
    noise: Tensor


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """Pictures of one shape that go through the network together.

    Attributes:
        latents: float32, (pictures, channels, h, w).
        noise: like ``latents``.
        fractions: float64, (pictures,): positions on the noise schedule.
        draws: what the pictures are.
    """

    latents: Tensor
    noise: Tensor
    fractions: Tensor
    draws: Sequence[Draw]


class Batches:
    """This process's share of the batch of each step, always decoding one step ahead."""

    def __init__(self, draws: Draws, source: LatentSource, positions: range, steps: int) -> None:
        self._draws, self._source, self._positions, self._steps = draws, source, positions, steps
        self._next: tuple[int, list[Draw]] = (-1, [])

    def __getitem__(self, step: int) -> list[Example]:
        draws = self._next[1] if self._next[0] == step else self._draws.batch(step, self._positions)
        examples = [example(draw, self._source) for draw in draws]
        if step + 1 < self._steps:
            self._next = step + 1, self._draws.batch(step + 1, self._positions)
            self._source.prepare(self._next[1])
        return examples


def example(draw: Draw, source: LatentSource) -> Example:
    """Latent and noise of a draw; the noise is drawn on the CPU, so it is the same on every device."""
    import torch

    latent = source.latent(draw)
    return Example(draw, latent, torch.randn(latent.shape, generator=draw.noise_generator()))


def micro_batches(examples: Sequence[Example], size: int) -> Iterator[MicroBatch]:
    """Stack examples: those of one shape together, at most ``size`` of them."""
    shapes: dict[tuple[int, ...], list[Example]] = {}
    for one in examples:
        shapes.setdefault(tuple(one.latent.shape), []).append(one)
    for alike in shapes.values():
        for start in range(0, len(alike), size):
            yield _stack(alike[start : start + size])


def _stack(examples: Sequence[Example]) -> MicroBatch:
    import torch

    draws = [one.draw for one in examples]
    # Latents that are kept lie on the CPU, those that found no room where they were encoded.
    devices = (one.latent.device for one in examples)
    device = next((place for place in devices if place.type != "cpu"), torch.device("cpu"))
    return MicroBatch(
        torch.stack([one.latent.to(device) for one in examples]),
        torch.stack([one.noise for one in examples]),
        torch.tensor([draw.fraction for draw in draws], dtype=torch.float64),
        draws,
    )
