"""Flux's two text encoders. Imports torch and transformers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from transformers import CLIPTextModel, T5EncoderModel

from diffmine.builtin.encoders.clip_states import CLIP_CONTEXT, cut_off, token_ids
from diffmine.builtin.encoders.loading import load_encoder
from diffmine.interfaces import Conditioning, TextEncoder

if TYPE_CHECKING:
    from diffmine.builtin.models.checkpoint import Checkpoint


class FluxTextEncoder(TextEncoder):
    """T5's last hidden states, padding included, and CLIP's pooled vector.

    Attributes:
        context: tokens that T5 reads of a prompt.
    """

    def __init__(self, clip: tuple[Any, Any], t5: tuple[Any, Any], *, context: int) -> None:
        """Take loaded pairs of encoder and tokenizer, on their device."""
        self._clip, self._t5, self.context = clip, t5, context
        self.width = t5[0].config.d_model

    @classmethod
    def from_pretrained(
        cls, source: Checkpoint, device: torch.device, *, context: int, dtype: torch.dtype
    ) -> FluxTextEncoder:
        """Load from a pipeline folder; T5 in ``dtype``, CLIP in float32.

        Raises:
            ModelError: an encoder or its tokenizer is missing, damaged, or not in safetensors.
        """
        clip = load_encoder(CLIPTextModel, source, "", device, torch.float32)
        t5 = load_encoder(T5EncoderModel, source, "_2", device, dtype)
        return cls(clip, t5, context=context)

    def encode(self, prompts: Sequence[str]) -> Conditioning:
        (clip, clip_tokenizer), (t5, t5_tokenizer) = self._clip, self._t5
        with torch.inference_mode(False), torch.no_grad():
            pooled = clip(token_ids(clip_tokenizer, prompts, CLIP_CONTEXT).to(clip.device)).pooler_output
            tokens = t5(token_ids(t5_tokenizer, prompts, self.context).to(t5.device)).last_hidden_state
            return Conditioning(tokens.float(), pooled)

    def overflow(self, prompt: str) -> int:
        """As T5 reads it: CLIP's pooled vector is a summary, and cut long before."""
        return cut_off(prompt, [(self._t5[1], self.context)])
