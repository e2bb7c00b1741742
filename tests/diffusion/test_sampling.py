"""Sampling and inversion against the closed form of the Gaussian model.

The best denoiser of N(mu, s^2) has an exact flow: z = mu + s (z_t - a mu) / sqrt(a^2 s^2 + b^2).
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import DDIMScheduler
from torch import Tensor

from diffmine.builtin.encoders.clip_text import ClipText
from diffmine.builtin.models.stable_diffusion import StableDiffusion
from diffmine.diffusion.inversion import inversion_path, invert
from diffmine.diffusion.sampling import sample, sampling_path
from diffmine.interfaces import Conditioning, Denoiser, ModelTools
from diffmine.testing.gaussian import GaussianDenoiser, GaussianPrompts
from diffmine.testing.toy_tools import toy_tools
from diffmine.testing.toys import tiny_stable_diffusion

CPU = torch.device("cpu")
SPREAD = 0.5
MEAN, NULL = (0.4, -0.2, 0.1), (0.0, 0.1, 0.0)
PREDICTIONS = ["epsilon", "v_prediction", "flow"]
START = torch.tensor([0.999])


def gaussian(prediction: str) -> tuple[GaussianDenoiser, GaussianPrompts]:
    denoiser = GaussianDenoiser(prediction, SPREAD, 1, CPU)  # type: ignore[arg-type]
    return denoiser, GaussianPrompts(NULL, {"a": MEAN}, CPU)


def noise(count: int = 4, side: int = 8, channels: int = 3) -> Tensor:
    return torch.randn(count, channels, side, side, generator=torch.Generator().manual_seed(0))


def exact(denoiser: GaussianDenoiser, start: Tensor, mean: Tensor) -> Tensor:
    a, b = denoiser.scales(denoiser.timesteps(START))
    mean = mean[None, :, None, None]
    return mean + SPREAD * (start - a * mean) / (a**2 * SPREAD**2 + b**2).sqrt()


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_samples_have_the_labels_mean_and_spread(prediction: str) -> None:
    denoiser, prompts = gaussian(prediction)
    start = noise(count=4, side=32)
    found = sample(denoiser, start, prompts.encode(["a"] * 4), steps=100)
    standard_error = SPREAD / (4 * 32 * 32) ** 0.5
    assert ((found.mean((0, 2, 3)) - torch.tensor(MEAN)).abs() < 5 * standard_error + 0.02).all()
    torch.testing.assert_close(found.std((0, 2, 3)), torch.full((3,), SPREAD), rtol=0.03, atol=0)


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_more_steps_come_closer_to_the_exact_flow(prediction: str) -> None:
    denoiser, prompts = gaussian(prediction)
    expected = exact(denoiser, noise(), torch.tensor(MEAN))
    errors = [
        float((sample(denoiser, noise(), prompts.encode(["a"] * 4), steps=steps) - expected).abs().max())
        for steps in (50, 200, 800)
    ]
    assert errors[0] > 2 * errors[1] > 4 * errors[2]
    assert errors[2] < 0.01


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_guidance_moves_the_mean_beyond_the_label(prediction: str) -> None:
    """Predictions are linear in the mean: guided by w, the model is that of the mean null + w (label - null)."""
    denoiser, prompts = gaussian(prediction)
    label, null = prompts.encode(["a"] * 4), prompts.encode([None] * 4)
    guided = sample(denoiser, noise(), label, null=null, guidance=2.5, steps=20)
    beyond = Conditioning(null.tokens + 2.5 * (label.tokens - null.tokens))
    torch.testing.assert_close(guided, sample(denoiser, noise(), beyond, steps=20), rtol=0, atol=2e-4)


def test_guidance_of_one_is_plain_and_costs_no_null_forward(monkeypatch: pytest.MonkeyPatch) -> None:
    denoiser, prompts = gaussian("epsilon")
    label, null = prompts.encode(["a"] * 4), prompts.encode([None] * 4)
    asked: list[Conditioning] = []
    predict = denoiser.predict
    monkeypatch.setattr(denoiser, "predict", lambda z, t, told: asked.append(told) or predict(z, t, told))
    found = sample(denoiser, noise(), label, null=null, guidance=1.0, steps=5)
    assert torch.equal(found, sample(denoiser, noise(), label, steps=5))
    assert len(asked) == 10
    assert all(told is label for told in asked)


@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("steps", [10, 50])
def test_sampling_gives_back_what_was_inverted(prediction: str, steps: int) -> None:
    denoiser, prompts = gaussian(prediction)
    told = prompts.encode(["a"] * 4)
    latents = 0.5 * noise()
    start = invert(denoiser, latents, told, steps=steps, refinements=150)
    torch.testing.assert_close(sample(denoiser, start, told, steps=steps), latents, rtol=0, atol=1e-4)


def test_refinements_are_what_makes_the_inverse_exact() -> None:
    denoiser, prompts = gaussian("v_prediction")
    told = prompts.encode(["a"] * 4)

    def error(refinements: int) -> float:
        start = invert(denoiser, 0.5 * noise(), told, steps=20, refinements=refinements)
        return float((sample(denoiser, start, told, steps=20) - 0.5 * noise()).abs().max())

    assert error(0) > 3 * error(2) > 9 * error(8)


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_plain_inversion_comes_closer_with_more_steps(prediction: str) -> None:
    denoiser, prompts = gaussian(prediction)
    told = prompts.encode(["a"] * 4)

    def error(steps: int) -> float:
        start = invert(denoiser, 0.5 * noise(), told, steps=steps, refinements=0)
        return float((sample(denoiser, start, told, steps=steps) - 0.5 * noise()).abs().max())

    errors = [error(steps) for steps in (25, 100, 400)]
    assert errors[0] > 2 * errors[1] > 4 * errors[2]


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_a_unet_samples_as_diffusers_does(prediction: str, tmp_path: Path) -> None:
    folder = tiny_stable_diffusion(tmp_path, prediction)  # type: ignore[arg-type]
    model = StableDiffusion(StableDiffusion.Config(path=str(folder)))
    tools = ModelTools(model, ClipText(ClipText.Config()), device="cpu", seed=0, labels=["a"], folder=None)
    told = tools.encoder.encode(["a"])
    scheduler = DDIMScheduler.from_pretrained(
        folder, subfolder="scheduler", clip_sample=False, set_alpha_to_one=True, timestep_spacing="trailing"
    )
    scheduler.set_timesteps(10)
    start = noise(1, 8, 4)
    latents = start
    with torch.no_grad():
        for timestep in scheduler.timesteps:
            predicted = tools.denoiser.predict(latents, timestep.repeat(1), told)
            latents = scheduler.step(predicted, timestep, latents).prev_sample
    torch.testing.assert_close(sample(tools.denoiser, start, told, steps=10), latents, rtol=1e-4, atol=1e-4)


def network(folder: Path) -> tuple[Denoiser, Conditioning]:
    tools = toy_tools(folder)
    return tools.denoiser, tools.encoder.encode(["a", "b"])


def test_a_network_gives_its_pictures_back(tmp_path: Path) -> None:
    denoiser, told = network(tmp_path)
    latents = noise(2, 8, 8)
    start = invert(denoiser, latents, told, steps=4, refinements=9)
    assert (start - latents).abs().max() > 0.1
    torch.testing.assert_close(sample(denoiser, start, told, steps=4), latents, rtol=0, atol=1e-4)


def test_paths_end_where_their_functions_do(tmp_path: Path) -> None:
    denoiser, told = network(tmp_path)
    down = list(sampling_path(denoiser, noise(2, 8, 8), told, steps=4))
    up = list(inversion_path(denoiser, noise(2, 8, 8), told, steps=4))
    assert len(down) == len(up) == 4
    assert torch.equal(down[-1], sample(denoiser, noise(2, 8, 8), told, steps=4))
    assert torch.equal(up[-1], invert(denoiser, noise(2, 8, 8), told, steps=4))


def test_what_cannot_be_done_is_refused() -> None:
    denoiser, prompts = gaussian("flow")
    told = prompts.encode(["a"] * 4)
    with pytest.raises(ValueError, match="steps = 0: give 1 to 1000"):
        sample(denoiser, noise(), told, steps=0)
    with pytest.raises(ValueError, match=r"guidance = 3\.0 compares with the null condition"):
        sample(denoiser, noise(), told, guidance=3.0)
    with pytest.raises(ValueError, match="refinements = -1"):
        invert(denoiser, noise(), told, refinements=-1)
