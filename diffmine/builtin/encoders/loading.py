"""Text encoders from checkpoints. Imports torch and transformers."""

from __future__ import annotations

from pathlib import Path
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
    encoder = load_weights(kind, weights, variant=source.variant, dtype=dtype)
    try:
        tokenizer = AutoTokenizer.from_pretrained(vocabulary)
    except (OSError, ValueError) as error:
        raise ModelError(f"{vocabulary} cannot be loaded as a tokenizer: {error}") from error
    return encoder.to(device).eval().requires_grad_(False), tokenizer


def load_weights(kind: Any, folder: Path, *, variant: str | None, dtype: torch.dtype) -> Any:
    """An encoder with every weight from the checkpoint.

    Raises:
        ModelError: it is missing, damaged, not in safetensors, or of another architecture, so that weights are missing.
    """
    try:
        with without_progress_bars():
            encoder, info = kind.from_pretrained(
                folder, variant=variant, use_safetensors=True, dtype=dtype, output_loading_info=True
            )
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(
            f"{folder} cannot be loaded as {kind.__name__} from safetensors: {reason}; where the hub has only pickled "
            "weights, give revision a converted branch (refs/pr/...), or convert them with save_pretrained"
        ) from error
    if missing := sorted(info["missing_keys"]):
        raise ModelError(
            f"{folder} lacks {len(missing)} weights of a {kind.__name__}, such as {missing[0]!r}; name a checkpoint of "
            "this architecture"
        )
    return encoder
