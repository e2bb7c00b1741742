"""The space that a CLIP's pictures and texts share. Imports torch."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import torch
import transformers
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from diffmine.errors import ModelError
from diffmine.files.atomic import json_digest, write_atomically
from diffmine.numerics.batching import BatchSize, run_in_batches
from diffmine.numerics.boxes import unit_rows
from diffmine.types import ByteArray, FloatArray
from diffmine.weights.transformers_models import load_part, load_weights


class ClipSpace:
    """A loaded checkpoint: pictures and texts as vectors of unit length, on the first GPU where there is one."""

    def __init__(self, folder: Path, batch_size: int) -> None:
        """Load both sides, the tokenizer and the preparation of pictures.

        Raises:
            ModelError: one is missing or damaged, or the checkpoint does not embed both.
        """
        architecture = load_part(transformers.AutoConfig.from_pretrained, folder)
        kind = transformers.MODEL_MAPPING.get(type(architecture), None)
        if not (hasattr(kind, "get_image_features") and hasattr(kind, "get_text_features")):
            raise ModelError(
                f"path: {folder} is a {architecture.model_type!r} model, which does not embed pictures and texts in "
                "one space; choose a CLIP with both sides, such as openai/clip-vit-large-patch14"
            )
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self._network = load_weights(kind, folder, dtype=torch.float32).to(device)
        self._processor = load_part(transformers.AutoImageProcessor.from_pretrained, folder, backend="pil")
        self._tokenizer = load_part(transformers.AutoTokenizer.from_pretrained, folder)
        self._context = architecture.get_text_config().max_position_embeddings
        self._batch = BatchSize(batch_size)

    def pictures(self, crops: ByteArray) -> FloatArray:
        """The embeddings of crops, uint8, (crops, side, side, 3), as the checkpoint prepares them; (crops, width)."""
        return unit_rows(np.stack(list(run_in_batches(self._pictures, list(crops), self._batch))))

    def texts(self, texts: Sequence[str], checkpoint: str) -> FloatArray:
        """The embeddings of texts, (texts, width); kept in the user's cache, by the texts and the checkpoint.

        Args:
            checkpoint: its fingerprint.
        """
        name = json_digest([checkpoint, list(texts), transformers.__version__])
        path = platformdirs.user_cache_path("diffmine") / "words" / f"{name}.safetensors"
        try:
            return np.asarray(load_file(path)["texts"], dtype=np.float32)
        except (OSError, KeyError, SafetensorError):  # not there yet, or damaged: made again
            found = unit_rows(np.stack(list(run_in_batches(self._texts, texts, self._batch))))
        with suppress(OSError):  # a cache that cannot be written only costs time
            write_atomically(path, save({"texts": found}))
        return found

    def _pictures(self, crops: Sequence[ByteArray]) -> list[FloatArray]:
        prepared = self._processor(images=list(crops), input_data_format="channels_last", return_tensors="pt")
        with torch.inference_mode():
            return _rows(self._network.get_image_features(prepared["pixel_values"].to(self._network.device)))

    def _texts(self, texts: Sequence[str]) -> list[FloatArray]:
        # Padded to the end, as in training; SigLIP reads the padding too.
        prepared = self._tokenizer(
            list(texts), padding="max_length", max_length=self._context, truncation=True, return_tensors="pt"
        ).to(self._network.device)
        with torch.inference_mode():
            return _rows(self._network.get_text_features(**prepared))


def _rows(features: Any) -> list[FloatArray]:
    """One vector each, whichever way this version of transformers gives them."""
    pooled = getattr(features, "pooler_output", features)
    return list(pooled.float().cpu().numpy())
