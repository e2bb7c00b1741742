from __future__ import annotations

from pathlib import Path

import pytest
import torch

from diffmine.builtin.encoders.clip_text import ClipText, Extra
from diffmine.builtin.encoders.label_embedding import LabelEmbedding
from diffmine.builtin.models.flux import Flux
from diffmine.builtin.models.pixart import PixArt
from diffmine.builtin.models.stable_diffusion import StableDiffusion
from diffmine.builtin.models.stable_diffusion_3 import StableDiffusion3
from diffmine.builtin.models.stable_diffusion_xl import StableDiffusionXL
from diffmine.interfaces import ConditioningEncoder, Denoiser
from diffmine.testing.contracts.encoders import ConditioningEncoderContract
from diffmine.testing.toys import (
    GaussianMeans,
    GaussianModel,
    tiny_flux,
    tiny_pixart,
    tiny_sd3,
    tiny_stable_diffusion,
    tiny_stable_diffusion_xl,
)

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def stable_diffusion(tmp_path_factory: pytest.TempPathFactory) -> Denoiser:
    path = tiny_stable_diffusion(tmp_path_factory.mktemp("sd"))
    return StableDiffusion(StableDiffusion.Config(path=str(path))).load(CPU)


@pytest.fixture(scope="module")
def stable_diffusion_xl(tmp_path_factory: pytest.TempPathFactory) -> Denoiser:
    path = tiny_stable_diffusion_xl(tmp_path_factory.mktemp("sdxl"))
    return StableDiffusionXL(StableDiffusionXL.Config(path=str(path))).load(CPU)


@pytest.fixture(scope="module")
def flux(tmp_path_factory: pytest.TempPathFactory) -> Denoiser:
    path = tiny_flux(tmp_path_factory.mktemp("flux"))
    return Flux(Flux.Config(path=str(path), text_tokens=64)).load(CPU)


@pytest.fixture(scope="module")
def stable_diffusion_3(tmp_path_factory: pytest.TempPathFactory) -> Denoiser:
    path = tiny_sd3(tmp_path_factory.mktemp("sd3"))
    return StableDiffusion3(StableDiffusion3.Config(path=str(path))).load(CPU)


@pytest.fixture(scope="module")
def pixart(tmp_path_factory: pytest.TempPathFactory) -> Denoiser:
    return PixArt(PixArt.Config(path=str(tiny_pixart(tmp_path_factory.mktemp("pixart"))))).load(CPU)


MODELS = ["stable_diffusion", "stable_diffusion_xl", "stable_diffusion_3", "pixart", "flux"]


@pytest.mark.parametrize("model", MODELS)
class TestLabelEmbedding(ConditioningEncoderContract):
    @pytest.fixture
    def component(self) -> ConditioningEncoder:
        return LabelEmbedding(LabelEmbedding.Config())

    @pytest.fixture
    def denoiser(self, model: str, request: pytest.FixtureRequest) -> Denoiser:
        denoiser: Denoiser = request.getfixturevalue(model)
        return denoiser


@pytest.mark.parametrize("model", MODELS)
class TestClipText(ConditioningEncoderContract):
    @pytest.fixture
    def component(self) -> ConditioningEncoder:
        region = Extra(text=", at the region of {region}", probability=0.5)
        return ClipText(ClipText.Config(template="image in {label}", null_prompt="image", extras=(region,)))

    @pytest.fixture
    def denoiser(self, model: str, request: pytest.FixtureRequest) -> Denoiser:
        denoiser: Denoiser = request.getfixturevalue(model)
        return denoiser


class TestClipTextFromElsewhere(ConditioningEncoderContract):
    @pytest.fixture
    def component(self, tmp_path: Path) -> ConditioningEncoder:
        return ClipText(ClipText.Config(path=str(tiny_stable_diffusion(tmp_path / "other", seed=3))))

    @pytest.fixture
    def denoiser(self, stable_diffusion: Denoiser) -> Denoiser:
        return stable_diffusion


class TestGaussianMeans(ConditioningEncoderContract):
    @pytest.fixture
    def component(self) -> ConditioningEncoder:
        return GaussianMeans(GaussianMeans.Config())

    @pytest.fixture
    def denoiser(self) -> Denoiser:
        return GaussianModel(GaussianModel.Config()).load(CPU)
