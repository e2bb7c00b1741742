from __future__ import annotations

import subprocess
import sys

import pytest

from diffmine.builtin.models.flux import Flux
from diffmine.builtin.models.patch_unet import PatchUNet
from diffmine.builtin.models.pixart import PixArt
from diffmine.builtin.models.stable_diffusion import StableDiffusion
from diffmine.builtin.models.stable_diffusion_3 import StableDiffusion3
from diffmine.builtin.models.stable_diffusion_xl import StableDiffusionXL
from diffmine.interfaces import DiffusionModel
from diffmine.testing.contracts.models import DiffusionModelContract
from diffmine.testing.toys import (
    GaussianModel,
    tiny_flux,
    tiny_pixart,
    tiny_sd3,
    tiny_stable_diffusion,
    tiny_stable_diffusion_xl,
)


@pytest.fixture(scope="module")
def epsilon(tmp_path_factory: pytest.TempPathFactory) -> DiffusionModel:
    path = tiny_stable_diffusion(tmp_path_factory.mktemp("sd"), "epsilon")
    return StableDiffusion(StableDiffusion.Config(path=str(path)))


@pytest.fixture(scope="module")
def velocity(tmp_path_factory: pytest.TempPathFactory) -> DiffusionModel:
    path = tiny_stable_diffusion(tmp_path_factory.mktemp("sd"), "v_prediction")
    return StableDiffusion(StableDiffusion.Config(path=str(path)))


@pytest.fixture(scope="module")
def stable_diffusion_xl(tmp_path_factory: pytest.TempPathFactory) -> DiffusionModel:
    path = tiny_stable_diffusion_xl(tmp_path_factory.mktemp("sdxl"))
    return StableDiffusionXL(StableDiffusionXL.Config(path=str(path)))


@pytest.fixture(scope="module")
def stable_diffusion_3(tmp_path_factory: pytest.TempPathFactory) -> DiffusionModel:
    return StableDiffusion3(StableDiffusion3.Config(path=str(tiny_sd3(tmp_path_factory.mktemp("sd3")))))


@pytest.fixture(scope="module")
def pixart(tmp_path_factory: pytest.TempPathFactory) -> DiffusionModel:
    return PixArt(PixArt.Config(path=str(tiny_pixart(tmp_path_factory.mktemp("pixart")))))


@pytest.fixture(scope="module")
def flux(tmp_path_factory: pytest.TempPathFactory) -> DiffusionModel:
    return Flux(Flux.Config(path=str(tiny_flux(tmp_path_factory.mktemp("flux")))))


CHECKPOINTS = ["epsilon", "velocity", "stable_diffusion_xl", "stable_diffusion_3", "pixart", "flux"]


@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
class TestPublishedModels(DiffusionModelContract):
    @pytest.fixture
    def model(self, checkpoint: str, request: pytest.FixtureRequest) -> DiffusionModel:
        model: DiffusionModel = request.getfixturevalue(checkpoint)
        return model


class TestPatchUNet(DiffusionModelContract):
    @pytest.fixture
    def model(self) -> DiffusionModel:
        return PatchUNet(PatchUNet.Config(start="scratch", channels=(16, 32), conditioning_width=16, latent_channels=8))


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "flow"])
class TestGaussianModel(DiffusionModelContract):
    @pytest.fixture
    def model(self, prediction: str) -> DiffusionModel:
        return GaussianModel(GaussianModel.Config(prediction=prediction, stride=4))  # type: ignore[arg-type]


def test_naming_a_model_imports_nothing_heavy() -> None:
    models = ["patch_unet", "stable_diffusion", "stable_diffusion_xl", "stable_diffusion_3", "pixart", "flux"]
    modules = [f"models.{model}" for model in models]
    modules += ["encoders.clip_text", "encoders.label_embedding"]
    imports = "; ".join(f"import diffmine.builtin.{module}" for module in modules)
    heavy = "{'torch', 'diffusers', 'transformers', 'huggingface_hub'}"
    code = f"import sys; {imports}; print(sorted({heavy} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
