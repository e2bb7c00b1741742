"""CLIP's text encoder. Imports torch and transformers."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import CLIPTextModel, CLIPTokenizer

from diffmine.errors import ModelError
from diffmine.interfaces import Conditioning, TextEncoder
from diffmine.weights.transformers_models import load_part, load_weights, quiet


class ClipTextEncoder(TextEncoder):
    """The last hidden states of a CLIP text transformer, padded to its context, as Stable Diffusion takes them.

    Frozen and in float32: prompts are encoded once each.
    """

    def __init__(self, model: CLIPTextModel, tokenizer: CLIPTokenizer) -> None:
        """Take a loaded encoder, on its device, and its tokenizer."""
        self.model: Any = model
        self.tokenizer: Any = tokenizer
        self.width: int = model.config.hidden_size
        self._context: int = min(tokenizer.model_max_length, model.config.max_position_embeddings)

    @classmethod
    def from_pretrained(cls, folder: Path, device: torch.device, *, variant: str | None = None) -> ClipTextEncoder:
        """Load from a pipeline folder, a text-encoder folder beside its ``tokenizer``, or a whole CLIP checkpoint.

        Raises:
            ModelError: there is no text encoder or no tokenizer, or they are damaged or not in safetensors.
        """
        weights = folder / "text_encoder" if (folder / "text_encoder").is_dir() else folder
        vocabulary = _tokenizer_folder(weights)
        model = load_weights(CLIPTextModel, weights, variant=variant, dtype=torch.float32)
        tokenizer = load_part(CLIPTokenizer.from_pretrained, vocabulary)
        return cls(model.to(device), tokenizer)

    def encode(self, prompts: Sequence[str]) -> Conditioning:
        tokens = self.tokenizer(
            list(prompts), padding="max_length", max_length=self._context, truncation=True, return_tensors="pt"
        )
        # What is encoded in inference mode would be of no use to a training step that meets it in a cache.
        with torch.inference_mode(False), torch.no_grad():
            hidden = self.model(tokens.input_ids.to(self.model.device)).last_hidden_state
        return Conditioning(hidden)

    def overflow(self, prompt: str) -> int:
        tokens: list[int] = self.tokenizer(prompt, verbose=False).input_ids
        return max(0, len(tokens) - self._context)

    def save(self, folder: Path) -> None:
        for part in ("text_encoder", "tokenizer"):
            shutil.rmtree(folder / part, ignore_errors=True)
        with quiet():
            self.model.save_pretrained(folder / "text_encoder", safe_serialization=True)
        self.tokenizer.save_pretrained(folder / "tokenizer")


def _tokenizer_folder(weights: Path) -> Path:
    for folder in (weights.parent / "tokenizer", weights / "tokenizer", weights):
        if any((folder / name).is_file() for name in ("vocab.json", "tokenizer.json")):
            return folder
    raise ModelError(
        f"no tokenizer for the text encoder in {weights}: expected vocab.json or tokenizer.json there, "
        f"or a folder 'tokenizer' beside it"
    )
