from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from pydantic import ValidationError
from safetensors.torch import save_file
from torch import Tensor

from diffmine.builtin.encoders.label_embedding import LabelEmbedding
from diffmine.builtin.models.patch_autoencoder import PatchAutoencoder
from diffmine.builtin.models.patch_unet import PatchUNet
from diffmine.builtin.models.patch_unet_denoiser import PRIOR
from diffmine.errors import ModelError
from diffmine.interfaces import Denoiser
from diffmine.testing.contracts.models import pictures

CPU = torch.device("cpu")
SMALL = {"channels": (16, 32), "conditioning_width": 16}


def scratch(**options: object) -> PatchUNet:
    return PatchUNet(PatchUNet.Config(start="scratch", **{**SMALL, **options}))  # type: ignore[arg-type]


def initialised(model: PatchUNet, *, seed: int = 0) -> Denoiser:
    denoiser = model.load(CPU)
    denoiser.initialise(pictures(denoiser, 16), seed=seed)
    return denoiser


def smooth(count: int = 24, side: int = 32) -> Tensor:
    coarse = torch.randn(count, 3, 5, 5, generator=torch.Generator().manual_seed(1))
    return torch.nn.functional.interpolate(coarse, (side, side), mode="bicubic").tanh()


class TestAutoencoder:
    def test_latents_are_white_up_to_the_ridge(self) -> None:
        autoencoder = PatchAutoencoder(patch_size=4, latent_channels=6)
        autoencoder.fit(smooth(), ridge=0.0)
        latents = autoencoder.encode(smooth()).permute(1, 0, 2, 3).flatten(1).double()
        torch.testing.assert_close(latents.mean(1), torch.zeros(6).double(), rtol=0, atol=1e-3)
        torch.testing.assert_close(torch.cov(latents), torch.eye(6).double(), rtol=0, atol=1e-3)

    def test_all_components_reconstruct_exactly(self) -> None:
        autoencoder = PatchAutoencoder(patch_size=2, latent_channels=12)
        autoencoder.fit(smooth())
        torch.testing.assert_close(autoencoder(smooth()), smooth(), rtol=0, atol=1e-4)

    @pytest.mark.parametrize("kept", [1, 3, 8])
    def test_no_linear_projection_of_this_rank_reconstructs_better(self, kept: int) -> None:
        """The error is the variance that the singular values beyond ``kept`` hold (Eckart and Young 1936)."""
        autoencoder = PatchAutoencoder(patch_size=4, latent_channels=kept)
        autoencoder.fit(smooth())
        patches = torch.nn.functional.unfold(smooth(), 4, stride=4).transpose(1, 2).flatten(0, 1).double()
        singular = torch.linalg.svdvals(patches - patches.mean(0))
        error = (autoencoder(smooth()) - smooth()).double().square().sum()
        assert float(error) == pytest.approx(float(singular[kept:].square().sum()), rel=1e-2)

    def test_a_patch_is_a_cell(self) -> None:
        autoencoder = PatchAutoencoder(patch_size=4, latent_channels=5)
        autoencoder.fit(smooth())
        changed = smooth()[:1].clone()
        changed[:, :, 8:12, 4:8] += 0.3
        difference = (autoencoder.encode(changed) - autoencoder.encode(smooth()[:1])).abs().sum(1)[0]
        assert difference.nonzero().tolist() == [[2, 1]]


def test_the_seed_decides_the_weights() -> None:
    def weights(seed: int) -> Tensor:
        torch.manual_seed(seed + 100)  # the global generator must not matter
        return initialised(scratch(), seed=seed).network.get_parameter("conv_in.weight")

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


def test_every_part_loads_by_its_own_class(tmp_path: Path) -> None:
    denoiser = initialised(scratch())
    denoiser.save(tmp_path)
    index = json.loads((tmp_path / "model_index.json").read_text())
    assert index["unet"] == ["diffusers", "UNet2DConditionModel"]
    unet = UNet2DConditionModel.from_pretrained(tmp_path, subfolder="unet")
    assert torch.equal(unet.conv_in.weight, denoiser.network.get_parameter("conv_in.weight"))
    autoencoder = PatchAutoencoder.from_pretrained(tmp_path, subfolder="vae")
    assert torch.equal(autoencoder.encode(smooth()), denoiser.encode(smooth()))
    assert DDPMScheduler.from_pretrained(tmp_path, subfolder="scheduler").config.prediction_type == "v_prediction"


