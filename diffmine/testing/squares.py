"""Noise with a square of the label's colour anywhere, and its exact denoiser: influence, agreement and place are known.

Unlike under the Gaussian model, where an element lies has to be found, and the denoiser may be unsure of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from diffmine.interfaces import Conditioning, ModelTools
from diffmine.testing.gaussian import GaussianDenoiser, GaussianMeans, GaussianModel, Prediction
from diffmine.types import BoolArray, ImageRecord, Picture

SIDE, SQUARE = 16, 4
COLOURS = {"blue": (-0.3, 0.0, 0.3), "green": (-0.1, 0.35, -0.1), "red": (0.35, -0.1, -0.1)}
SPREAD = 0.3
EMPTY = 0.2
"""Share of a label's pictures that have no square."""


class SquaresDenoiser(GaussianDenoiser):
    """The exact denoiser: a mixture over the places of the square.

    With mu_k the picture's mean where the square is at place k, pi_k its probability and v = a^2 s^2 + b^2, a place's
    posterior is in proportion to pi_k exp(-|x_t - a mu_k|^2 / 2 v), and the best prediction of x is the mean over it of
    mu_k + (a s^2 / v) (x_t - a mu_k). The null condition's mixture is over the labels as well.

    Attributes:
        places: where a square can be, (places, side, side), 1 on the square.
    """

    def __init__(self, prediction: Prediction) -> None:
        super().__init__(prediction, SPREAD, 1, torch.device("cpu"))
        reach = SIDE - SQUARE + 1
        self.places = torch.zeros(reach * reach, SIDE, SIDE)
        for place in range(reach * reach):
            y, x = divmod(place, reach)
            self.places[place, y : y + SQUARE, x : x + SQUARE] = 1
        colours = [torch.tensor(colour)[:, None, None] for colour in COLOURS.values()]
        squares = [self.places[:, None] * colour for colour in colours]
        self._means = torch.cat([torch.zeros(1, 3, SIDE, SIDE), *squares]).flatten(1)
        self._prior = torch.zeros(1 + len(colours), len(self._means))
        for row in range(len(colours)):
            of_label = slice(1 + row * len(self.places), 1 + (row + 1) * len(self.places))
            self._prior[1 + row, of_label] = (1 - EMPTY) / len(self.places)
        self._prior[0] = self._prior[1:].mean(0)
        self._prior[:, 0] = EMPTY

    def predict(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning) -> Tensor:
        """Predict; a condition's first value is the number of its label from 1 on, 0 the null condition's."""
        a, b = self.scales(timesteps)
        flat, scale, variance = noisy.flatten(1), a.flatten(1), (a**2 * self.spread**2 + b**2).flatten(1)
        prior = self._prior[conditioning.tokens[:, 0, 0].round().long()].log()
        fit = scale * (flat @ self._means.T) - scale**2 * self._means.square().sum(1) / 2
        mean = (prior + fit / variance).softmax(1) @ self._means
        clean = (mean + scale * self.spread**2 / variance * (flat - scale * mean)).view_as(noisy)
        noise = (noisy - a * clean) / b
        return {"epsilon": noise, "v_prediction": a * noise - b * clean, "flow": noise - clean}[self.prediction]


class Squares(GaussianModel):
    """The model that loads it."""

    name = "squares"

    def load(self, device: torch.device, *, folder: Path | None = None) -> SquaresDenoiser:
        return SquaresDenoiser(self.config.prediction)


def squares_tools(prediction: Prediction) -> ModelTools:
    """The model and its conditions."""
    means = {label: (float(number), 0.0, 0.0) for number, label in enumerate(COLOURS, start=1)}
    encoder = GaussianMeans(GaussianMeans.Config(means=means))
    model = Squares(Squares.Config(prediction=prediction))
    return ModelTools(model, encoder, device="cpu", seed=0, labels=tuple(COLOURS), folder=None)


def draw_squares(count: int, seed: int = 0) -> tuple[Sequence[Picture], Sequence[BoolArray]]:
    """Pictures drawn from the distribution, label by label in turn, and where their squares are (nowhere in some)."""
    rng, places = np.random.default_rng(seed), SquaresDenoiser("epsilon").places.numpy()
    pictures, masks = [], []
    for number in range(count):
        label = list(COLOURS)[number % len(COLOURS)]
        mask = places[rng.integers(len(places))] * float(rng.random() >= EMPTY)
        values = mask[..., None] * np.array(COLOURS[label]) + SPREAD * rng.standard_normal((SIDE, SIDE, 3))
        pixels = ((values + 1) * 127.5).clip(0, 255).round().astype(np.uint8)
        digest = hashlib.sha256(pixels.tobytes()).hexdigest()
        record = ImageRecord(digest[:20], f"{number}.png", (label,), SIDE, SIDE, digest, "heldout")
        pictures.append(Picture(record, pixels))
        masks.append(mask > 0)
    return pictures, masks
