"""`patch-unet`: a small conditional latent diffusion model that trains on two CPU cores in minutes.

Pictures become latents through :class:`PatchAutoencoder`, a linear autoencoder: every 4x4 pixel patch is projected on its
leading principal components and whitened. The denoiser is a diffusers ``UNet2DConditionModel`` that predicts v.
The condition is one vector a label (shape ``(batch, 1, 64)``), read by cross-attention and added to the time embedding.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from diffusers import DDPMScheduler, UNet2DConditionModel
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

CONDITION_DIM = 64


class PatchAutoencoder(ModelMixin, ConfigMixin):
    """Whitened principal components of non-overlapping pixel patches: linear, fitted in a second, no training.

    Latents have zero mean and unit variance in every channel on the pictures it was fitted on.
    """

    @register_to_config
    def __init__(self, in_channels: int = 3, patch_size: int = 4, latent_channels: int = 16) -> None:
        super().__init__()
        shape = (latent_channels, in_channels, patch_size, patch_size)
        self.mean = nn.Parameter(torch.zeros(shape[1:]), requires_grad=False)  # the mean patch
        self.analysis = nn.Parameter(torch.zeros(shape), requires_grad=False)  # pixels -> latents
        self.synthesis = nn.Parameter(torch.zeros(shape), requires_grad=False)  # latents -> pixels

    @classmethod
    @torch.no_grad()
    def fit(
        cls, images: Tensor, *, patch_size: int = 4, latent_channels: int = 16, floor: float = 1e-3
    ) -> PatchAutoencoder:
        """Fit the basis.

        Args:
            images: float, (count, channels, height, width) in [-1, 1]; sides are multiples of ``patch_size``.
            patch_size: pixels a patch side.
            latent_channels: principal components kept.
            floor: added to every variance before whitening, so that components of almost no variance stay small.
        """
        channels = images.shape[1]
        patches = F.pixel_unshuffle(images, patch_size).permute(0, 2, 3, 1).flatten(0, 2).double()
        mean = patches.mean(0)
        variances, vectors = torch.linalg.eigh(torch.cov((patches - mean).T))
        variances, vectors = variances.flip(0)[:latent_channels], vectors.flip(1)[:, :latent_channels]
        vectors = vectors * vectors.gather(0, vectors.abs().argmax(0, keepdim=True)).sign()  # the sign is fixed
        scale = (variances + floor).sqrt()
        autoencoder = cls(channels, patch_size, latent_channels)
        shape = (-1, channels, patch_size, patch_size)
        autoencoder.mean.copy_(mean.view(shape[1:]))
        autoencoder.analysis.copy_((vectors / scale).T.reshape(shape))
        autoencoder.synthesis.copy_((vectors * scale).T.reshape(shape))
        return autoencoder

    def encode(self, images: Tensor) -> Tensor:
        """Latents (count, latent_channels, height / patch_size, width / patch_size) of images in [-1, 1]."""
        bias = -(self.analysis * self.mean).sum((1, 2, 3))
        return F.conv2d(images, self.analysis, bias, stride=self.config.patch_size)

    def decode(self, latents: Tensor) -> Tensor:
        """Images of latents (the nearest that the kept components allow; not clamped)."""
        images = F.conv_transpose2d(latents, self.synthesis, stride=self.config.patch_size)
        return images + self.mean.repeat(1, *latents.shape[-2:])


def build_unet(latent_channels: int = 16, sample_size: int = 16) -> UNet2DConditionModel:
    """The denoiser: 48/96/128 channels on grids of 16, 8 and 4 cells, attention on the coarsest only, 4.85 M weights."""
    return UNet2DConditionModel(
        sample_size=sample_size,
        in_channels=latent_channels,
        out_channels=latent_channels,
        layers_per_block=1,
        block_out_channels=(48, 96, 128),
        down_block_types=("DownBlock2D", "DownBlock2D", "CrossAttnDownBlock2D"),
        mid_block_type="UNetMidBlock2DCrossAttn",
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
        cross_attention_dim=CONDITION_DIM,
        attention_head_dim=32,
        norm_num_groups=16,
        resnet_time_scale_shift="scale_shift",
        addition_embed_type="text",
        addition_embed_type_num_heads=4,
    )


def build_scheduler() -> DDPMScheduler:
    """Stable Diffusion's noise schedule, with v as the target."""
    return DDPMScheduler(
        num_train_timesteps=1000,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        clip_sample=False,
    )
