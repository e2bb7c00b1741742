"""In which precision a network computes. Imports torch."""

from __future__ import annotations

import torch


def network_dtype(option: str, device: torch.device) -> torch.dtype:
    """The dtype that an option names; ``auto``: bfloat16 on CUDA, float32 elsewhere."""
    if option == "auto":
        return torch.bfloat16 if device.type == "cuda" else torch.float32
    dtype: torch.dtype = getattr(torch, option)
    return dtype
