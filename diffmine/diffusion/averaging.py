"""Means over draws and their standard errors, block by block, so that more draws can be added to what is stored.

After each block a map is rounded to the precision in which it is stored. A run of sixteen draws and one that goes on
from the stored eight of another therefore end with the same bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from diffmine.numerics.autocorrelation import REACH, autocorrelation
from diffmine.numerics.blocks import doubled, halved
from diffmine.numerics.half_precision import compact
from diffmine.types import FloatArray, TypicalityMap

if TYPE_CHECKING:
    from diffmine.diffusion.loss_scorer import LossConfig

Field = NDArray[np.float64]


def blocks(config: LossConfig, start: int, stop: int) -> Iterator[range]:
    """The draws from ``start``, the end of a block, to ``stop`` in blocks; the last may be shorter."""
    return (range(first, min(first + config.step, stop)) for first in range(start, stop, config.step))


@dataclass(frozen=True, slots=True)
class Spread:
    """What some draws say of the mean and of its error.

    Attributes:
        mean: (h, w).
        squares: sum of the squares of as many independent contrasts as there are ``degrees`` of freedom, each of the
            variance of one value, (h, w).
        products: their products by lag, see :func:`diffmine.numerics.autocorrelation.autocorrelation`.
        values: independent values behind them: draws, or antithetic pairs.
        degrees: of freedom.
    """

    mean: Field
    squares: Field
    products: Field
    values: int
    degrees: int


def extended(
    config: LossConfig,
    known: TypicalityMap,
    fractions: FloatArray,
    gains: FloatArray,
    influences: FloatArray | None,
) -> TypicalityMap:
    """A map with one block of draws more.

    Args:
        config: how the draws were made.
        known: the map of the draws before; with ``draws`` = 0 its values count for nothing.
        fractions: the block's places on the noise schedule, (draws,).
        gains: whose mean is the typicality, (draws, h, w).
        influences: whose mean is the influence, (draws, h, w); None: the map has none.
    """
    before, draws = known.draws or 0, (known.draws or 0) + len(gains)
    spread = spread_of(config, fractions, gains)
    if before:
        assert known.stderr is not None
        assert known.noise_correlation is not None
        spread = merged(_recalled(config, before, known.mean, known.stderr, known.noise_correlation), spread)
    stderr = _stored(_stderr(spread))
    scale = autocorrelation(stderr[None] * np.sqrt(spread.values)) * spread.degrees
    correlation = np.divide(spread.products, scale, out=np.zeros_like(scale), where=scale > 0).clip(-1, 1)
    influence = influence_stderr = None
    if influences is not None:
        further = spread_of(config, fractions, influences)
        if before:
            assert known.influence is not None
            assert known.influence_stderr is not None
            further = merged(_recalled(config, before, known.influence, known.influence_stderr), further)
        influence = _stored(further.mean)
        influence_stderr = doubled(_stored(halved(_stderr(further))), influence.shape)
    return TypicalityMap(
        known.image_id,
        known.label,
        spread.mean.astype(np.float32),
        stderr,
        draws,
        influence,
        influence_stderr,
        _stored(correlation),
    )


def spread_of(config: LossConfig, fractions: FloatArray, draws: FloatArray) -> Spread:
    """What one block of draws says.

    Antithetic pairs count as one value, as the two are not independent. Stratified timesteps keep a trend over
    timesteps out of the mean's error, so a line is fitted and the residuals are what is noise, and what
    is left of a bent trend. (A parabola leaves one contrast of four values, in which those at the ends of the range
    count next to nothing, where noise is largest: variances of a third of the truth were measured.)

    Args:
        config: how the draws were made.
        fractions: (draws,).
        draws: (draws, h, w), in their order.
    """
    pairs = config.per_value
    values = draws.astype(np.float64).reshape(-1, pairs, *draws.shape[1:]).mean(1)
    count = len(values)
    degree = _degree(config, count)
    basis, _ = np.linalg.qr(np.vander(fractions[::pairs].astype(np.float64), degree + 1, increasing=True))
    residuals = values - np.tensordot(basis, np.tensordot(basis, values, (0, 0)), (1, 0))
    if not draws.any():  # nothing but zeros stays exactly so
        residuals = np.zeros_like(values)
    return Spread(values.mean(0), np.square(residuals).sum(0), autocorrelation(residuals), count, count - 1 - degree)


def merged(one: Spread, two: Spread) -> Spread:
    """What both say together; the difference of their means is one contrast more (Chan, Golub & LeVeque 1983)."""
    values = one.values + two.values
    contrast = (two.mean - one.mean) * np.sqrt(one.values * two.values / values)
    return Spread(
        (one.values * one.mean + two.values * two.mean) / values,
        one.squares + two.squares + contrast**2,
        one.products + two.products + autocorrelation(contrast[None]),
        values,
        one.degrees + two.degrees + 1,
    )


def degrees_of_freedom(config: LossConfig, draws: int) -> int:
    """Of the standard error of one cell after so many draws."""
    counts = [len(block) // config.per_value for block in blocks(config, 0, draws)]
    return sum(count - 1 - _degree(config, count) for count in counts) + len(counts) - 1


def _degree(config: LossConfig, count: int) -> int:
    """Of the trend over timesteps that is taken out of so many values; 0 where it would leave nothing."""
    return int(count > 2 and config.timesteps == "stratified")


def _stderr(spread: Spread) -> Field:
    return np.sqrt(spread.squares / (spread.degrees * spread.values))


def _recalled(
    config: LossConfig, draws: int, mean: FloatArray, stderr: FloatArray, correlation: FloatArray | None = None
) -> Spread:
    """What a stored mean and its error were made of."""
    values, degrees = draws // config.per_value, degrees_of_freedom(config, draws)
    sigma = stderr.astype(np.float64) * np.sqrt(values)
    products = np.zeros((2 * REACH + 1, 2 * REACH + 1))
    if correlation is not None:
        products = correlation * autocorrelation(sigma[None]) * degrees
    return Spread(mean.astype(np.float64), degrees * sigma**2, products, values, degrees)


def _stored(values: Field) -> FloatArray:
    """Rounded as the store does."""
    return compact(values.astype(np.float32)).astype(np.float32)
