"""T5's text encoder. Imports torch and transformers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from transformers import T5EncoderModel

from diffmine.builtin.encoders.loading import load_encoder
from diffmine.interfaces import Conditioning, TextEncoder

if TYPE_CHECKING:
    from diffmine.builtin.models.checkpoint import Checkpoint


class T5TextEncoder(TextEncoder):
    """The last hidden states of T5 with a mask over the padding, as PixArt takes them."""

    def __init__(self, model: T5EncoderModel, tokenizer: Any, context: int) -> None:
        """Take a loaded encoder, on its device; prompts are padded to ``context`` tokens."""
        self.model: Any = model
        self.tokenizer = tokenizer
        self.width: int = model.config.d_model
        self.context = context

    @classmethod
    def from_pretrained(
        cls, source: Checkpoint, device: torch.device, *, context: int, dtype: torch.dtype
    ) -> T5TextEncoder:
        """Load ``text_encoder`` and ``tokenizer`` of a pipeline folder.

        Raises:
            ModelError: one is missing, damaged, or not in safetensors.
        """
        model, tokenizer = load_encoder(T5EncoderModel, source, "", device, dtype)
        return cls(model, tokenizer, context)

    def encode(self, prompts: Sequence[str]) -> Conditioning:
        tokens = self.tokenizer(
            [_cleaned(prompt) for prompt in prompts],
            padding="max_length",
            max_length=self.context,
            truncation=True,
            return_tensors="pt",
        ).to(self.model.device)
        with torch.inference_mode(False), torch.no_grad():
            hidden = self.model(tokens.input_ids, attention_mask=tokens.attention_mask).last_hidden_state
        return Conditioning(hidden.float(), mask=tokens.attention_mask.bool())

    def overflow(self, prompt: str) -> int:
        tokens: list[int] = self.tokenizer(_cleaned(prompt), verbose=False).input_ids
        return max(0, len(tokens) - self.context)


def _cleaned(prompt: str) -> str:
    """As PixArt was trained."""
    return prompt.lower().strip()
