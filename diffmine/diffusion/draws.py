"""The (timestep, noise) draws of an image, and the mean of what was measured with them. Imports torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from scipy.ndimage import gaussian_filter

from diffmine.numerics.seeding import torch_generator

if TYPE_CHECKING:
    from torch import Tensor

    from diffmine.diffusion.loss_scorer import LossConfig


def draw(config: LossConfig, shape: tuple[int, ...], seed: int, digest: str) -> tuple[Tensor, Tensor]:
    """The draws of one image, keyed by the run's seed and the image's content.

    Args:
        config: how many draws, over which timesteps.
        shape: of a latent, (channels, h, w).
        seed: the run's seed.
        digest: ``ImageRecord.digest``.
    Returns:
        positions on the noise schedule in [t_min, t_max), float32, (draws,); noise, float32, (draws, *shape). Both on
        the CPU.
    """
    generator = torch_generator(seed, "typicality", digest)
    count = config.draws // 2 if config.antithetic else config.draws
    places = torch.rand(count, generator=generator, dtype=torch.float64)
    if config.timesteps == "stratified":
        places = (torch.arange(count) + places) / count
    fractions = (config.t_min + (config.t_max - config.t_min) * places).float()
    noise = torch.randn(count, *shape, generator=generator)
    if config.antithetic:
        fractions = fractions.repeat_interleave(2)
        noise = torch.stack([noise, -noise], dim=1).flatten(0, 1)
    return fractions, noise


def smooth(config: LossConfig, values: Tensor) -> Tensor:
    """Each draw's map under a Gaussian blur, its edge cells repeated outwards.

    The blur is linear: the mean of blurred draws is the blurred mean, swapped conditions still flip the sign, and what
    is zero stays zero. Blurring draw by draw rather than the mean is what keeps the standard error true.

    Args:
        config: ``smoothing``, in cells; 0 leaves the values as they are.
        values: float32, (draws, h, w), on the CPU.
    """
    if not config.smoothing:
        return values
    return torch.from_numpy(gaussian_filter(values.numpy(), config.smoothing, mode="nearest", axes=(1, 2)))


def mean_and_stderr(config: LossConfig, values: Tensor) -> tuple[Tensor, Tensor]:
    """Mean over draws, and its Monte-Carlo standard error.

    Antithetic pairs count as one value, as the two are not independent. For stratified timesteps the variance is
    estimated from successive differences (Wolter, *Introduction to Variance Estimation*, 2007, section 8.2, estimator
    v2), which leaves out what the strata explain.

    Args:
        config: how the draws were made.
        values: (draws, h, w), in the order of the draws.
    Returns:
        mean and standard error, float32, each (h, w).
    """
    values = values.double()
    if config.antithetic:
        values = (values[0::2] + values[1::2]) / 2
    count = len(values)
    if config.timesteps == "stratified" and count > 1:
        variance = values.diff(dim=0).square().sum(0) / (2 * (count - 1))
    else:
        variance = values.var(0)
    return values.mean(0).float(), (variance / count).sqrt().float()
