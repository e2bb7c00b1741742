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

from diffmine.builtin.models.blocks import output_of
from diffmine.builtin.models.checkpoint import load_module, save_part
from diffmine.builtin.models.latent_diffusion import (
    alpha_bar,
    discrete_timesteps,
    noised,
    scheduler_of,
    signal_to_noise,
    velocity,
)
from diffmine.builtin.models.patch_autoencoder import PatchAutoencoder
from diffmine.builtin.models.stable_diffusion_denoiser import (
    check_unet,
    unet_conditioning_width,
    unet_inputs,
    unet_multiple,
)
from diffmine.errors import ModelError
from diffmine.interfaces import Conditioning, ConditionPrior, Denoiser
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


class PatchUNetDenoiser(Denoiser):
    """A small UNet over whitened pixel patches, from the picture to the prediction, in order.

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
        check_unet(unet)
        self.autoencoder, self._source = autoencoder, source
        self._unet: Any = unet.to(memory_format=torch.channels_last)
        self._scheduler = scheduler_of(schedule)
        self.device, self.dtype = unet.device, unet.dtype
        self.latent_channels, self.stride = unet.config.in_channels, autoencoder.config.patch_size
        self.num_blocks = len(unet.up_blocks)
        self.size_multiple = unet_multiple(unet, self.stride)

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

    @property
    def network(self) -> torch.nn.Module:
        unet: torch.nn.Module = self._unet
        return unet

    @property
    def conditioning_width(self) -> int:
        return unet_conditioning_width(self._unet)

    def encode(self, pixels: Tensor) -> Tensor:
        """Each patch in its principal components, each of unit variance."""
        if not self.autoencoder.fitted:
            raise ModelError("this patch-unet has learned nothing yet; finetune it or give [model] path")
        return self.autoencoder.encode(pixels.to(self.device))

    def decode(self, latents: Tensor) -> Tensor:
        return self.autoencoder.decode(latents).clamp(-1, 1)

    def timesteps(self, fractions: Tensor) -> Tensor:
        """t = fraction * number of training timesteps (1000), rounded down."""
        return discrete_timesteps(fractions, self._scheduler.config.num_train_timesteps).to(self.device)

    def add_noise(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """z_t = sqrt(alpha_bar_t) z + sqrt(1 - alpha_bar_t) noise."""
        return noised(latents, noise, alpha_bar(self._scheduler, timesteps, latents))

    def target(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """v = sqrt(alpha_bar_t) noise - sqrt(1 - alpha_bar_t) z; the noise where a saved model's schedule says so."""
        if self._scheduler.config.prediction_type == "epsilon":
            return noise
        return velocity(latents, noise, alpha_bar(self._scheduler, timesteps, latents))

    def predict(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning) -> Tensor:
        """What the UNet makes of z_t, t and the label's vector."""
        prediction: Tensor = self._unet(**unet_inputs(self._unet, noisy, timesteps, conditioning)).sample
        return prediction.float()

    def block_features(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning, block: int) -> Tensor:
        """What up-block ``block`` gives; the forward is left there."""
        inputs = unet_inputs(self._unet, noisy, timesteps, conditioning)
        features: Tensor = output_of(self._unet, self._unet.up_blocks[block], **inputs)
        return features.float()

    def snr(self, timesteps: Tensor) -> Tensor:
        """alpha_bar_t / (1 - alpha_bar_t)."""
        return signal_to_noise(self._scheduler, timesteps)

    def initialise(self, pixels: Tensor, *, seed: int) -> None:
        """Fit the autoencoder and draw the network's weights; a loaded checkpoint keeps both."""
        if self._source is not None:
            return
        self.autoencoder.fit(pixels.to(self.device))
        fresh = _seeded_unet(self._unet.config, seed=derive_seed("patch-unet", seed))
        self._unet.load_state_dict(fresh.state_dict())

    def condition_prior(self) -> ConditionPrior | None:
        if self._source is None or not (self._source / PRIOR).is_file():
            return None
        vectors = {name: vector.float().to(self.device) for name, vector in load_file(self._source / PRIOR).items()}
        return ConditionPrior(vectors["null"], vectors["crop_mean"], vectors["crop_std"])

    def save(self, folder: Path) -> None:
        save_part(self._unet, folder / "unet")
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
