"""The network behind ``patch-unet``. Imports torch; loaded by the component only when it computes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file
from torch import Tensor

from diffmine.builtin.models.checkpoint import load_module, save_part
from diffmine.builtin.models.patch_autoencoder import PatchAutoencoder
from diffmine.builtin.models.unet_denoiser import UNetDenoiser, check_plain
from diffmine.errors import ModelError
from diffmine.interfaces import ConditionPrior
from diffmine.numerics.seeding import derive_seed
from diffmine.weights.pretrained import read_settings

SCHEDULE = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "v_prediction",
    "clip_sample": False,
}
"""Stable Diffusion's noise schedule, with v-prediction: white latents need its balance of signal and noise."""

PRIOR = Path("conditioning") / "vectors.safetensors"
"""In a base model: the null vector, and mean and deviation of the vectors of crops that it was pretrained with."""


class PatchUNetDenoiser(UNetDenoiser):
    """A small UNet over whitened pixel patches.

    Attributes:
        autoencoder: frozen.
    """

    def __init__(
        self,
        unet: UNet2DConditionModel,
        autoencoder: PatchAutoencoder,
        schedule: Mapping[str, Any],
        *,
        source: Path | None,
    ) -> None:
        """Take loaded parts, on their device; ``source`` is the checkpoint that they come from, if any.

        Raises:
            ModelError: the UNet needs more than latents, a timestep and tokens, or predicts neither noise nor v.
        """
        check_plain(unet)
        self.autoencoder, self._source = autoencoder, source
        self.latent_channels, self.stride = unet.config.in_channels, autoencoder.config.patch_size
        self._use_unet(unet, self.stride)
        self._use_schedule(schedule)

    @classmethod
    def untrained(
        cls, unet: Mapping[str, Any], autoencoder: Mapping[str, Any], device: torch.device
    ) -> PatchUNetDenoiser:
        """A model of these configurations with nothing learned."""
        parts = _seeded_unet(unet, seed=0).to(device), PatchAutoencoder(**autoencoder).to(device)
        return cls(*parts, SCHEDULE, source=None)

    @classmethod
    def from_pretrained(cls, folder: Path, device: torch.device) -> PatchUNetDenoiser:
        """Load what ``save`` wrote; weights stored as float16 compute as float32.

        Raises:
            ModelError: a part is missing, damaged, or of another architecture.
        """
        unet, autoencoder = (
            load_module(kind, folder, part, variant=None, dtype=torch.float32)
            for kind, part in ((UNet2DConditionModel, "unet"), (PatchAutoencoder, "vae"))
        )
        schedule = read_settings(folder, "scheduler/scheduler_config.json")
        return cls(unet.to(device), autoencoder.to(device), schedule, source=folder)

    def encode(self, pixels: Tensor) -> Tensor:
        """Each patch in its principal components, each of unit variance."""
        if not self.autoencoder.fitted:
            raise ModelError("this patch-unet has learned nothing yet; finetune it or give [model] path")
        return self.autoencoder.encode(pixels.to(self.device))

    def decode(self, latents: Tensor) -> Tensor:
        return self.autoencoder.decode(latents).clamp(-1, 1)

    def initialise(self, pixels: Tensor, *, seed: int) -> None:
        """Fit the autoencoder and draw the network's weights; a loaded checkpoint keeps both."""
        if self._source is not None:
            return
        self.autoencoder.fit(pixels.to(self.device))
        fresh = _seeded_unet(self._network.config, seed=derive_seed("patch-unet", seed))
        self._network.load_state_dict(fresh.state_dict())

    def condition_prior(self) -> ConditionPrior | None:
        if self._source is None or not (self._source / PRIOR).is_file():
            return None
        vectors = {name: vector.float().to(self.device) for name, vector in load_file(self._source / PRIOR).items()}
        return ConditionPrior(vectors["null"], vectors["crop_mean"], vectors["crop_std"])

    def save(self, folder: Path) -> None:
        save_part(self._network, folder / "unet")
        save_part(self.autoencoder, folder / "vae")
        self._scheduler.save_pretrained(folder / "scheduler")
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
