"""A diffusers pipeline on disk, of which one part is trained and the others are kept."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from diffmine.builtin.models.loading import load_module
from diffmine.builtin.models.saving import save_part
from diffmine.weights.pretrained import copy_part, read_settings

LEFT_OUT = ("safety_checker", "image_encoder")
"""Parts that mining and plain generation do not use; pipelines load without them."""


@dataclass(frozen=True, slots=True)
class PipelineFolder:
    """Where a pipeline was loaded from.

    Attributes:
        path: the folder with ``model_index.json``.
        variant: of its weight files.
    """

    path: Path
    variant: str | None

    def has(self, part: str) -> bool:
        """Whether the part's folder is there."""
        return (self.path / part).is_dir()

    def reload_precisely(self, network: Any, part: str) -> None:
        """Give ``network`` the weights of ``part`` in float32, where it was loaded in half precision."""
        if network.dtype is not torch.float32:
            stored = load_module(type(network), self.path, part, variant=self.variant, dtype=torch.float32)
            network.float().load_state_dict(stored.state_dict())

    def save(self, folder: Path, part: str, network: Any) -> None:
        """Write a pipeline with ``network`` as its ``part`` and copies of the others, safetensors only."""
        index = read_settings(self.path, "model_index.json")
        parts = [name for name, value in index.items() if isinstance(value, list)]
        kept = [name for name in parts if self.has(name) and name not in LEFT_OUT]
        save_part(network, folder / part)
        for name in kept:
            if name != part and folder != self.path:
                copy_part(self.path / name, folder / name, variant=self.variant)
        index |= {name: [None, None] for name in parts if name not in kept}
        if "requires_safety_checker" in index:
            index["requires_safety_checker"] = False
        (folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")
