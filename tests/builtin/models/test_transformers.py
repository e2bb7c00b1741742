"""Flow matching (Stable Diffusion 3) and PixArt, against their diffusers classes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from diffusers import (
    FlowMatchEulerDiscreteScheduler,
    PixArtSigmaPipeline,
    PixArtTransformer2DModel,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
)
from torch import Tensor

from diffmine.builtin.encoders.clip_text import ClipText
from diffmine.builtin.models.pixart import PixArt
from diffmine.builtin.models.stable_diffusion_3 import StableDiffusion3
from diffmine.errors import ModelError
from diffmine.interfaces import Denoiser
from diffmine.testing.contracts.models import conditions, pictures
from diffmine.testing.toys import tiny_pixart, tiny_sd3

CPU = torch.device("cpu")


@pytest.fixture(scope="module", params=[False, True], ids=["without T5", "with T5"])
def sd3_folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_sd3(tmp_path_factory.mktemp("sd3"), t5=request.param)


@pytest.fixture(scope="module")
def pixart_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_pixart(tmp_path_factory.mktemp("pixart"))


def load_sd3(folder: Path) -> Denoiser:
    denoiser = StableDiffusion3(StableDiffusion3.Config(path=str(folder))).load(CPU)
    denoiser.network.eval().requires_grad_(False)
    return denoiser


def load_pixart(folder: Path) -> Denoiser:
    denoiser = PixArt(PixArt.Config(path=str(folder))).load(CPU)
    denoiser.network.eval().requires_grad_(False)
    return denoiser


@pytest.fixture
def noisy() -> Tensor:
    return torch.randn(2, 16, 8, 12, generator=torch.Generator().manual_seed(0))


def test_flow_is_the_schedulers(sd3_folder: Path, noisy: Tensor) -> None:
    denoiser = load_sd3(sd3_folder)
    scheduler = FlowMatchEulerDiscreteScheduler.from_pretrained(sd3_folder, subfolder="scheduler")
    steps = scheduler.timesteps.flip(0)  # as trained with: 1 to 1000 thousandths of the way, shifted
    ours = denoiser.timesteps(torch.arange(1, 1001) / 1000)
    torch.testing.assert_close(ours, steps, rtol=1e-4, atol=1e-2)
    noise = torch.randn(noisy.shape, generator=torch.Generator().manual_seed(1))
    some = scheduler.timesteps[torch.tensor([100, 700])]
    torch.testing.assert_close(denoiser.add_noise(noisy, noise, some), scheduler.scale_noise(noisy, some, noise))
    sigma = (some / 1000)[:, None, None, None]
    velocity = denoiser.target(noisy, noise, some)
    torch.testing.assert_close(denoiser.add_noise(noisy, noise, some) - sigma * velocity, noisy, rtol=1e-4, atol=1e-5)


def test_sd3_predicts_and_gives_features_as_its_transformer_does(sd3_folder: Path, noisy: Tensor) -> None:
    denoiser, told = load_sd3(sd3_folder), None
    told = conditions(denoiser, 2)
    transformer = SD3Transformer2DModel.from_pretrained(sd3_folder, subfolder="transformer").eval()
    seen: list[Tensor] = []
    for block in transformer.transformer_blocks:
        block.register_forward_hook(lambda module, inputs, output: seen.append(output[1]))
    timesteps = denoiser.timesteps(torch.tensor([0.161, 0.6]))
    with torch.no_grad():
        expected = transformer(
            hidden_states=noisy, encoder_hidden_states=told.tokens, pooled_projections=told.pooled, timestep=timesteps
        ).sample
    torch.testing.assert_close(denoiser.predict(noisy, timesteps, told), expected, rtol=1e-4, atol=1e-5)
    for number, tokens in enumerate(seen):
        features = denoiser.block_features(noisy, timesteps, told, number)
        for y, x in ((0, 0), (1, 4), (3, 5)):
            torch.testing.assert_close(features[:, :, y, x], tokens[:, y * 6 + x], rtol=1e-4, atol=1e-5)


def test_sd3_prompts_are_encoded_as_in_diffusers(sd3_folder: Path, tmp_path: Path) -> None:
    denoiser = load_sd3(sd3_folder)
    denoiser.save(tmp_path / "saved")
    absent = {} if (sd3_folder / "text_encoder_3").is_dir() else {"text_encoder_3": None, "tokenizer_3": None}
    pipeline = StableDiffusion3Pipeline.from_pretrained(tmp_path / "saved", **absent)
    told = ClipText(ClipText.Config()).load(denoiser, ["a"], seed=0).encode(["A Car"])
    tokens, _, pooled, _ = pipeline.encode_prompt("A Car", "A Car", "A Car", do_classifier_free_guidance=False)
    torch.testing.assert_close(told.tokens, tokens, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(told.pooled, pooled, rtol=1e-4, atol=1e-4)
    pipeline.set_progress_bar_config(disable=True)
    assert pipeline("A Car", height=64, width=64, num_inference_steps=1, output_type="np").images.shape == (
        1,
        64,
        64,
        3,
    )


def test_sd3_shifts_latents(sd3_folder: Path) -> None:
    denoiser = load_sd3(sd3_folder)
    pipeline = StableDiffusion3Pipeline.from_pretrained(sd3_folder, text_encoder_3=None, tokenizer_3=None)
    vae, pixels = pipeline.vae, pictures(denoiser)
    with torch.no_grad():
        expected = (vae.encode(pixels).latent_dist.mean - 0.0609) * vae.config.scaling_factor
    torch.testing.assert_close(denoiser.encode(pixels), expected, rtol=1e-4, atol=1e-5)


def test_a_shift_by_picture_size_is_refused(sd3_folder: Path, tmp_path: Path) -> None:
    tiny_sd3(tmp_path)
    path = tmp_path / "scheduler" / "scheduler_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "use_dynamic_shifting": True}))
    with pytest.raises(ModelError, match="use_dynamic_shifting"):
        load_sd3(tmp_path)


def test_a_condition_without_its_pooled_vector_is_refused(sd3_folder: Path, noisy: Tensor) -> None:
    denoiser = load_sd3(sd3_folder)
    told = type(conditions(denoiser))(conditions(denoiser, 2).tokens)
    with pytest.raises(ModelError, match="pooled vector"):
        denoiser.predict(noisy, denoiser.timesteps(torch.tensor([0.1, 0.2])), told)


@pytest.mark.parametrize("sample_size", [8, 128])
def test_pixart_predicts_the_noise_and_not_its_variance(sample_size: int, tmp_path: Path, noisy: Tensor) -> None:
    denoiser = load_pixart(tiny_pixart(tmp_path, sample_size=sample_size))
    told, noisy = conditions(denoiser, 2), noisy[:, :4]
    transformer = PixArtTransformer2DModel.from_pretrained(tmp_path, subfolder="transformer").eval()
    seen: list[Tensor] = []
    transformer.transformer_blocks[1].register_forward_hook(lambda module, inputs, output: seen.append(output))
    timesteps = denoiser.timesteps(torch.tensor([0.161, 0.6]))
    assert timesteps.tolist() == [161, 600]
    size = {"resolution": torch.tensor([[64.0, 96.0]] * 2), "aspect_ratio": torch.tensor([[64 / 96]] * 2)}
    added = size if sample_size == 128 else {"resolution": None, "aspect_ratio": None}
    with torch.no_grad():
        both = transformer(noisy, told.tokens, timesteps, added_cond_kwargs=added).sample
    torch.testing.assert_close(denoiser.predict(noisy, timesteps, told), both.chunk(2, dim=1)[0], rtol=1e-4, atol=1e-5)
    features = denoiser.block_features(noisy, timesteps, told, 1)
    torch.testing.assert_close(features[:, :, 2, 3], seen[0][:, 2 * 6 + 3], rtol=1e-4, atol=1e-5)


def test_pixart_prompts_are_encoded_as_in_diffusers(pixart_folder: Path, tmp_path: Path) -> None:
    denoiser = load_pixart(pixart_folder)
    denoiser.save(tmp_path / "saved")
    pipeline = PixArtSigmaPipeline.from_pretrained(tmp_path / "saved")
    told = ClipText(ClipText.Config()).load(denoiser, ["a"], seed=0).encode(["A Car"])
    tokens, mask, _, _ = pipeline.encode_prompt("A Car", do_classifier_free_guidance=False)
    torch.testing.assert_close(told.tokens, tokens, rtol=1e-4, atol=1e-4)
    assert told.mask is not None
    assert torch.equal(told.mask, mask.bool())


def test_padding_of_a_prompt_has_no_say(pixart_folder: Path) -> None:
    denoiser = load_pixart(pixart_folder)
    told = ClipText(ClipText.Config()).load(denoiser, ["a"], seed=0).encode(["A Car", "A Car"])
    noisy = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    timesteps = denoiser.timesteps(torch.tensor([0.3, 0.3]))
    assert told.mask is not None
    scrambled = told.map(lambda part: part.clone())
    scrambled.tokens[~told.mask] = 7.0
    before, after = denoiser.predict(noisy, timesteps, told), denoiser.predict(noisy, timesteps, scrambled)
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-5)
