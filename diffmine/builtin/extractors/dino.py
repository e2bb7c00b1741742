"""Patch tokens of a self-supervised vision transformer."""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from pydantic import Field

from diffmine.builtin.extractors.transformers_checkpoint import (
    PretrainedConfig,
    PretrainedExtractor,
    checkpoint_folder,
)
from diffmine.errors import ModelError
from diffmine.interfaces import Extraction, ModelTools, PatchRequest
from diffmine.numerics.batching import BatchSize, run_in_batches
from diffmine.numerics.boxes import box_means, unit_rows
from diffmine.types import ByteArray, FloatArray
from diffmine.weights.transformers_models import load_part, load_weights

if TYPE_CHECKING:
    from torch import Tensor


class Dino(PretrainedExtractor):
    """Patch tokens of DINO, DINOv2 or DINOv3 for the whole picture, averaged over the patch's cells.

    Caron et al. (2021), Oquab et al. (2023), Siméoni et al. (2025). The picture is resized (with the checkpoint's own
    filter) so that both sides are whole numbers of the transformer's patches, each the nearest to the wanted size; its
    position embedding is interpolated to that grid. Class and register tokens are left out. One pass serves all of a
    picture's patches and labels.
    """

    name = "dino"

    class Config(PretrainedConfig):
        """Options of ``dino``."""

        image_size: int | None = Field(
            None, ge=16, description="short side given to the transformer in pixels; omitted: the picture's own"
        )

    config: Config

    def open(self, tools: ModelTools) -> Extraction:
        """Load the transformer and the normalisation it was trained with.

        Raises:
            ModelError: the checkpoint is missing, damaged, or not a vision transformer.
        """
        import torch
        from transformers import AutoModel
        from transformers.image_processing_utils import BaseImageProcessor

        folder = checkpoint_folder(self.config)
        network = load_weights(AutoModel, folder, dtype=torch.float32, unused=("pooler.",)).to(tools.device)
        settings, _ = load_part(BaseImageProcessor.get_image_processor_dict, folder)
        prepare = Preparation(settings, _patch_side(network), self.config.image_size)
        return DinoExtraction(network, prepare, BatchSize(self.config.batch_size))


class Preparation:
    """From a picture to what the transformer takes: resize to whole patches, rescale, normalise."""

    def __init__(self, settings: Mapping[str, Any], patch: int, image_size: int | None) -> None:
        """Take the checkpoint's ``preprocessor_config.json`` and the side of the transformer's patches in pixels."""
        self._patch, self._image_size = patch, image_size
        self._resample = Image.Resampling(settings.get("resample", Image.Resampling.BICUBIC))
        self._scale = np.float32(settings.get("rescale_factor", 1 / 255))
        self._mean = np.array(settings.get("image_mean", (0.485, 0.456, 0.406)), np.float32)
        self._std = np.array(settings.get("image_std", (0.229, 0.224, 0.225)), np.float32)

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """(h, w): patches of a picture of this size."""
        scale = 1.0 if self._image_size is None else self._image_size / min(height, width)
        return max(1, round(height * scale / self._patch)), max(1, round(width * scale / self._patch))

    def __call__(self, pixels: ByteArray) -> Tensor:
        """uint8, (height, width, 3), to float32, (3, h x patch, w x patch)."""
        import torch

        h, w = self.grid(*pixels.shape[:2])
        size = (w * self._patch, h * self._patch)
        resized = np.asarray(Image.fromarray(pixels).resize(size, self._resample), np.float32)
        return torch.from_numpy((resized * self._scale - self._mean) / self._std).permute(2, 0, 1)


class DinoExtraction(Extraction):
    """A loaded vision transformer."""

    def __init__(self, network: Any, prepare: Preparation, batch: BatchSize) -> None:
        self._network, self._prepare, self._batch = network, prepare, batch
        interpolates = "interpolate_pos_encoding" in inspect.signature(network.forward).parameters
        self._options = {"interpolate_pos_encoding": True} if interpolates else {}

    def extract(self, requests: Sequence[PatchRequest]) -> list[FloatArray]:
        """Features of each request's patches, (boxes, token width)."""
        features: dict[int, FloatArray] = {}
        for pictures in self._by_grid(requests):

            def pool(batch: Sequence[list[int]]) -> list[list[FloatArray]]:
                grids = self._tokens([requests[positions[0]].picture.pixels for positions in batch])
                return [
                    [_pooled(grid, requests[position]) for position in positions]
                    for grid, positions in zip(grids, batch, strict=True)
                ]

            pooled = run_in_batches(pool, pictures, self._batch)
            for positions, rows in zip(pictures, pooled, strict=True):
                features.update(zip(positions, rows, strict=True))
        return [features[position] for position in range(len(requests))]

    def _by_grid(self, requests: Sequence[PatchRequest]) -> list[list[list[int]]]:
        """For each size of grid, for each picture of that size, the positions of its requests."""
        groups: dict[tuple[int, int], dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        for position, request in enumerate(requests):
            grid = self._prepare.grid(*request.picture.pixels.shape[:2])
            groups[grid][request.picture.record.digest].append(position)
        return [list(pictures.values()) for pictures in groups.values()]

    def _tokens(self, pictures: Sequence[ByteArray]) -> Tensor:
        """Patch tokens, (pictures, width, h, w)."""
        import torch

        h, w = self._prepare.grid(*pictures[0].shape[:2])
        with torch.inference_mode():
            pixels = torch.stack([self._prepare(picture) for picture in pictures])
            output: Tensor = self._network(pixels.to(self._network.device), **self._options).last_hidden_state
        if output.ndim != 3 or output.shape[1] < h * w:
            raise _no_patch_tokens(self._network)
        return output[:, -h * w :].transpose(1, 2).reshape(len(pictures), -1, h, w)


def _pooled(grid: Tensor, request: PatchRequest) -> FloatArray:
    height, width = request.picture.pixels.shape[:2]
    return unit_rows(box_means(grid, request.boxes, height, width))


def _patch_side(network: Any) -> int:
    if network.main_input_name != "pixel_values" or not hasattr(network.config, "patch_size"):
        raise _no_patch_tokens(network)
    side = network.config.patch_size
    return int(side if isinstance(side, int) else side[0])


def _no_patch_tokens(network: Any) -> ModelError:
    return ModelError(
        f"[features] path: a {network.config.model_type!r} model does not give one token for each patch of a picture; "
        "choose a DINO, DINOv2 or DINOv3 vision transformer"
    )
