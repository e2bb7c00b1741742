"""The parts of a diffusers pipeline, loaded with one set of options. Imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from diffmine.errors import ModelError
from diffmine.weights.pretrained import check_whole


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How to load a pipeline.

    Attributes:
        dtype: ``auto`` or the name of a torch dtype; for the network only.
        variant: of the weight files.
        vae_tiling: encode and decode large pictures in tiles.
        compile: compile the network.
    """

    dtype: str = "auto"
    variant: str | None = None
    vae_tiling: bool = False
    compile: bool = False

    def network_dtype(self, device: torch.device) -> torch.dtype:
        """In which precision the network computes; auto: bfloat16 on CUDA, float32 elsewhere."""
        if self.dtype == "auto":
            return torch.bfloat16 if device.type == "cuda" else torch.float32
        dtype: torch.dtype = getattr(torch, self.dtype)
        return dtype


def load_module(kind: Any, folder: Path, part: str, *, variant: str | None, dtype: torch.dtype) -> Any:
    """``kind.from_pretrained`` on a sub-folder, safetensors only.

    Raises:
        ModelError: it is missing, damaged, of another architecture, or only there as a pickle.
    """
    try:
        with torch.random.fork_rng(devices=[]):  # some classes draw while they are made
            network, info = kind.from_pretrained(
                folder,
                subfolder=part,
                variant=variant,
                use_safetensors=True,
                torch_dtype=dtype,
                output_loading_info=True,
            )
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(
            f"{folder / part} cannot be loaded as {kind.__name__} from safetensors: {reason}; check [model] path and "
            "variant, and convert pickled weights with save_pretrained(safe_serialization=True)"
        ) from error
    check_whole(folder / part, network, info["missing_keys"])
    return network


def load_network(kind: Any, folder: Path, part: str, device: torch.device, options: LoadOptions) -> Any:
    """The network, on its device, compiled where wanted (in place, so that it saves as usual)."""
    dtype = options.network_dtype(device)
    network = load_module(kind, folder, part, variant=options.variant, dtype=dtype).to(device)
    if options.compile:
        network.compile()
    return network
