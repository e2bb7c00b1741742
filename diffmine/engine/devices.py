"""The device to compute on."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path


def torch_device(requested: str) -> str:
    """The torch device that ``requested`` names; ``auto`` is the first GPU that torch can use, where there is one.

    Torch, which takes seconds to import, is asked only on machines that have a driver: a run without a diffusion model
    may need none.
    """
    if requested != "auto":
        return requested
    if not has_driver():
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def has_driver() -> bool:
    """Whether the machine shows signs of a GPU that torch might use (CUDA, or ROCm)."""
    signs = (Path("/dev/nvidiactl"), Path("/dev/kfd"), Path("/dev/dxg"))
    return sys.platform == "win32" or any(sign.exists() for sign in signs) or shutil.which("nvidia-smi") is not None
