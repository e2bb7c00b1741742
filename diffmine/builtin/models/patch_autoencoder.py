"""A linear autoencoder of pixel patches whose latents are white."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor


class PatchAutoencoder(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Principal components of P x P pixel patches, each divided by its standard deviation.

    Latents of unit variance suit the noise schedule as they are. Parameters (frozen): ``mean`` (3, P, P), the mean
    patch; ``analysis`` (channels, 3, P, P), from pixels to latents; ``synthesis`` (channels, 3, P, P), back.
    """

    config_name = "config.json"

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(self, in_channels: int = 3, patch_size: int = 4, latent_channels: int = 16) -> None:
        """Make an unfitted autoencoder; it encodes everything as zeros.

        Args:
            in_channels: of the pixels.
            patch_size: side of a patch, pixels.
            latent_channels: components kept, at most in_channels P^2.
        """
        super().__init__()
        shape = (latent_channels, in_channels, patch_size, patch_size)
        self.mean = _frozen(torch.zeros(shape[1:]))
        self.analysis = _frozen(torch.zeros(shape))
        self.synthesis = _frozen(torch.zeros(shape))

    @property
    def fitted(self) -> bool:
        return bool(self.analysis.any())

    def fit(self, pixels: Tensor, *, ridge: float = 1e-3) -> None:
        """Fit to the patches of some pictures.

        Args:
            pixels: float32, (pictures, channels, height, width) in [-1, 1]; sides multiples of the patch size.
            ridge: added to each component's variance, so that faint components are not blown up.
        """
        patches = F.pixel_unshuffle(pixels, self.config.patch_size).permute(0, 2, 3, 1).flatten(0, 2).double()
        variances, vectors = torch.linalg.eigh(torch.cov(patches.T, correction=0))
        kept = slice(None, self.config.latent_channels)
        basis = _with_fixed_signs(vectors.flip(1).T[kept])
        deviation = (variances.flip(0)[kept, None].clamp(min=0) + ridge).sqrt()
        for parameter, value in (
            (self.mean, patches.mean(0)),
            (self.analysis, basis / deviation),
            (self.synthesis, basis * deviation),
        ):
            parameter.copy_(value.reshape(parameter.shape))

    def encode(self, pixels: Tensor) -> Tensor:
        """Pixels, (batch, channels, h, w), to latents, (batch, latent channels, h / P, w / P)."""
        offset = (self.analysis * self.mean).sum((1, 2, 3))
        return F.conv2d(pixels, self.analysis, -offset, stride=self.config.patch_size)

    def decode(self, latents: Tensor) -> Tensor:
        """Latents, (batch, latent channels, h, w), to pixels, (batch, channels, h P, w P), not clamped."""
        patches = F.conv_transpose2d(latents, self.synthesis, stride=self.config.patch_size)
        return patches + self.mean.tile(latents.shape[-2], latents.shape[-1])

    def forward(self, pixels: Tensor) -> Tensor:
        """The reconstruction of ``pixels``."""
        return self.decode(self.encode(pixels))


def _frozen(value: Tensor) -> torch.nn.Parameter:
    return torch.nn.Parameter(value, requires_grad=False)


def _with_fixed_signs(basis: Tensor) -> Tensor:
    """An eigenvector's sign is arbitrary; make its largest entry positive so that every machine gives the same."""
    largest = basis.gather(1, basis.abs().argmax(1, keepdim=True))
    return basis * largest.sign()
