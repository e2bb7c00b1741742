"""Typicality of Stable Diffusion against a loop as one would write it from the paper."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from numpy.typing import NDArray
from transformers import CLIPTextModel, CLIPTokenizer

from diffmine.builtin.encoders.clip_text import ClipText
from diffmine.builtin.models.stable_diffusion import StableDiffusion
from diffmine.builtin.scorers.diffusion import Diffusion
from diffmine.diffusion.draws import draw
from diffmine.diffusion.loss_scorer import Weighting
from diffmine.interfaces import ModelTools, Progress
from diffmine.testing.toy_pictures import toy_picture
from diffmine.testing.toy_tools import as_picture
from diffmine.testing.toys import tiny_stable_diffusion
from diffmine.types import Picture


class Loop:
    """One picture, one draw and one condition at a time, in float64."""

    def __init__(self, folder: Path) -> None:
        def part(kind: Any, name: str) -> Any:
            return kind.from_pretrained(folder / name).double().eval()

        self.unet, self.vae = part(UNet2DConditionModel, "unet"), part(AutoencoderKL, "vae")
        self.text = part(CLIPTextModel, "text_encoder")
        self.tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
        schedule = DDPMScheduler.from_pretrained(folder / "scheduler")
        self.alphas, self.predicts = schedule.alphas_cumprod.double(), schedule.config.prediction_type

    @torch.no_grad()
    def typicality(self, picture: Picture, prompt: str, config: Diffusion.Config, seed: int) -> NDArray[np.float64]:
        """Of errors of what the model predicts, or of what its predictions are when they are converted."""
        pixels = torch.from_numpy(picture.pixels.copy()).permute(2, 0, 1)[None].double() / 127.5 - 1
        latent = self.vae.encode(pixels).latent_dist.mode() * self.vae.config.scaling_factor
        fractions, noises = draw(config, tuple(latent.shape[1:]), seed, picture.record.digest)
        gains = []
        for fraction, noise in zip(fractions, noises, strict=True):
            timestep, noise = int(fraction.double() * 1000 + 1e-3), noise[None].double()
            signal, spread = self.alphas[timestep].sqrt(), (1 - self.alphas[timestep]).sqrt()
            noisy = signal * latent + spread * noise
            kind = self.predicts if config.weighting == "model" else config.weighting
            target = {"epsilon": noise, "sample": latent}.get(kind, signal * noise - spread * latent)
            null, told = (
                (self.predict(noisy, timestep, words, kind) - target).square().mean(1)[0] for words in ("", prompt)
            )
            gains.append((null - told).numpy())
        return np.mean(gains, axis=0)

    def predict(self, noisy: torch.Tensor, timestep: int, prompt: str, kind: str) -> torch.Tensor:
        ids = self.tokenizer(prompt, padding="max_length", truncation=True, return_tensors="pt").input_ids
        signal, spread = self.alphas[timestep].sqrt(), (1 - self.alphas[timestep]).sqrt()
        predicted = self.unet(noisy, timestep, self.text(ids)[0]).sample
        if self.predicts == "epsilon":
            noise, clean = predicted, (noisy - spread * predicted) / signal
        else:
            noise, clean = signal * predicted + spread * noisy, signal * noisy - spread * predicted
        return {"epsilon": noise, "sample": clean}.get(kind, signal * noise - spread * clean)


@pytest.mark.parametrize("weighting", ["model", "epsilon", "sample", "v"])
@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_it_equals_a_literal_loop(tmp_path: Path, prediction: str, weighting: Weighting) -> None:
    folder = tiny_stable_diffusion(tmp_path, prediction)  # type: ignore[arg-type]
    model = StableDiffusion(StableDiffusion.Config(path=str(folder)))
    prompts = ClipText(ClipText.Config(template="Image of {label}."))
    tools = ModelTools(model, prompts, device="cpu", seed=3, labels=("a", "b"), folder=None)
    pictures = [as_picture(toy_picture(number, 2, 64, 0, number)[0]) for number in range(2)]
    config = Diffusion.Config(draws=4, batch_size=6, weighting=weighting)
    loop, scoring = Loop(folder), Diffusion(config).open(tools)
    for picture, maps in zip(pictures, scoring.score(pictures, [["a", "b"], ["b"]], Progress()), strict=True):
        for one in maps:
            expected = loop.typicality(picture, f"Image of {one.label}.", config, seed=3)
            assert np.abs(expected).max() > 1e-4, "the label matters to the model"
            np.testing.assert_allclose(one.mean, expected, rtol=1e-4, atol=1e-5)
