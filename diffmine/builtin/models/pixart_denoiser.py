"""The networks behind ``pixart``. Imports torch; loaded by the component only when it computes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from diffusers import PixArtTransformer2DModel
from torch import Tensor

from diffmine.builtin.encoders.t5_encoder import T5TextEncoder
from diffmine.builtin.models.discrete_denoiser import DiscreteDenoiser
from diffmine.builtin.models.kl_autoencoder import LatentAutoencoder
from diffmine.builtin.models.pipeline_folder import PipelineFolder
from diffmine.builtin.models.transformer_denoiser import TransformerDenoiser
from diffmine.interfaces import Conditioning, TextEncoder
from diffmine.weights.pretrained import read_settings

CONTEXTS = {"PixArtAlphaPipeline": 120, "PixArtSigmaPipeline": 300}
"""Tokens of a prompt, by pipeline."""


class PixArtDenoiser(TransformerDenoiser, DiscreteDenoiser):
    """A transformer over the latents of an AutoencoderKL. The variance that it predicts as well is left out."""

    kind = PixArtTransformer2DModel

    def __init__(
        self, network: Any, autoencoder: LatentAutoencoder, schedule: Mapping[str, Any], source: PipelineFolder
    ) -> None:
        """Take loaded parts, on their device, and the scheduler's configuration."""
        TransformerDenoiser.__init__(self, network, autoencoder, schedule, source)
        DiscreteDenoiser.__init__(self, schedule)

    @property
    def conditioning_width(self) -> int:
        config = self._transformer.config
        width: int = config.caption_channels or config.cross_attention_dim
        return width

    def predict(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning) -> Tensor:
        prediction: Tensor = self._transformer(**self.inputs(noisy, timesteps, conditioning)).sample
        return prediction[:, : self.latent_channels].float()

    def text_encoder(self) -> TextEncoder | None:
        if not self.source.has("text_encoder"):
            return None
        pipeline = read_settings(self.source.path, "model_index.json")["_class_name"]
        return T5TextEncoder.from_pretrained(
            self.source, self.device, context=CONTEXTS.get(pipeline, 300), dtype=self.dtype
        )

    def inputs(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning) -> dict[str, Any]:
        dtype = self._transformer.dtype
        return {
            "hidden_states": noisy.to(dtype),
            "timestep": timesteps,
            "encoder_hidden_states": conditioning.tokens.to(dtype),
            "encoder_attention_mask": conditioning.mask,
            "added_cond_kwargs": self._picture_size(noisy),
        }

    def picture_tokens(self, output: Any) -> Tensor:
        tokens: Tensor = output
        return tokens

    def _picture_size(self, noisy: Tensor) -> dict[str, Tensor | None]:
        """Checkpoints of 1024 px are told the picture's size and aspect ratio."""
        if not self._transformer.use_additional_conditions:
            return {"resolution": None, "aspect_ratio": None}
        height, width = (side * self.stride for side in noisy.shape[-2:])
        size = torch.tensor([[height, width]], device=noisy.device, dtype=self._transformer.dtype)
        ratio = torch.tensor([[height / width]], device=noisy.device, dtype=self._transformer.dtype)
        return {"resolution": size.expand(len(noisy), -1), "aspect_ratio": ratio.expand(len(noisy), -1)}
