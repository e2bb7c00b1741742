"""What every model built on a diffusers transformer over latents shares. Imports torch."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from diffmine.builtin.models.kl_autoencoder import LatentAutoencoder
from diffmine.builtin.models.pipeline_denoiser import PipelineDenoiser
from diffmine.builtin.models.pipeline_folder import PipelineFolder
from diffmine.builtin.models.stopping import output_of
from diffmine.builtin.models.tokens import tokens_to_grid
from diffmine.interfaces import Conditioning


class TransformerDenoiser(PipelineDenoiser):
    """A transformer over latents; subclasses add noise, targets, conditions and prediction."""

    part = "transformer"

    def __init__(
        self, network: Any, autoencoder: LatentAutoencoder, schedule: Mapping[str, Any], source: PipelineFolder
    ) -> None:
        """Take a diffusers transformer with ``transformer_blocks`` and a ``patch_size``, and the other parts.

        Raises:
            ModelError: the autoencoder's latents are not what the transformer takes.
        """
        self._transformer, self.autoencoder, self.source = network, autoencoder, source
        self.device, self.dtype = network.device, network.dtype
        self.latent_channels = network.config.in_channels
        autoencoder.check_fits(self.latent_channels)
        self.stride = autoencoder.stride
        self.size_multiple = autoencoder.stride * network.config.patch_size
        self.num_blocks = len(network.transformer_blocks)

    @property
    def network(self) -> torch.nn.Module:
        transformer: torch.nn.Module = self._transformer
        return transformer

    def block_features(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning, block: int) -> Tensor:
        """The picture's tokens after transformer block ``block``, on their grid."""
        inputs = self.inputs(noisy, timesteps, conditioning)
        output = output_of(self._transformer, self._transformer.transformer_blocks[block], **inputs)
        return tokens_to_grid(self.picture_tokens(output), noisy, self._transformer.config.patch_size)

    @abstractmethod
    def inputs(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning) -> dict[str, Any]:
        """The transformer's arguments, in its own precision."""

    @abstractmethod
    def picture_tokens(self, output: Any) -> Tensor:
        """The picture's tokens, (batch, tokens, width), in what a block gives."""