def test_a_saved_model_brings_its_own_architecture(tmp_path: Path) -> None:
    initialised(scratch(patch_size=8, latent_channels=9)).save(tmp_path)
    model = PatchUNet(PatchUNet.Config(path=str(tmp_path)))
    denoiser = model.load(CPU)
    assert (denoiser.stride, denoiser.latent_channels, denoiser.conditioning_width) == (8, 9, 16)
    assert model.pretrained
    assert model.forward_flops(64, 64) == scratch(patch_size=8, latent_channels=9).forward_flops(64, 64)
    assert model.fingerprint() != PatchUNet(PatchUNet.Config(start="scratch")).fingerprint()


def test_weights_stored_in_half_precision_compute_in_single(tmp_path: Path) -> None:
    denoiser = initialised(scratch())
    denoiser.save(tmp_path)
    for part, kind in (("unet", UNet2DConditionModel), ("vae", PatchAutoencoder)):
        kind.from_pretrained(tmp_path, subfolder=part, torch_dtype=torch.float16).save_pretrained(tmp_path / part)
    loaded = PatchUNet(PatchUNet.Config(path=str(tmp_path))).load(CPU)
    assert loaded.dtype == torch.float32
    assert {parameter.dtype for parameter in loaded.network.parameters()} == {torch.float32}
    torch.testing.assert_close(loaded.encode(smooth()), denoiser.encode(smooth()), rtol=1e-2, atol=1e-2)


def test_labels_start_from_what_the_base_was_pretrained_with(tmp_path: Path) -> None:
    initialised(scratch()).save(tmp_path)
    null, mean, deviation = torch.full((16,), 3.0), torch.arange(16.0), torch.full((16,), 0.1)
    (tmp_path / PRIOR).parent.mkdir()
    save_file({"null": null, "crop_mean": mean, "crop_std": deviation}, tmp_path / PRIOR)
    denoiser = PatchUNet(PatchUNet.Config(path=str(tmp_path))).load(CPU)
    encoder = LabelEmbedding(LabelEmbedding.Config()).load(denoiser, ["a", "b"], seed=0)
    told = encoder.encode([None, "a", "b"]).tokens[:, 0]
    assert torch.equal(told[0], null)
    assert ((told[1:] - mean).abs() < 0.5).all()
    assert ((told[1] - told[2]).abs() > 0).all()
    wide = LabelEmbedding(LabelEmbedding.Config(scale=3.0)).load(denoiser, ["a", "b"], seed=0)
    torch.testing.assert_close(wide.encode(["a"]).tokens[0, 0] - mean, 3 * (told[1] - mean), rtol=1e-3, atol=1e-4)


def test_nothing_can_be_encoded_before_it_learned() -> None:
    model = scratch()
    assert not model.pretrained
    with pytest.raises(ModelError, match="has learned nothing yet"):
        model.load(CPU).encode(smooth())


def test_a_folder_that_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    model = PatchUNet(PatchUNet.Config(path=str(tmp_path)))
    with pytest.raises(ModelError, match="unet cannot be loaded as UNet2DConditionModel"):
        model.load(CPU)
    with pytest.raises(ModelError, match="is not a patch-unet checkpoint"):
        model.forward_flops(64, 64)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": "base", "patch_size": 8}, "patch_size is an option of start = 'scratch'"),
        ({"start": "scratch", "path": "somewhere"}, "leave out path"),
        ({"start": "scratch", "channels": (48, 96)}, None),
        ({"start": "scratch", "channels": (48, 80)}, "the last is a multiple of 32"),
        ({"start": "scratch", "channels": (20, 32)}, "give multiples of 16"),
        ({"start": "scratch", "patch_size": 2, "latent_channels": 13}, "has 12 components"),
    ],
)
def test_options_without_effect_are_refused(options: dict[str, object], message: str | None) -> None:
    if message is None:
        PatchUNet.Config.model_validate(options)
    else:
        with pytest.raises(ValidationError, match=message):
            PatchUNet.Config.model_validate(options)


def test_the_resolved_recipe_is_accepted_again() -> None:
    for model in (PatchUNet(PatchUNet.Config()), scratch()):
        table = model.describe()
        assert table.pop("use") == "patch-unet"
        assert PatchUNet.Config.model_validate(table) == model.config
