"""The network behind ``patch-unet``. Imports torch; loaded by the component only when it computes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from diffmine.builtin.models.patch_autoencoder import PatchAutoencoder
from diffmine.builtin.models.saving import save_part
from diffmine.builtin.models.unet_denoiser import UNetDenoiser
from diffmine.errors import ModelError
from diffmine.seeding import derive_seed

SCHEDULE = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "v_prediction",
    "clip_sample": False,
}
"""Stable Diffusion's noise schedule, with v-prediction: white latents need its balance of signal and noise."""


class PatchUNetDenoiser(UNetDenoiser):
    """A small UNet over whitened pixel patches."""

    def __init__(
        self, unet: UNet2DConditionModel, autoencoder: PatchAutoencoder, schedule: Mapping[str, Any], *, trained: bool
    ) -> None:
        """Take loaded parts; ``trained`` says whether they come from a checkpoint."""
        super().__init__(unet, schedule, stride=autoencoder.config.patch_size)
        self.autoencoder = autoencoder
        self._trained = trained

    @classmethod
    def untrained(
        cls, unet: Mapping[str, Any], autoencoder: Mapping[str, Any], device: torch.device
    ) -> PatchUNetDenoiser:
        """A model of these configurations with nothing learned."""
        parts = _seeded_unet(unet, seed=0).to(device), PatchAutoencoder(**autoencoder).to(device)
        return cls(*parts, SCHEDULE, trained=False)

    @classmethod
    def from_pretrained(cls, folder: Path, device: torch.device) -> PatchUNetDenoiser:
        """Load what ``save`` wrote; weights stored as float16 compute as float32.

        Raises:
            ModelError: a part is missing or damaged.
        """
        options = {"torch_dtype": torch.float32, "use_safetensors": True, "local_files_only": True}
        try:
            unet = UNet2DConditionModel.from_pretrained(folder, subfolder="unet", **options)
            autoencoder = PatchAutoencoder.from_pretrained(folder, subfolder="vae", **options)
            schedule = json.loads((folder / "scheduler" / "scheduler_config.json").read_text())
        except (OSError, ValueError) as error:
            raise ModelError(f"{folder} is not a patch-unet checkpoint: {error}") from error
        return cls(unet.to(device), autoencoder.to(device), schedule, trained=True)

    def encode(self, pixels: Tensor) -> Tensor:
        if not self.autoencoder.fitted:
            raise ModelError("this patch-unet has learned nothing yet; finetune it or give [model] path")
        return self.autoencoder.encode(pixels.to(self.device))

    def decode(self, latents: Tensor) -> Tensor:
        return self.autoencoder.decode(latents)

    def initialise(self, pixels: Tensor, *, seed: int) -> None:
        """Fit the autoencoder and draw the network's weights; a loaded checkpoint keeps both."""
        if self._trained:
            return
        self.autoencoder.fit(pixels.to(self.device))
        fresh = _seeded_unet(self._unet.config, seed=derive_seed("patch-unet", seed))
        self._unet.load_state_dict(fresh.state_dict())

    def save(self, folder: Path) -> None:
        save_part(self._unet, folder / "unet")
        save_part(self.autoencoder, folder / "vae")
        self.schedule.save_pretrained(folder / "scheduler")
        (folder / "model_index.json").write_text(json.dumps(_index(), indent=2) + "\n")


def _index() -> dict[str, Any]:
    return {
        "_class_name": "PatchUNetDenoiser",
        "_diffusers_version": diffusers.__version__,
        "scheduler": ["diffusers", "DDPMScheduler"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": [PatchAutoencoder.__module__, "PatchAutoencoder"],
    }


def _seeded_unet(config: Mapping[str, Any], *, seed: int) -> UNet2DConditionModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return UNet2DConditionModel.from_config(dict(config))
