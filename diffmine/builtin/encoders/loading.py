"""Text encoders of a pipeline folder. Imports torch and transformers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoTokenizer

from diffmine.builtin.encoders.silence import without_progress_bars
from diffmine.errors import ModelError

if TYPE_CHECKING:
    from diffmine.builtin.models.pipeline_folder import PipelineFolder


def load_encoder(
    kind: Any, source: PipelineFolder, suffix: str, device: torch.device, dtype: torch.dtype
) -> tuple[Any, Any]:
    """A frozen text encoder, on its device, and its tokenizer.

    Args:
        kind: the encoder's transformers class.
        suffix: of the folders ``text_encoder`` and ``tokenizer``, such as ``_2``.
    Raises:
        ModelError: one is missing, damaged, or not in safetensors.
    """
    weights, vocabulary = source.path / f"text_encoder{suffix}", source.path / f"tokenizer{suffix}"
    try:
        with without_progress_bars():
            encoder = kind.from_pretrained(weights, variant=source.variant, use_safetensors=True, dtype=dtype)
        tokenizer = AutoTokenizer.from_pretrained(vocabulary)
    except (OSError, ValueError) as error:
        raise ModelError(f"{weights} cannot be loaded as {kind.__name__} from safetensors: {error}") from error
    return encoder.to(device).eval().requires_grad_(False), tokenizer
