"""Stable Diffusion XL against the components of its diffusers pipeline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import EulerDiscreteScheduler, StableDiffusionXLPipeline, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from diffmine.builtin.encoders.clip_text import ClipText
from diffmine.builtin.models.stable_diffusion_xl import StableDiffusionXL
from diffmine.errors import ModelError
from diffmine.interfaces import Denoiser, PromptEncoder
from diffmine.testing.contracts.models import conditions, pictures
from diffmine.testing.toys import tiny_stable_diffusion, tiny_stable_diffusion_xl

CPU = torch.device("cpu")
FRACTIONS = torch.tensor([0.161, 0.42])


@pytest.fixture(scope="module", params=["epsilon", "v_prediction"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_stable_diffusion_xl(tmp_path_factory.mktemp("sdxl"), request.param)


@pytest.fixture(scope="module")
def pipeline(folder: Path) -> Any:
    return opened(folder)


def opened(folder: Path) -> Any:
    pipeline = StableDiffusionXLPipeline.from_pretrained(folder, add_watermarker=False)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def load(folder: Path, **options: object) -> Denoiser:
    model = StableDiffusionXL(StableDiffusionXL.Config(path=str(folder), **options))  # type: ignore[arg-type]
    denoiser = model.load(CPU)
    denoiser.network.eval().requires_grad_(False)
    return denoiser


def prompts(denoiser: Denoiser, **options: Any) -> PromptEncoder:
    return ClipText(ClipText.Config(template="a car from {label}", **options)).load(denoiser, ["a"], seed=0)


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def in_the_pipelines_words(
    pipeline: Any, latent: Tensor, drawn: Tensor, timestep: int, prompt: str, sizes: tuple[tuple[int, int], ...]
) -> tuple[Tensor, Tensor]:
    """Noised and predicted as in ``StableDiffusionXLPipeline.__call__``, with its own scheduler and methods."""
    tokens, _, pooled, _ = pipeline.encode_prompt(prompt, device=CPU, do_classifier_free_guidance=False)
    dims = pipeline.text_encoder_2.config.projection_dim
    time_ids = pipeline._get_add_time_ids(*sizes, dtype=tokens.dtype, text_encoder_projection_dim=dims)
    scheduler = EulerDiscreteScheduler.from_config(pipeline.scheduler.config)
    at = torch.tensor([float(timestep)])
    noisy = scheduler.scale_model_input(scheduler.add_noise(latent, drawn, at), at[0])
    added = {"text_embeds": pooled, "time_ids": time_ids}
    return noisy, pipeline.unet(noisy, timestep, encoder_hidden_states=tokens, added_cond_kwargs=added).sample


@pytest.mark.parametrize(
    ("options", "sizes"),
    [
        ({}, ((32, 64), (0, 0), (32, 64))),
        ({"original_size": (640, 480), "crop_top_left": (8, 16)}, ((640, 480), (8, 16), (32, 64))),
    ],
)
def test_it_noises_and_predicts_as_its_pipeline_does(
    folder: Path, pipeline: Any, options: dict[str, Any], sizes: tuple[tuple[int, int], ...]
) -> None:
    denoiser, drawn = load(folder, **options), noise(2, 4, 4, 8)
    latents = denoiser.encode(pictures(denoiser, 2))
    timesteps = denoiser.timesteps(FRACTIONS)
    told = prompts(denoiser).encode(["1920s", "1950s"])
    noisy = denoiser.add_noise(latents, drawn, timesteps)
    predicted = denoiser.predict(noisy, timesteps, told)
    for row, label in enumerate(["1920s", "1950s"]):
        expected = in_the_pipelines_words(
            pipeline, latents[[row]], drawn[[row]], int(timesteps[row]), f"a car from {label}", sizes
        )
        torch.testing.assert_close(noisy[[row]], expected[0], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(predicted[[row]], expected[1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("zeros", [True, False])
def test_the_null_is_what_its_pipeline_takes_without_a_negative_prompt(tmp_path: Path, zeros: bool) -> None:
    """Zeros, where the checkpoint says so, and else what the encoders make of nothing; never so for other prompts."""
    folder = tiny_stable_diffusion_xl(tmp_path, zeros_for_empty=zeros)
    encoder, pipeline = prompts(load(folder)), opened(folder)
    tokens, null_tokens, pooled, null_pooled = pipeline.encode_prompt("a car from 1920s", device=CPU)
    told = encoder.encode(["1920s", None])
    torch.testing.assert_close(told.tokens, torch.cat([tokens, null_tokens]), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(told.pooled, torch.cat([pooled, null_pooled]), rtol=1e-4, atol=1e-5)
    assert bool(told.tokens[1].any()) is not zeros
    other = prompts(load(folder), null_prompt="a car")
    _, expected, _, pooled = pipeline.encode_prompt("a", device=CPU, negative_prompt="a car")
    torch.testing.assert_close(other.encode([None]).tokens, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(other.encode([None]).pooled, pooled, rtol=1e-4, atol=1e-5)


def test_what_does_not_fit_into_the_encoders_is_told(folder: Path) -> None:
    encoder = load(folder).text_encoder()
    assert encoder is not None
    assert encoder.overflow("a car") == 0
    assert encoder.overflow("car " * 80) == 80 + 2 - 77


def test_the_autoencoder_computes_in_float32_whatever_its_weights_are_stored_in(tmp_path: Path) -> None:
    """Activations beyond the range of float16, as those of the published one (``force_upcast``)."""
    tiny_stable_diffusion_xl(tmp_path)
    weights = tmp_path / "vae" / "diffusion_pytorch_model.safetensors"
    stored = {name: value.half() for name, value in load_file(weights).items()}
    save_file({**stored, "encoder.conv_in.weight": 6e4 * stored["encoder.conv_in.weight"].sign()}, weights)
    denoiser = load(tmp_path, dtype="float16")
    pixels = pictures(denoiser, 1)
    assert not denoiser.autoencoder.encoder.conv_in(pixels).half().isfinite().all()
    assert denoiser.dtype == torch.float16
    assert denoiser.encode(pixels).isfinite().all()
    assert denoiser.decode(denoiser.encode(pixels)).isfinite().all()


def test_features_are_those_of_each_up_block(folder: Path) -> None:
    denoiser = load(folder)
    unet = UNet2DConditionModel.from_pretrained(folder, subfolder="unet").eval()
    hooked: list[Tensor] = []
    for block in unet.up_blocks:
        block.register_forward_hook(lambda module, inputs, output: hooked.append(output))
    told, noisy, timesteps = conditions(denoiser, 2), noise(2, 4, 8, 12), denoiser.timesteps(FRACTIONS)
    sizes = torch.tensor([[64.0, 96, 0, 0, 64, 96]] * 2)
    with torch.no_grad():
        unet(noisy, timesteps, told.tokens, added_cond_kwargs={"text_embeds": told.pooled, "time_ids": sizes})
    shapes = []
    for number, expected in enumerate(hooked):
        features = denoiser.block_features(noisy, timesteps, told, number)
        torch.testing.assert_close(features, expected, rtol=1e-4, atol=1e-5)
        shapes.append(tuple(features.shape[1:]))
    assert shapes == [(32, 4, 6), (32, 8, 12), (16, 8, 12)]  # the first on half the latent's grid, the others on it


def test_the_published_architecture_has_its_known_size_and_shapes() -> None:
    model = StableDiffusionXL(StableDiffusionXL.Config(path="owner/not-on-this-machine", local_files_only=True))
    with torch.device("meta"):
        unet = UNet2DConditionModel(**StableDiffusionXL.assumed)
        assert sum(parameter.numel() for parameter in unet.parameters()) == 2_567_463_684
        blocks: list[Tensor] = []
        for block in unet.up_blocks:
            block.register_forward_hook(lambda module, inputs, output: blocks.append(output))
        added = {"text_embeds": torch.randn(1, 1280), "time_ids": torch.randn(1, 6)}
        with FlopCounterMode(display=False) as counter:
            unet(torch.randn(1, 4, 128, 128), torch.zeros(1), torch.randn(1, 77, 2048), added_cond_kwargs=added)
    assert [tuple(one.shape[1:]) for one in blocks] == [(1280, 64, 64), (640, 128, 128), (320, 128, 128)]
    assert model.forward_flops(1024, 1024) == pytest.approx(counter.get_total_flops(), rel=0.01)


def of_stable_diffusion(folder: Path) -> None:
    tiny_stable_diffusion(folder / "other")
    for part in ("unet", "scheduler"):
        for file in (folder / "other" / part).iterdir():
            file.replace(folder / part / file.name)


def with_settings(folder: Path, **settings: object) -> None:
    unet = UNet2DConditionModel.from_config({**UNet2DConditionModel.load_config(folder / "unet"), **settings})
    unet.save_pretrained(folder / "unet")


def for_inpainting(folder: Path) -> None:
    with_settings(folder, in_channels=9)


def for_few_steps(folder: Path) -> None:
    with_settings(folder, time_cond_proj_dim=16)


def refining(folder: Path) -> None:
    path = folder / "model_index.json"
    index = {**json.loads(path.read_text()), "_class_name": "StableDiffusionXLImg2ImgPipeline"}
    path.write_text(json.dumps({**index, "requires_aesthetics_score": True}))


def of_another_schedule(folder: Path) -> None:
    path = folder / "scheduler" / "scheduler_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "_class_name": "EDMDPMSolverMultistepScheduler"}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (of_stable_diffusion, 'not that of Stable Diffusion XL .*; set model.use = "stable-diffusion" for'),
        (for_inpainting, "takes 9 channels and gives 4, .* in-painting; use a text-to-image checkpoint, such as stab"),
        (for_few_steps, "strength of guidance .*; use the checkpoint that it was distilled from, such as stabilityai/"),
        (refining, "the refiner of Stable Diffusion XL, .*; use the base model, such as stabilityai/"),
        (of_another_schedule, "scheduler is a EDMDPMSolverMultistepScheduler, but .*; use the scheduler that was pub"),
    ],
)
def test_what_it_does_not_load_is_refused_with_what_to_use(change: Any, message: str, tmp_path: Path) -> None:
    change(tiny_stable_diffusion_xl(tmp_path))
    with pytest.raises(ModelError, match=message):
        load(tmp_path)


def test_one_encoder_cannot_replace_its_two(folder: Path, tmp_path: Path) -> None:
    other = tiny_stable_diffusion(tmp_path, width=40)
    with pytest.raises(ModelError, match=r"names one text encoder, but this model is told by several; omit it"):
        prompts(load(folder), path=str(other))
