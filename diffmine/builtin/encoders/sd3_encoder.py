"""Stable Diffusion 3's three text encoders. Imports torch and transformers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import CLIPTextModelWithProjection, T5EncoderModel

from diffmine.builtin.encoders.clip_states import CLIP_CONTEXT, cut_off, penultimate, token_ids
from diffmine.builtin.encoders.loading import load_encoder
from diffmine.interfaces import Conditioning, TextEncoder

if TYPE_CHECKING:
    from diffmine.builtin.models.checkpoint import Checkpoint

T5_CONTEXT = 256


class StableDiffusion3TextEncoder(TextEncoder):
    """Two CLIP encoders and, where the checkpoint has it, T5 (Esser et al. 2024, section 4).

    The CLIPs' last hidden states but one lie side by side, padded with zeros to the model's width; T5's hidden states
    follow. Without T5 zeros stand for them, as in diffusers. The pooled vector is that of both CLIPs.
    """

    def __init__(self, clips: Sequence[tuple[Any, Any]], t5: tuple[Any, Any] | None, *, width: int) -> None:
        """Take loaded pairs of encoder and tokenizer, on their device."""
        self._clips, self._t5, self.width = tuple(clips), t5, width

    @classmethod
    def from_pretrained(
        cls, source: Checkpoint, device: torch.device, *, width: int, dtype: torch.dtype
    ) -> StableDiffusion3TextEncoder:
        """Load from a pipeline folder; T5 in ``dtype``, the CLIPs in float32.

        Raises:
            ModelError: an encoder or its tokenizer is missing, damaged, or not in safetensors.
        """
        clips = [
            load_encoder(CLIPTextModelWithProjection, source, suffix, device, torch.float32) for suffix in ("", "_2")
        ]
        t5 = load_encoder(T5EncoderModel, source, "_3", device, dtype) if source.has("text_encoder_3") else None
        return cls(clips, t5, width=width)

    def encode(self, prompts: Sequence[str]) -> Conditioning:
        with torch.inference_mode(False), torch.no_grad():
            clips = [penultimate(encoder, tokenizer, prompts) for encoder, tokenizer in self._clips]
            tokens = torch.cat([hidden for hidden, _ in clips], dim=-1)
            tokens = F.pad(tokens, (0, self.width - tokens.shape[-1]))
            return Conditioning(
                torch.cat([tokens, self._encode_t5(prompts, tokens)], dim=1),
                torch.cat([output.text_embeds for _, output in clips], dim=-1),
            )

    def overflow(self, prompt: str) -> int:
        contexts = [(tokenizer, CLIP_CONTEXT) for _, tokenizer in self._clips]
        if self._t5 is not None:
            contexts.append((self._t5[1], T5_CONTEXT))
        return cut_off(prompt, contexts)

    def _encode_t5(self, prompts: Sequence[str], like: Tensor) -> Tensor:
        if self._t5 is None:
            return like.new_zeros(len(prompts), T5_CONTEXT, self.width)
        encoder, tokenizer = self._t5
        hidden: Tensor = encoder(token_ids(tokenizer, prompts, T5_CONTEXT).to(encoder.device)).last_hidden_state
        return hidden.to(like.dtype)
