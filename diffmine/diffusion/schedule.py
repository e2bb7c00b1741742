"""The noise schedule of any denoiser, read off the denoiser itself. Imports torch."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from diffmine.interfaces import Denoiser


class Coefficients(NamedTuple):
    """z_t = signal z + noise e, and the model's target = target_signal z + target_noise e; each (batch, 1, 1, 1)."""

    signal: Tensor
    noise: Tensor
    target_signal: Tensor
    target_noise: Tensor

    @property
    def determinant(self) -> Tensor:
        """Of the map from (z, e) to (z_t, target)."""
        return self.signal * self.target_noise - self.noise * self.target_signal

    def clean(self, noisy: Tensor, prediction: Tensor) -> Tensor:
        """The z that ``noisy`` and ``prediction``, each (batch, channels, h, w), imply."""
        return (self.target_noise * noisy - self.noise * prediction) / self.determinant

    def residue(self, noisy: Tensor, prediction: Tensor) -> Tensor:
        """The noise e that ``noisy`` and ``prediction``, each (batch, channels, h, w), imply."""
        return (self.signal * prediction - self.target_signal * noisy) / self.determinant


def coefficients(denoiser: Denoiser, timesteps: Tensor) -> Coefficients:
    """The schedule at ``timesteps``, (batch,), whatever the model predicts: both maps are linear in (z, e)."""
    one = torch.ones(len(timesteps), 1, 1, 1, device=timesteps.device)
    zero = torch.zeros_like(one)
    return Coefficients(
        denoiser.add_noise(one, zero, timesteps),
        denoiser.add_noise(zero, one, timesteps),
        denoiser.target(one, zero, timesteps),
        denoiser.target(zero, one, timesteps),
    )
