"""Typicality and influence of Stable Diffusion XL and of Flux against a loop over the components of their pipelines."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler, FluxPipeline, StableDiffusionXLPipeline
from torch import Tensor

from diffmine.builtin.encoders.clip_text import ClipText
from diffmine.builtin.models.flux import Flux
from diffmine.builtin.models.stable_diffusion_xl import StableDiffusionXL
from diffmine.builtin.scorers.diffusion import Diffusion
from diffmine.diffusion.draws import draw
from diffmine.interfaces import DiffusionModel, ModelTools, Progress
from diffmine.testing.toy_pictures import toy_picture
from diffmine.testing.toy_tools import as_picture
from diffmine.testing.toys import tiny_flux, tiny_stable_diffusion_xl
from diffmine.types import Picture

CPU = torch.device("cpu")
SIDE = 32


class Noised(NamedTuple):
    """z_t at a timestep, and signal and noise of it."""

    latent: Tensor
    timestep: Any
    signal: Tensor
    spread: Tensor


class Loop(ABC):
    """One picture, one draw and one condition at a time; errors are those of the noise."""

    def __init__(self, pipeline: Any) -> None:
        self.pipeline = pipeline
        pipeline.set_progress_bar_config(disable=True)

    @torch.no_grad()
    def maps(self, picture: Picture, prompt: str, config: Diffusion.Config, seed: int) -> tuple[Any, Any]:
        """Typicality and influence, each (h, w)."""
        pixels = torch.from_numpy(picture.pixels.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
        latent = self.latent(self.pipeline.vae, pixels)
        fractions, noises = draw(config, tuple(latent.shape[1:]), seed, picture.record.digest, range(config.rounds[-1]))
        gains, influences = [], []
        for fraction, noise in zip(fractions, noises, strict=True):
            noised = self.noised(latent, noise[None], float(fraction))
            null, told = (self.noise_in(noised, words) for words in (None, prompt))
            gains.append(((null - noise).square() - (told - noise).square()).mean(1)[0])
            influences.append((told - null).square().mean(1)[0])
        return torch.stack(gains).mean(0).numpy(), torch.stack(influences).mean(0).numpy()

    @abstractmethod
    def latent(self, vae: Any, pixels: Tensor) -> Tensor: ...

    @abstractmethod
    def noised(self, latent: Tensor, noise: Tensor, fraction: float) -> Noised: ...

    @abstractmethod
    def noise_in(self, noised: Noised, prompt: str | None) -> Tensor:
        """The noise that the model sees in z_t; without a prompt, under the null condition."""


class LoopXL(Loop):
    def latent(self, vae: Any, pixels: Tensor) -> Tensor:
        return vae.encode(pixels).latent_dist.mean * 0.13025

    def noised(self, latent: Tensor, noise: Tensor, fraction: float) -> Noised:
        timestep = int(fraction * 1000 + 1e-3)
        kept = DDPMScheduler.from_config(self.pipeline.scheduler.config).alphas_cumprod[timestep]
        signal, spread = kept.sqrt(), (1 - kept).sqrt()
        return Noised(signal * latent + spread * noise, timestep, signal, spread)

    def noise_in(self, noised: Noised, prompt: str | None) -> Tensor:
        tokens, null_tokens, pooled, null_pooled = self.pipeline.encode_prompt(prompt or "anything", device=CPU)
        added = {
            "text_embeds": pooled if prompt else null_pooled,
            "time_ids": torch.tensor([[SIDE, SIDE, 0, 0, SIDE, SIDE]]),
        }
        tokens = tokens if prompt else null_tokens
        predicted = self.pipeline.unet(noised.latent, noised.timestep, tokens, added_cond_kwargs=added).sample
        if self.pipeline.scheduler.config.prediction_type == "epsilon":
            return predicted
        return noised.signal * predicted + noised.spread * noised.latent


class LoopFlux(Loop):
    def latent(self, vae: Any, pixels: Tensor) -> Tensor:
        return (vae.encode(pixels).latent_dist.mean - 0.1159) * 0.3611

    def noised(self, latent: Tensor, noise: Tensor, fraction: float) -> Noised:
        shift = np.exp(1.15)  # that of 1024 x 1024 px, the default
        sigma = torch.tensor(shift / (shift + (1 / fraction - 1))).float()
        return Noised((1 - sigma) * latent + sigma * noise, sigma, 1 - sigma, sigma)

    def noise_in(self, noised: Noised, prompt: str | None) -> Tensor:
        tokens, pooled, text_ids = self.pipeline.encode_prompt(prompt or "", None, device=CPU)
        _, channels, height, width = noised.latent.shape
        velocity = self.pipeline.transformer(
            self.pipeline._pack_latents(noised.latent, 1, channels, height, width),
            encoder_hidden_states=tokens,
            pooled_projections=pooled,
            timestep=noised.timestep[None],
            img_ids=self.pipeline._prepare_latent_image_ids(1, height // 2, width // 2, CPU, torch.float32),
            txt_ids=text_ids,
            guidance=torch.ones(1),
        ).sample
        velocity = self.pipeline._unpack_latents(velocity, SIDE, SIDE, 8)
        return noised.latent + noised.signal * velocity


def xl(folder: Path, prediction: str) -> tuple[DiffusionModel, Loop]:
    tiny_stable_diffusion_xl(folder, prediction)  # type: ignore[arg-type]
    pipeline = StableDiffusionXLPipeline.from_pretrained(folder, add_watermarker=False)
    return StableDiffusionXL(StableDiffusionXL.Config(path=str(folder))), LoopXL(pipeline)


def flux(folder: Path, _: str) -> tuple[DiffusionModel, Loop]:
    return Flux(Flux.Config(path=str(tiny_flux(folder)))), LoopFlux(FluxPipeline.from_pretrained(folder))


@pytest.mark.parametrize(("family", "prediction"), [(xl, "epsilon"), (xl, "v_prediction"), (flux, "velocity")])
def test_they_equal_a_literal_loop(tmp_path: Path, family: Any, prediction: str) -> None:
    model, loop = family(tmp_path, prediction)
    prompts = ClipText(ClipText.Config(template="Image of {label}."))
    tools = ModelTools(model, prompts, device="cpu", seed=3, labels=("a", "b"), folder=None)
    picture = as_picture(toy_picture(0, 2, SIDE, 0, 0)[0])
    config = Diffusion.Config(draws=4, batch_size=6, weighting="epsilon")
    for one in Diffusion(config).open(tools).score([picture], [["a", "b"]], Progress())[0]:
        typicality, influence = loop.maps(picture, f"Image of {one.label}.", config, seed=3)
        assert np.abs(typicality).max() > 1e-4, "the label matters to the model"
        np.testing.assert_allclose(one.mean, typicality, rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(one.influence, influence, rtol=2e-3, atol=1e-6)
