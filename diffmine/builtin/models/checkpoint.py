"""Loading and saving the parts of a diffusers pipeline, safetensors only. Imports torch and diffusers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL

from diffmine.errors import ModelError
from diffmine.weights.pretrained import check_whole, copy_part, read_settings

LEFT_OUT = ("safety_checker", "image_encoder")
"""Parts that mining and plain generation do not use; pipelines load without them."""
ORIGIN = "_name_or_path"


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How to load a pipeline.

    Attributes:
        dtype: ``auto`` or the name of a torch dtype; for the network only.
        variant: of the weight files.
        vae_tiling: encode and decode large pictures in overlapping tiles: less memory, other latents at the seams.
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


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A pipeline's folder with its network and autoencoder loaded; the network is trained, the rest stays as it is.

    Attributes:
        folder: with ``model_index.json``.
        variant: of its weight files.
        part: the network's sub-folder.
        network: on its device.
        autoencoder: an ``AutoencoderKL`` on the same device, frozen.
        schedule: the scheduler's configuration.
    """

    folder: Path
    variant: str | None
    part: str
    network: Any
    autoencoder: Any
    schedule: dict[str, Any]

    @classmethod
    def load(cls, folder: Path, kind: Any, part: str, device: torch.device, options: LoadOptions) -> Checkpoint:
        """Load what computes.

        Args:
            folder: the pipeline's.
            kind: the network's diffusers class.
            part: its sub-folder.
            device: where it computes.
            options: see there.
        Raises:
            ModelError: a part is missing, damaged, not in safetensors, or does not fit the others.
        """
        dtype = options.network_dtype(device)
        network = load_module(kind, folder, part, variant=options.variant, dtype=dtype).to(device)
        if options.compile:
            network.compile()  # in place, so that it saves as usual
        autoencoder = _load_autoencoder(folder, device, options)
        schedule = read_settings(folder, "scheduler/scheduler_config.json")
        return cls(folder, options.variant, part, network, autoencoder, schedule)

    @property
    def autoencoder_stride(self) -> int:
        """Image pixels to one latent cell: each level of the autoencoder but the first halves the sides."""
        return int(2 ** (len(self.autoencoder.config.block_out_channels) - 1))

    def has(self, part: str) -> bool:
        """Whether the part's folder is there."""
        return (self.folder / part).is_dir()

    def reload_precisely(self) -> None:
        """Give the network its weights in float32, where it was loaded in half precision."""
        if self.network.dtype is not torch.float32:
            kind = type(self.network)
            stored = load_module(kind, self.folder, self.part, variant=self.variant, dtype=torch.float32)
            self.network.float().load_state_dict(stored.state_dict())

    def save(self, folder: Path) -> None:
        """Write a pipeline with the network as it is now and copies of the other parts; diffusers loads it."""
        index = read_settings(self.folder, "model_index.json")
        parts = [name for name, value in index.items() if isinstance(value, list)]
        kept = [name for name in parts if self.has(name) and name not in LEFT_OUT]
        save_part(self.network, folder / self.part)
        for name in kept:
            if name != self.part and folder != self.folder:
                copy_part(self.folder / name, folder / name, variant=self.variant)
        index |= {name: [None, None] for name in parts if name not in kept}
        if "requires_safety_checker" in index:
            index["requires_safety_checker"] = False
        (folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")


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


def save_part(part: Any, folder: Path) -> None:
    """Save a diffusers model as safetensors, without the path that it was once loaded from.

    That path would tell apart two runs with the same result, and a folder that is shared has no use for it.
    """
    part.save_pretrained(folder, safe_serialization=True)
    config = folder / "config.json"
    settings = json.loads(config.read_text(encoding="utf-8"))
    settings.pop(ORIGIN, None)
    config.write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _load_autoencoder(folder: Path, device: torch.device, options: LoadOptions) -> Any:
    """``folder/vae``, always in float32: it runs once a picture, and several published ones overflow in float16."""
    autoencoder = load_module(AutoencoderKL, folder, "vae", variant=options.variant, dtype=torch.float32)
    autoencoder = autoencoder.to(device).float().eval().requires_grad_(False)
    autoencoder.enable_slicing()
    if options.vae_tiling:
        autoencoder.enable_tiling()
    return autoencoder
