"""What models with several text encoders take of a CLIP text transformer. Imports torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

CLIP_CONTEXT = 77


def token_ids(tokenizer: Any, prompts: Sequence[str], context: int) -> Tensor:
    """Prompts cut and padded to ``context`` tokens, int64, (prompts, context)."""
    ids: Tensor = tokenizer(
        list(prompts), padding="max_length", max_length=context, truncation=True, return_tensors="pt"
    ).input_ids
    return ids


def penultimate(encoder: Any, tokenizer: Any, prompts: Sequence[str]) -> tuple[Tensor, Any]:
    """The hidden states before the last layer, (prompts, 77, width), and the encoder's whole output."""
    output = encoder(token_ids(tokenizer, prompts, CLIP_CONTEXT).to(encoder.device), output_hidden_states=True)
    return output.hidden_states[-2], output


def cut_off(prompt: str, contexts: Sequence[tuple[Any, int]]) -> int:
    """Tokens of ``prompt`` beyond the context of the encoder that cuts most; 0: nothing is cut.

    Args:
        prompt: the text.
        contexts: each encoder's tokenizer and the number of tokens that it reads.
    """
    return max(max(0, len(tokenizer(prompt, verbose=False).input_ids) - size) for tokenizer, size in contexts)
