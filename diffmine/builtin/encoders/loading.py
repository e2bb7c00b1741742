"""Text encoders of a pipeline folder. Imports torch and transformers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoTokenizer

from diffmine.weights.transformers_models import load_part, load_weights

if TYPE_CHECKING:
    from diffmine.builtin.models.checkpoint import Checkpoint


def load_encoder(
    kind: Any, source: Checkpoint, suffix: str, device: torch.device, dtype: torch.dtype
) -> tuple[Any, Any]:
    """A frozen text encoder, on its device, and its tokenizer.

    Args:
        kind: the encoder's transformers class.
        suffix: of the folders ``text_encoder`` and ``tokenizer``, such as ``_2``.
    Raises:
        ModelError: one is missing, damaged, or not in safetensors.
    """
    weights, vocabulary = source.folder / f"text_encoder{suffix}", source.folder / f"tokenizer{suffix}"
    encoder = load_weights(kind, weights, variant=source.variant, dtype=dtype)
    return encoder.to(device), load_part(AutoTokenizer.from_pretrained, vocabulary)
