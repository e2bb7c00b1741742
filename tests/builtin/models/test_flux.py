"""Flux against the components of its diffusers pipeline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel
from diffusers.pipelines.flux.pipeline_flux import calculate_shift
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from diffmine.builtin.encoders.clip_text import ClipText
from diffmine.builtin.models.flops import flux_transformer_flops
from diffmine.builtin.models.flux import Flux
from diffmine.builtin.models.flux_denoiser import shift_of
from diffmine.diffusion.sampling import sample
from diffmine.errors import ModelError
from diffmine.interfaces import Denoiser, PromptEncoder
from diffmine.testing.contracts.models import conditions, pictures
from diffmine.testing.toys import tiny_flux

CPU = torch.device("cpu")


@pytest.fixture(scope="module", params=[True, False], ids=["dev", "schnell"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_flux(tmp_path_factory.mktemp("flux"), distilled=request.param)


@pytest.fixture(scope="module")
def pipeline(folder: Path) -> Any:
    pipeline = FluxPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def load(folder: Path, **options: object) -> Denoiser:
    denoiser = Flux(Flux.Config(path=str(folder), **options)).load(CPU)  # type: ignore[arg-type]
    denoiser.network.eval().requires_grad_(False)
    return denoiser


def prompts(denoiser: Denoiser) -> PromptEncoder:
    return ClipText(ClipText.Config(template="a car from {label}")).load(denoiser, ["a"], seed=0)


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def in_the_pipelines_words(
    pipeline: Any, latent: Tensor, drawn: Tensor, timestep: Tensor, prompt: str, guidance: float, tokens: int
) -> tuple[Tensor, Tensor]:
    """Noised and predicted as in ``FluxPipeline.__call__``, with its own methods."""
    told, pooled, text_ids = pipeline.encode_prompt(prompt, None, device=CPU, max_sequence_length=tokens)
    _, channels, height, width = latent.shape
    scheduler = FlowMatchEulerDiscreteScheduler.from_config(pipeline.scheduler.config)
    scheduler.set_timesteps(sigmas=[float(timestep) / 1000], mu=0.0)
    scheduler.timesteps, scheduler.sigmas = timestep[None], timestep[None] / 1000
    noisy = scheduler.scale_noise(latent, timestep[None], drawn)
    distilled = pipeline.transformer.config.guidance_embeds
    velocity = pipeline.transformer(
        hidden_states=pipeline._pack_latents(noisy, 1, channels, height, width),
        timestep=timestep[None] / 1000,
        guidance=torch.full([1], guidance) if distilled else None,
        pooled_projections=pooled,
        encoder_hidden_states=told,
        txt_ids=text_ids,
        img_ids=pipeline._prepare_latent_image_ids(1, height // 2, width // 2, CPU, told.dtype),
    ).sample
    scale = pipeline.vae_scale_factor
    return noisy, pipeline._unpack_latents(velocity, scale * height, scale * width, scale)


@pytest.mark.parametrize("options", [{}, {"guidance": 3.5, "text_tokens": 256}])
def test_it_noises_and_predicts_as_its_pipeline_does(folder: Path, pipeline: Any, options: dict[str, Any]) -> None:
    denoiser = load(folder, **options)
    latents = denoiser.encode(pictures(denoiser, 2))
    drawn, timesteps = noise(*latents.shape), denoiser.timesteps(torch.tensor([0.161, 0.6]))
    noisy = denoiser.add_noise(latents, drawn, timesteps)
    predicted = denoiser.predict(noisy, timesteps, prompts(denoiser).encode(["1920s", None]))
    settings = {"guidance": options.get("guidance", 1.0), "tokens": options.get("text_tokens", 512)}
    for row, prompt in enumerate(["a car from 1920s", ""]):
        expected = in_the_pipelines_words(pipeline, latents[[row]], drawn[[row]], timesteps[row], prompt, **settings)
        torch.testing.assert_close(noisy[[row]], expected[0], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(predicted[[row]], expected[1], rtol=1e-4, atol=1e-5)


def test_latents_are_shifted_and_scaled(folder: Path, pipeline: Any) -> None:
    denoiser = load(folder)
    pixels = pictures(denoiser)
    with torch.no_grad():
        expected = (pipeline.vae.encode(pixels).latent_dist.mean - 0.1159) * 0.3611
    torch.testing.assert_close(denoiser.encode(pixels), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [256, 512, 1024])
def test_the_schedule_is_shifted_as_in_sampling_pictures_of_that_size(folder: Path, size: int) -> None:
    scheduler = FlowMatchEulerDiscreteScheduler.from_pretrained(folder, subfolder="scheduler")
    scheduler.set_timesteps(sigmas=np.arange(1000, 0, -1) / 1000, mu=calculate_shift((size // 16) ** 2))
    ours = load(folder, shift_size=size).timesteps(torch.arange(1, 1001) / 1000)
    torch.testing.assert_close(ours, scheduler.timesteps.flip(0), rtol=1e-4, atol=1e-2)


def test_a_linear_shift_is_that_of_the_scheduler() -> None:
    scheduler = FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, time_shift_type="linear")
    scheduler.set_timesteps(sigmas=np.array([0.3, 0.1]), mu=calculate_shift(1024))
    shift = shift_of(scheduler.config, 1024)
    assert (1000 * shift * 0.3 / (1 + (shift - 1) * 0.3)) == pytest.approx(float(scheduler.timesteps[0]), rel=1e-5)


def test_features_are_the_pictures_tokens_after_each_block(folder: Path, pipeline: Any) -> None:
    denoiser, latents = load(folder, guidance=2.0), noise(2, 16, 8, 12)
    told, timesteps = conditions(denoiser, 2), denoiser.timesteps(torch.tensor([0.161, 0.6]))
    seen: list[Tensor] = []
    transformer = pipeline.transformer
    blocks = [*transformer.transformer_blocks, *transformer.single_transformer_blocks]
    handles = [block.register_forward_hook(lambda module, inputs, output: seen.append(output[1])) for block in blocks]
    with torch.no_grad():
        transformer(
            hidden_states=pipeline._pack_latents(latents, 2, 16, 8, 12),
            timestep=timesteps / 1000,
            guidance=torch.tensor([2.0, 2.0]) if transformer.config.guidance_embeds else None,
            pooled_projections=told.pooled,
            encoder_hidden_states=told.tokens,
            txt_ids=torch.zeros(2, 3),
            img_ids=pipeline._prepare_latent_image_ids(2, 4, 6, CPU, torch.float32),
        )
    for handle in handles:
        handle.remove()
    assert denoiser.num_blocks == len(seen) == 4
    for number, tokens in enumerate(seen):
        features = denoiser.block_features(latents, timesteps, told, number)
        assert features.shape == (2, 32, 4, 6)
        for y, x in ((0, 0), (1, 4), (3, 5)):
            torch.testing.assert_close(features[:, :, y, x], tokens[:, y * 6 + x], rtol=1e-4, atol=1e-5)


def test_it_samples_as_its_pipeline_does(folder: Path, pipeline: Any) -> None:
    """Both follow Euler's method over the same noise; the pipeline at the pictures' own shift."""
    denoiser, start = load(folder, shift_size=32, text_tokens=64), noise(1, 16, 4, 4)
    images = pipeline(
        "a car from 1920s",
        height=32,
        width=32,
        num_inference_steps=4,
        sigmas=[0.999, 0.749, 0.499, 0.249],
        guidance_scale=1.0,
        latents=pipeline._pack_latents(start, 1, 16, 4, 4),
        max_sequence_length=64,
        output_type="pt",
    ).images
    latents = sample(denoiser, start, prompts(denoiser).encode(["1920s"]), steps=4)
    torch.testing.assert_close(denoiser.decode(latents), images * 2 - 1, rtol=0, atol=1e-3)


def test_what_t5_does_not_read_of_a_prompt_is_told(folder: Path) -> None:
    encoder = load(folder, text_tokens=16).text_encoder()
    assert encoder is not None
    assert encoder.overflow("a car") == 0
    assert encoder.overflow("abcdefghijklmnopqrst") == 6


def test_half_precision_computes_and_answers_in_float32(folder: Path) -> None:
    denoiser, half = load(folder), load(folder, dtype="bfloat16", text_tokens=32)
    assert half.dtype == torch.bfloat16
    told, timesteps = prompts(half).encode(["1920s", None]), denoiser.timesteps(torch.tensor([0.161, 0.6]))
    noisy = noise(2, 16, 4, 8)
    prediction = half.predict(noisy, timesteps, told)
    assert prediction.dtype == torch.float32
    expected = denoiser.predict(noisy, timesteps, told)
    assert (prediction - expected).abs().mean() < 0.05 * expected.abs().mean()


def published(doubles: int, singles: int) -> FluxTransformer2DModel:
    return FluxTransformer2DModel(
        **{**Flux.assumed, "num_layers": doubles, "num_single_layers": singles, "guidance_embeds": True}
    )


def test_the_published_architecture_has_its_known_size_and_work() -> None:
    """Counted on a few of its blocks, which are all alike."""
    with torch.device("meta"):
        few, more_doubles, more_singles = (published(*blocks) for blocks in ((1, 1), (2, 1), (1, 2)))
        one, double, single = (sum(p.numel() for p in each.parameters()) for each in (few, more_doubles, more_singles))
        assert one + 18 * (double - one) + 37 * (single - one) == 11_901_408_320
        with FlopCounterMode(display=False) as counter:
            more_singles(
                hidden_states=torch.randn(1, 1024, 64),
                timestep=torch.zeros(1),
                guidance=torch.zeros(1),
                pooled_projections=torch.randn(1, 768),
                encoder_hidden_states=torch.randn(1, 512, 4096),
                txt_ids=torch.zeros(512, 3),
                img_ids=torch.zeros(1024, 3),
            )
    estimated = flux_transformer_flops(more_singles.config, 64, 64, tokens=512)
    assert estimated == pytest.approx(counter.get_total_flops(), rel=0.01)
    model = Flux(Flux.Config(path="owner/not-on-this-machine", local_files_only=True))
    assert model.forward_flops(512, 512) == flux_transformer_flops(Flux.assumed, 64, 64, tokens=512)


def for_inpainting(folder: Path) -> None:
    config = FluxTransformer2DModel.load_config(folder / "transformer")
    wider = FluxTransformer2DModel.from_config({**config, "in_channels": 384, "out_channels": 64})
    wider.save_pretrained(folder / "transformer")


def of_another_schedule(folder: Path) -> None:
    path = folder / "scheduler" / "scheduler_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "_class_name": "DDIMScheduler"}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            for_inpainting,
            "takes 384 channels and gives 64, .*; use a text-to-image checkpoint, such as black-forest-labs/",
        ),
        (
            of_another_schedule,
            "scheduler is a DDIMScheduler, but this model is trained by flow matching; use the sched",
        ),
    ],
)
def test_what_it_does_not_load_is_refused_with_what_to_use(change: Any, message: str, tmp_path: Path) -> None:
    change(tiny_flux(tmp_path))
    with pytest.raises(ModelError, match=message):
        load(tmp_path)
