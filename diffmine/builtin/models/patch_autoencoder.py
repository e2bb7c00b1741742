"""A linear autoencoder of pixel patches whose latents are white."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor


class PatchAutoencoder(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Principal components of P x P pixel patches, each divided by its standard deviation.

    Latents of unit variance suit the noise schedule as they are. Parameters (frozen): ``mean`` (3, P, P), ``basis``
    (channels, 3, P, P) with orthonormal rows, ``deviation`` (channels,).
    """

    config_name = "config.json"

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(self, patch_size: int = 4, latent_channels: int = 16, ridge: float = 1e-3) -> None:
        """Make an unfitted autoencoder; it encodes everything as zeros.

        Args:
            patch_size: side of a patch, pixels.
            latent_channels: components kept, at most 3 P^2.
            ridge: added to each component's variance, so that flat patches do not blow up faint components.
        """
        super().__init__()
        shape = (3, patch_size, patch_size)
        self.mean = _frozen(torch.zeros(shape))
        self.basis = _frozen(torch.zeros(latent_channels, *shape))
        self.deviation = _frozen(torch.ones(latent_channels))

    @property
    def fitted(self) -> bool:
        return bool(self.basis.any())

    def fit(self, pixels: Tensor) -> None:
        """Fit to the patches of some pictures.

        Args:
            pixels: float32, (pictures, 3, height, width) in [-1, 1]; sides multiples of the patch size.
        """
        patches = _patches(pixels, self.config.patch_size)
        mean = patches.mean(0)
        covariance = (patches - mean).T @ (patches - mean) / len(patches)
        variances, vectors = torch.linalg.eigh(covariance)
        kept = slice(None, self.config.latent_channels)
        basis = _with_fixed_signs(vectors.flip(1).T[kept])
        self.mean.copy_(mean.reshape(self.mean.shape))
        self.basis.copy_(basis.reshape(self.basis.shape))
        self.deviation.copy_((variances.flip(0)[kept].clamp(min=0) + self.config.ridge).sqrt())

    def encode(self, pixels: Tensor) -> Tensor:
        """Pixels, (batch, 3, h, w), to latents, (batch, channels, h / P, w / P)."""
        offset = torch.einsum("kcij,cij->k", self.basis, self.mean)
        projected = F.conv2d(pixels, self.basis, -offset, stride=self.config.patch_size)
        return projected / self.deviation[:, None, None]

    def decode(self, latents: Tensor) -> Tensor:
        """Latents, (batch, channels, h, w), to pixels, (batch, 3, h P, w P)."""
        patches = F.conv_transpose2d(latents * self.deviation[:, None, None], self.basis, stride=self.config.patch_size)
        return patches + self.mean.tile(latents.shape[-2], latents.shape[-1])

    def forward(self, pixels: Tensor) -> Tensor:
        """The reconstruction of ``pixels``."""
        return self.decode(self.encode(pixels))


def _frozen(value: Tensor) -> torch.nn.Parameter:
    return torch.nn.Parameter(value, requires_grad=False)


def _patches(pixels: Tensor, side: int) -> Tensor:
    """float64, (patches, 3 side^2)."""
    unshuffled = F.pixel_unshuffle(pixels, side)
    return unshuffled.permute(0, 2, 3, 1).flatten(0, 2).double()


def _with_fixed_signs(basis: Tensor) -> Tensor:
    """An eigenvector's sign is arbitrary; make its largest entry positive so that every machine gives the same."""
    largest = basis.gather(1, basis.abs().argmax(1, keepdim=True))
    return basis * largest.sign()
