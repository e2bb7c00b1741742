"""Stable Diffusion XL's two text encoders. Imports torch and transformers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from diffmine.builtin.encoders.clip_states import CLIP_CONTEXT, cut_off, penultimate
from diffmine.builtin.encoders.loading import load_encoder
from diffmine.interfaces import Conditioning, TextEncoder

if TYPE_CHECKING:
    from diffmine.builtin.models.checkpoint import Checkpoint


class StableDiffusionXLTextEncoder(TextEncoder):
    """CLIP ViT-L and OpenCLIP ViT-bigG: their last hidden states but one side by side, and the second's pooled vector.

    As in Podell et al. 2023, section 2.1. Frozen and in float32. Where ``zeros_for_empty`` is set, zeros stand for the
    empty prompt, tokens and pooled vector alike, instead of what the encoders make of it, as in diffusers for such
    checkpoints where no negative prompt is given.
    """

    def __init__(self, first: tuple[Any, Any], second: tuple[Any, Any], *, zeros_for_empty: bool) -> None:
        """Take loaded pairs of encoder and tokenizer, on their device."""
        self._pairs, self._zeros = (first, second), zeros_for_empty
        self.width = sum(encoder.config.hidden_size for encoder, _ in self._pairs)

    @classmethod
    def from_pretrained(
        cls, source: Checkpoint, device: torch.device, *, zeros_for_empty: bool
    ) -> StableDiffusionXLTextEncoder:
        """Load from a pipeline folder.

        Raises:
            ModelError: an encoder or its tokenizer is missing, damaged, or not in safetensors.
        """
        first = load_encoder(CLIPTextModel, source, "", device, torch.float32)
        second = load_encoder(CLIPTextModelWithProjection, source, "_2", device, torch.float32)
        return cls(first, second, zeros_for_empty=zeros_for_empty)

    def encode(self, prompts: Sequence[str]) -> Conditioning:
        with torch.inference_mode(False), torch.no_grad():
            (first, _), (second, output) = (penultimate(*pair, prompts) for pair in self._pairs)
            told = Conditioning(torch.cat([first, second], dim=-1), output.text_embeds)
            zero = [row for row, prompt in enumerate(prompts) if self._zeros and not prompt]
            return told.map(lambda part: part.index_fill(0, torch.tensor(zero, device=part.device).long(), 0.0))

    def overflow(self, prompt: str) -> int:
        return cut_off(prompt, [(tokenizer, CLIP_CONTEXT) for _, tokenizer in self._pairs])
