"""The (timestep, noise) draws of an image: each depends on its number alone. Imports torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from scipy.ndimage import gaussian_filter

from diffmine.numerics.seeding import numpy_generator, torch_generator

if TYPE_CHECKING:
    from torch import Tensor

    from diffmine.diffusion.loss_scorer import LossConfig


def draw(config: LossConfig, shape: tuple[int, ...], seed: int, digest: str, numbers: range) -> tuple[Tensor, Tensor]:
    """Some of the endless draws of one image, keyed by the run's seed, the image's content and the draw's number.

    So the first eight of sixteen draws are those of a run of eight. ``stratified`` timesteps are the van der Corput
    sequence, shifted at random and folded by the tent map (Hickernell 2002, *Obtaining O(N^(-2+e)) convergence for
    lattice quadrature rules*): each is uniform over the range, any four of a block lie in pairs about its middle, one
    in each half of each half, so that a linear trend over timesteps leaves their mean exactly, and of later blocks
    each falls between those before. Of antithetic draws 2k and 2k + 1 share a timestep, and the second has the noise
    of the first negated. Shared draws depend on the seed and the latent's shape alone.

    Args:
        config: over which timesteps, whether antithetic, and whether shared by all images.
        shape: of a latent, (channels, h, w).
        seed: the run's seed.
        digest: ``ImageRecord.digest``.
        numbers: of the draws, from 0.
    Returns:
        positions on the noise schedule in [t_min, t_max), float32, (draws,); noise, float32, (draws, *shape). Both on
        the CPU.
    """
    digest = "" if config.shared_draws else digest
    shift = float(numpy_generator(seed, "timesteps", digest).random())
    fractions, noises = [], []
    for number in numbers:
        independent, negated = divmod(number, 2) if config.antithetic else (number, 0)
        generator = torch_generator(seed, "typicality", digest, independent)
        place = float(torch.rand((), generator=generator, dtype=torch.float64))
        noise = torch.randn(shape, generator=generator)
        if config.timesteps == "stratified":
            place = _spread(independent, shift)
        fractions.append(config.t_min + (config.t_max - config.t_min) * place)
        noises.append(-noise if negated else noise)
    return torch.tensor(fractions, dtype=torch.float64).float(), torch.stack(noises)


def _spread(number: int, shift: float) -> float:
    """One place of the shifted and folded van der Corput sequence, in [0, 1)."""
    bits = f"{number:b}"
    place = (int(bits[::-1], 2) / float(1 << len(bits)) + shift) % 1
    return min(1 - abs(2 * place - 1), 1 - 2**-20)


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
