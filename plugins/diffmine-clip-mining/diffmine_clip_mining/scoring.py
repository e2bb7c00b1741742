"""Both sides of a CLIP, and the cosines between them. Imports torch and transformers."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers import AutoConfig, AutoTokenizer, CLIPModel
from transformers.image_processing_utils import BaseImageProcessor

from diffmine.errors import DiffmineWarning, ModelError
from diffmine.interfaces import Progress, Scoring
from diffmine.numerics.batching import BatchSize, run_in_batches
from diffmine.numerics.upsampling import regrid
from diffmine.types import ByteArray, FloatArray, Picture, TypicalityMap
from diffmine.weights.pretrained import fetch
from diffmine.weights.transformers_models import load_part, load_weights
from diffmine_clip_mining.prompts import text
from diffmine_clip_mining.scorers import ClipConfig

KEPT_TEXTS = 4096


class Clip:
    """A loaded CLIP: texts and the patches of pictures as vectors of one space, of unit length."""

    def __init__(self, folder: Path, device: str, image_size: int | None) -> None:
        """Load a checkpoint.

        Raises:
            ModelError: it is missing, damaged, or no CLIP.
        """
        kind = load_part(AutoConfig.from_pretrained, folder).model_type
        if kind != "clip":
            raise ModelError(
                f"[scorer] path: {folder} is a {kind!r} model; choose a CLIP with its text side in the transformers "
                "layout, such as openai/clip-vit-large-patch14"
            )
        self._network = load_weights(CLIPModel, folder, dtype=torch.float32).to(device)
        self._tokenizer = load_part(AutoTokenizer.from_pretrained, folder)
        settings, _ = load_part(BaseImageProcessor.get_image_processor_dict, folder)
        self._prepare = _Preparation(settings, self._network.config.vision_config.patch_size, image_size)
        self.text = lru_cache(KEPT_TEXTS)(self._text)

    def grid(self, pixels: ByteArray) -> tuple[int, int]:
        """Rows and columns of a picture's patches."""
        return self._prepare.grid(*pixels.shape[:2])

    def patches(self, pictures: Sequence[ByteArray]) -> list[FloatArray]:
        """The last layer's patch tokens, each projected as the picture's own would be, (h, w, width) a picture.

        Args:
            pictures: uint8, (height, width, 3), of one grid.
        """
        h, w = self.grid(pictures[0])
        with torch.inference_mode():
            pixels = torch.stack([self._prepare(one) for one in pictures]).to(self._network.device)
            vision = self._network.vision_model
            tokens = vision(pixels, interpolate_pos_encoding=True).last_hidden_state[:, 1:]
            projected = self._network.visual_projection(vision.post_layernorm(tokens))
            unit = torch.nn.functional.normalize(projected, dim=-1)
        return list(unit.reshape(len(pictures), h, w, -1).float().cpu().numpy())

    def _text(self, words: str) -> FloatArray:
        tokens = self._tokenizer([words], verbose=False)["input_ids"][0]
        context = self._network.config.text_config.max_position_embeddings
        if len(tokens) > context:
            warnings.warn(
                f"CLIP does not read the last {len(tokens) - context} tokens of this text, which is too long: "
                f"{words!r}",
                DiffmineWarning,
                stacklevel=2,
            )
        # Padded as in CLIP's training: the text is read at its end token, and what follows does not matter.
        padded = self._tokenizer(
            [words], padding="max_length", max_length=context, truncation=True, return_tensors="pt"
        ).to(self._network.device)
        with torch.inference_mode():
            pooled = self._network.text_model(**padded).pooler_output
            unit = torch.nn.functional.normalize(self._network.text_projection(pooled), dim=-1)
        vector: FloatArray = unit[0].float().cpu().numpy()
        return vector


class _Preparation:
    """From a picture to what CLIP takes: resized to whole patches, rescaled, normalised."""

    def __init__(self, settings: Mapping[str, Any], patch: int, image_size: int | None) -> None:
        """Take the checkpoint's ``preprocessor_config.json``."""
        self._patch, self._image_size = patch, image_size
        self._resample = Image.Resampling(settings.get("resample", Image.Resampling.BICUBIC))
        self._scale = np.float32(settings.get("rescale_factor", 1 / 255))
        self._mean, self._std = (np.array(settings[name], np.float32) for name in ("image_mean", "image_std"))

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """(h, w): patches of a picture of this size."""
        scale = 1.0 if self._image_size is None else self._image_size / min(height, width)
        return max(1, round(height * scale / self._patch)), max(1, round(width * scale / self._patch))

    def __call__(self, pixels: ByteArray) -> torch.Tensor:
        """uint8, (height, width, 3), to float32, (3, h x patch, w x patch)."""
        h, w = self.grid(*pixels.shape[:2])
        size = (w * self._patch, h * self._patch)
        resized = np.asarray(Image.fromarray(pixels).resize(size, self._resample), np.float32)
        return torch.from_numpy((resized * self._scale - self._mean) / self._std).permute(2, 0, 1)


class ClipScoring(Scoring):
    """Scoring of ``clip-similarity`` and ``clip-difference``."""

    def __init__(self, config: ClipConfig, null_text: str | None, device: str) -> None:
        """Load the checkpoint; ``null_text``: whose cosine is taken off, if any."""
        folder = fetch(config.path, parts=("",), revision=config.revision, local_files_only=config.local_files_only)
        self._config, self._null_text, self.stride = config, null_text, config.stride
        self._clip = Clip(folder, device, config.image_size)
        self._batch = BatchSize(config.batch_size)

    def score(
        self, pictures: Sequence[Picture], labels: Sequence[Sequence[str]], progress: Progress
    ) -> list[list[TypicalityMap]]:
        """The cosines at the patches' centres, and between them by interpolation."""
        by_grid: dict[tuple[int, int], list[int]] = defaultdict(list)
        for place, picture in enumerate(pictures):
            by_grid[self._clip.grid(picture.pixels)].append(place)
        scored: dict[int, list[TypicalityMap]] = {}
        for places in by_grid.values():
            patches = run_in_batches(self._clip.patches, [pictures[place].pixels for place in places], self._batch)
            for place, found in zip(places, patches, strict=True):
                scored[place] = [self._map(pictures[place], found, label) for label in labels[place]]
                progress.advance()
        return [scored[place] for place in range(len(pictures))]

    def _map(self, picture: Picture, patches: FloatArray, label: str) -> TypicalityMap:
        words = text(self._config.template, label, picture.record.columns, self._config.spelling)
        cosines = patches @ self._clip.text(words)
        if self._null_text is not None:
            cosines = cosines - patches @ self._clip.text(self._null_text)
        height, width = picture.pixels.shape[:2]
        cells = (-(-height // self.stride), -(-width // self.stride))
        cell = (self.stride * cosines.shape[0] / height, self.stride * cosines.shape[1] / width)
        return TypicalityMap(picture.record.image_id, label, regrid(cosines, cells, cell))
