"""A diffusion model whose optimum, and with it the exact typicality, is known in closed form.

Under a condition every latent value is drawn from N(mu, s^2). With the noisy latent x_t = a x + b eps and
v = a^2 s^2 + b^2, the best prediction of x is mu + (a s^2 / v) (x_t - a mu), and the expected gap between the losses
under the null mean mu_0 and a label's mean mu_c is, at a pixel x of one channel,

    epsilon prediction:     T = (a^2 b^2 / v^2) [(x - mu_0)^2 - (x - mu_c)^2]
    v-prediction, flow:     T = (b^2 / v^2)     [(x - mu_0)^2 - (x - mu_c)^2]

because the error of v, and of the flow's velocity, is the error of epsilon divided by a. Told as errors of another
target, T has the factor a^2 b^2 / v^2 (of the noise), b^4 / v^2 (of x) or (a^2 + b^2) b^2 / v^2 (of v), whatever the
model predicts. The two predictions differ by the same at every pixel, so the influence is this factor times
(mu_c - mu_0)^2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from safetensors.torch import load_file, save_file
from torch import Tensor

from diffmine.diffusion.loss_scorer import Weighting
from diffmine.interfaces import (
    ComponentConfig,
    Conditioning,
    ConditioningEncoder,
    Denoiser,
    DiffusionModel,
    PromptEncoder,
)
from diffmine.numerics.seeding import numpy_generator

Prediction = Literal["epsilon", "v_prediction", "flow"]
STEPS = 1000
FILE = "gaussian.safetensors"


class GaussianOptimum(torch.nn.Module):
    """The best prediction there is, plus a trainable ``offset`` (3,), at first 0, for finetuners to move."""

    def __init__(self, prediction: Prediction, spread: float) -> None:
        super().__init__()
        self.prediction, self.spread = prediction, spread
        self.offset = torch.nn.Parameter(torch.zeros(3))

    def forward(self, noisy: Tensor, a: Tensor, b: Tensor, mean: Tensor) -> Tensor:
        """Predict from ``noisy``, (batch, 3, h, w), with a, b (batch, 1, 1, 1) and mean (batch, 3, 1, 1)."""
        clean = mean + a * self.spread**2 / (a**2 * self.spread**2 + b**2) * (noisy - a * mean)
        noise = (noisy - a * clean) / b
        predictions = {"epsilon": noise, "v_prediction": a * noise - b * clean, "flow": noise - clean}
        return predictions[self.prediction] + self.offset[:, None, None]


class GaussianDenoiser(Denoiser):
    """The denoiser; a latent is the picture averaged over ``stride`` x ``stride`` pixels."""

    latent_channels = 3
    num_blocks = 2

    def __init__(self, prediction: Prediction, spread: float, stride: int, device: torch.device) -> None:
        self._network = GaussianOptimum(prediction, spread).to(device)
        self.prediction, self.spread, self.stride = prediction, spread, stride
        self.size_multiple = stride * 2
        self.device, self.dtype = device, torch.float32

    @property
    def network(self) -> GaussianOptimum:
        return self._network

    @property
    def conditioning_width(self) -> int:
        return 3

    def encode(self, pixels: Tensor) -> Tensor:
        return F.avg_pool2d(pixels.to(self.device), self.stride)

    def decode(self, latents: Tensor) -> Tensor:
        return F.interpolate(latents, scale_factor=self.stride).clamp(-1, 1)

    def timesteps(self, fractions: Tensor) -> Tensor:
        """Real numbers in [1, 1000]: 1000 times the position on the schedule, never quite clean."""
        return (fractions.float() * STEPS).clamp(min=1).to(self.device)

    def scales(self, timesteps: Tensor) -> tuple[Tensor, Tensor]:
        """The factors a of the latent and b of the noise, each (batch, 1, 1, 1)."""
        place = (timesteps / STEPS)[:, None, None, None]
        if self.prediction == "flow":
            return 1 - place, place
        return (1 - place**2).sqrt(), place

    def add_noise(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        a, b = self.scales(timesteps)
        return a * latents + b * noise

    def target(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        a, b = self.scales(timesteps)
        targets = {"epsilon": noise, "v_prediction": a * noise - b * latents, "flow": noise - latents}
        return targets[self.prediction]

    def predict(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning) -> Tensor:
        mean = conditioning.tokens.mean(1)[:, :, None, None]
        prediction: Tensor = self._network(noisy, *self.scales(timesteps), mean)
        return prediction

    def block_features(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning, block: int) -> Tensor:
        """Noisy latents beside the prediction; block 0 at half the resolution."""
        features = torch.cat([noisy, self.predict(noisy, timesteps, conditioning)], dim=1)
        return F.avg_pool2d(features, 2 ** (self.num_blocks - 1 - block))

    def snr(self, timesteps: Tensor) -> Tensor | None:
        if self.prediction == "flow":
            return None
        a, b = self.scales(timesteps)
        return (a / b).square().flatten()

    def save(self, folder: Path) -> None:
        save_file(self._network.state_dict(), folder / FILE)

    def typicality(
        self, latents: Tensor, label: Tensor, null: Tensor, timesteps: Tensor, weighting: Weighting = "model"
    ) -> Tensor:
        """The exact T(x | c) of a latent, expected over the noise and averaged over ``timesteps``.

        Args:
            latents: (3, h, w).
            label, null: the means mu_c and mu_0, (3,).
            timesteps: (draws,).
            weighting: what errors are measured of.
        Returns:
            (h, w).
        """
        gap = (latents - null[:, None, None]).square() - (latents - label[:, None, None]).square()
        return self._weight(timesteps, weighting) * gap.mean(0)

    def influence(self, label: Tensor, null: Tensor, timesteps: Tensor, weighting: Weighting = "model") -> Tensor:
        """The exact influence of a label, equal at every pixel of every picture and for every noise; a scalar.

        Args:
            label, null: the means mu_c and mu_0, (3,); those of two labels give the influence of one against the other.
            timesteps: (draws,), to average over.
            weighting: what errors are measured of.
        """
        return self._weight(timesteps, weighting) * (label - null).square().mean()

    def _weight(self, timesteps: Tensor, weighting: Weighting) -> Tensor:
        a, b = self.scales(timesteps)
        own = {"epsilon": a**2, "v_prediction": a**2 + b**2, "flow": torch.ones_like(a)}[self.prediction]
        factor = {"model": own, "epsilon": a**2, "sample": b**2, "v": a**2 + b**2}[weighting]
        return (factor * (b / (a**2 * self.spread**2 + b**2)).square()).mean()


class GaussianModel(DiffusionModel):
    """Every latent value is normal under every label; the exact typicality is known."""

    name = "gaussian"

    class Config(ComponentConfig):
        """Options of ``gaussian``."""

        prediction: Prediction = Field("epsilon", description="what the model predicts")
        spread: float = Field(0.5, gt=0, description="standard deviation of a latent value, in units of [-1, 1]")
        stride: int = Field(1, ge=1, description="image pixels to one latent cell")

    config: Config

    def load(self, device: torch.device, *, folder: Path | None = None) -> GaussianDenoiser:
        denoiser = GaussianDenoiser(self.config.prediction, self.config.spread, self.config.stride, device)
        if folder is not None:
            denoiser.network.load_state_dict(load_file(folder / FILE))
        return denoiser

    @property
    def pretrained(self) -> bool:
        return True

    @property
    def stride(self) -> int:
        return self.config.stride

    def forward_flops(self, height: int, width: int) -> float:
        return 20.0 * 3 * height * width / self.config.stride**2


class GaussianPrompts(PromptEncoder):
    """The mean of each label as its only token."""

    def __init__(self, null: Sequence[float], means: Mapping[str, Sequence[float]], device: torch.device) -> None:
        self._means = {label: torch.tensor(mean, device=device) for label, mean in means.items()}
        self._null = torch.tensor(null, device=device)

    def mean(self, label: str | None) -> Tensor:
        """The mean of a label, or of the null condition, (3,)."""
        return self._null if label is None else self._means[label]

    def encode(
        self,
        labels: Sequence[str | None],
        columns: Sequence[Mapping[str, str]] | None = None,
        *,
        generator: np.random.Generator | None = None,
    ) -> Conditioning:
        return Conditioning(torch.stack([self.mean(label) for label in labels])[:, None])

    def parameters(self) -> Iterable[torch.nn.Parameter]:
        return ()


class GaussianMeans(ConditioningEncoder):
    """Labels to the means of the Gaussian model."""

    name = "gaussian-means"

    class Config(ComponentConfig):
        """Options of ``gaussian-means``."""

        null: tuple[float, float, float] = Field(
            (0.0, 0.0, 0.0), description="mean of the null condition, RGB in [-1, 1]"
        )
        means: dict[str, tuple[float, float, float]] = Field(
            default_factory=dict,
            description="mean of each label, RGB in [-1, 1]; omitted labels get one from their name",
        )

    config: Config

    def load(
        self, denoiser: Denoiser, labels: Sequence[str], *, seed: int, folder: Path | None = None
    ) -> GaussianPrompts:
        means = {label: self.config.means.get(label) or _mean_of_name(label) for label in labels}
        return GaussianPrompts(self.config.null, means, denoiser.device)


def _mean_of_name(label: str) -> tuple[float, ...]:
    return tuple(numpy_generator("gaussian-means", label).uniform(-0.5, 0.5, 3).tolist())
