"""CLIP's image embedding of the crop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from diffmine.builtin.extractors.transformers_checkpoint import (
    PretrainedConfig,
    PretrainedExtractor,
    checkpoint_folder,
)
from diffmine.errors import ModelError
from diffmine.interfaces import Extraction, ModelTools, PatchRequest
from diffmine.numerics.batching import BatchSize, run_in_batches
from diffmine.numerics.boxes import unit_rows
from diffmine.types import ByteArray, FloatArray
from diffmine.weights.transformers_models import load_part, load_weights

if TYPE_CHECKING:
    from torch import Tensor

VISION_TOWERS = {"clip": "CLIPVisionModelWithProjection", "clip_vision_model": "CLIPVisionModelWithProjection"}
"""Model types of which a class without the text tower exists; others (SigLIP and the like) are loaded whole."""


class Clip(PretrainedExtractor):
    """CLIP's embedding of the crop, in the space that it shares with texts; what one would call the crop.

    Radford et al., *Learning Transferable Visual Models From Natural Language Supervision* (2021). The crop is prepared
    as the checkpoint's own ``preprocessor_config.json`` says (for CLIP: short side to 224 or 336 px bicubically, centre
    crop, normalisation). Any checkpoint of transformers with ``get_image_features`` will do.
    """

    name = "clip"
    Config = PretrainedConfig
    config: PretrainedConfig

    def open(self, tools: ModelTools) -> Extraction:
        """Load the checkpoint's vision side and its preprocessing.

        Raises:
            ModelError: the checkpoint is missing, damaged, or has no image embedding.
        """
        import torch
        from transformers import AutoImageProcessor

        folder = checkpoint_folder(self.config)
        network = load_weights(_vision_class(folder), folder, dtype=torch.float32).to(tools.device)
        processor = load_part(AutoImageProcessor.from_pretrained, folder, backend="pil")
        return ClipExtraction(network, processor, BatchSize(self.config.batch_size))


class ClipExtraction(Extraction):
    """A loaded vision tower."""

    def __init__(self, network: Any, processor: Any, batch: BatchSize) -> None:
        self._network, self._processor, self._batch = network, processor, batch

    def extract(self, requests: Sequence[PatchRequest]) -> list[FloatArray]:
        """Features of each request's patches, (boxes, embedding width)."""
        crops = [request.picture.pixels[box.slices()] for request in requests for box in request.boxes]
        embeddings = run_in_batches(self._embed, crops, self._batch)
        return [unit_rows(np.stack(_take(embeddings, len(request.boxes)))) for request in requests]

    def _embed(self, crops: Sequence[ByteArray]) -> list[FloatArray]:
        import torch

        prepared = self._processor(images=list(crops), input_data_format="channels_last", return_tensors="pt")
        with torch.inference_mode():
            embeddings = _image_embeddings(self._network, prepared["pixel_values"].to(self._network.device))
        return list(embeddings.float().cpu().numpy())


def _take(rows: Iterator[FloatArray], count: int) -> list[FloatArray]:
    return [next(rows) for _ in range(count)]


def _vision_class(folder: Path) -> Any:
    import transformers

    architecture = load_part(transformers.AutoConfig.from_pretrained, folder)
    if architecture.model_type in VISION_TOWERS:
        return getattr(transformers, VISION_TOWERS[architecture.model_type])
    whole = transformers.MODEL_MAPPING.get(type(architecture), None)
    if not hasattr(whole, "get_image_features"):
        raise ModelError(
            f"[features] path: {folder} is a {architecture.model_type!r} model, which does not embed images in "
            "the space of texts; choose a CLIP-like checkpoint, or use = 'dino' for a vision transformer"
        )
    return whole


def _image_embeddings(network: Any, pixels: Tensor) -> Tensor:
    """(crops, embedding width)."""
    if not hasattr(network, "get_image_features"):
        projected: Tensor = network(pixel_values=pixels).image_embeds
        return projected
    features = network.get_image_features(pixel_values=pixels)
    pooled: Tensor = getattr(features, "pooler_output", features)
    return pooled
