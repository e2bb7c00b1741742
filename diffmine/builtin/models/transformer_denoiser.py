"""What every model built on a diffusers transformer over latents shares. Imports torch."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from diffmine.builtin.models.kl_autoencoder import LatentAutoencoder
from diffmine.builtin.models.pipeline_folder import PipelineFolder
from diffmine.builtin.models.stopping import output_of
from diffmine.builtin.models.tokens import tokens_to_grid
from diffmine.interfaces import Conditioning, Denoiser


class TransformerDenoiser(Denoiser):
    """A transformer over the latents of an AutoencoderKL; subclasses add noise, targets, conditions and prediction.

    Attributes:
        autoencoder: on the transformer's device.
    """

    def use(self, transformer: Any, autoencoder: LatentAutoencoder, source: PipelineFolder) -> None:
        """Take loaded parts, on their device.

        Args:
            transformer: a diffusers transformer with ``transformer_blocks`` and a ``patch_size``.
            autoencoder: its autoencoder.
            source: where ``save`` copies the frozen parts from.
        Raises:
            ModelError: the autoencoder's latents are not what the transformer takes.
        """
        self._transformer, self.autoencoder, self._source = transformer, autoencoder, source
        self.device, self.dtype = transformer.device, transformer.dtype
        self.latent_channels = transformer.config.in_channels
        autoencoder.check_fits(self.latent_channels)
        self.stride = autoencoder.stride
        self.size_multiple = autoencoder.stride * transformer.config.patch_size
        self.num_blocks = len(transformer.transformer_blocks)

    @property
    def network(self) -> torch.nn.Module:
        transformer: torch.nn.Module = self._transformer
        return transformer

    def encode(self, pixels: Tensor) -> Tensor:
        return self.autoencoder.encode(pixels)

    def decode(self, latents: Tensor) -> Tensor:
        return self.autoencoder.decode(latents)

    def block_features(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning, block: int) -> Tensor:
        """The picture's tokens after transformer block ``block``, on their grid."""
        inputs = self.inputs(noisy, timesteps, conditioning)
        output = output_of(self._transformer, self._transformer.transformer_blocks[block], **inputs)
        return tokens_to_grid(self.picture_tokens(output), noisy, self._transformer.config.patch_size)

    def prepare_training(self) -> None:
        self._source.reload_precisely(self._transformer, "transformer")

    def save(self, folder: Path) -> None:
        """Write the transformer and copy the frozen parts; the result loads in the pipeline that it came from."""
        self._source.save(folder, "transformer", self._transformer)

    @abstractmethod
    def inputs(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning) -> dict[str, Any]:
        """The transformer's arguments, in its own precision."""

    @abstractmethod
    def picture_tokens(self, output: Any) -> Tensor:
        """The picture's tokens, (batch, tokens, width), in what a block gives."""
