"""The closed form that scorers are tested against is itself tested: against nothing but its definition."""

from __future__ import annotations

import pytest
import torch

from diffmine.testing.gaussian import GaussianMeans, GaussianModel

CPU = torch.device("cpu")
DRAWS = 60_000
PREDICTIONS = ["epsilon", "v_prediction", "flow"]


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_the_prediction_is_the_conditional_mean_of_the_target(prediction: str) -> None:
    """Residuals of a conditional mean are zero on average and uncorrelated with what it was computed from."""
    denoiser = GaussianModel(GaussianModel.Config(prediction=prediction, spread=0.4)).load(CPU)  # type: ignore[arg-type]
    encoder = GaussianMeans(GaussianMeans.Config(means={"a": (0.3, -0.2, 0.6)})).load(denoiser, ["a"], seed=0)
    generator = torch.Generator().manual_seed(0)
    mean = encoder.mean("a")[None, :, None, None]
    latents = mean + 0.4 * torch.randn(DRAWS, 3, 1, 1, generator=generator)
    noise = torch.randn(latents.shape, generator=generator)
    for place in (0.1, 0.45, 0.8):
        timesteps = denoiser.timesteps(torch.full((DRAWS,), place))
        noisy = denoiser.add_noise(latents, noise, timesteps)
        told = encoder.encode(["a"]).map(lambda part: part.expand(DRAWS, -1, -1))
        residual = denoiser.target(latents, noise, timesteps) - denoiser.predict(noisy, timesteps, told)
        tolerance = 5 * residual.std() / DRAWS**0.5
        assert residual.mean(0).abs().max() < tolerance
        assert (residual * (noisy - noisy.mean(0))).mean(0).abs().max() < tolerance * noisy.std()


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_the_exact_typicality_is_the_expected_gap_of_the_losses(prediction: str) -> None:
    denoiser = GaussianModel(GaussianModel.Config(prediction=prediction, spread=0.5)).load(CPU)  # type: ignore[arg-type]
    encoder = GaussianMeans(GaussianMeans.Config(null=(-0.1, 0.1, 0.0), means={"a": (0.5, 0.2, -0.4)}))
    prompts = encoder.load(denoiser, ["a"], seed=0)
    generator = torch.Generator().manual_seed(1)
    latent = torch.rand(3, 2, 2, generator=generator) * 2 - 1
    timesteps = denoiser.timesteps(0.1 + 0.6 * torch.rand(DRAWS, generator=generator))
    batch, noise = latent.expand(DRAWS, -1, -1, -1), torch.randn(DRAWS, 3, 2, 2, generator=generator)
    noisy, target = denoiser.add_noise(batch, noise, timesteps), denoiser.target(batch, noise, timesteps)

    def loss(label: str | None) -> torch.Tensor:
        told = prompts.encode([label]).map(lambda part: part.expand(DRAWS, -1, -1))
        return (denoiser.predict(noisy, timesteps, told) - target).square().mean(1)

    gap = loss(None) - loss("a")
    exact = denoiser.typicality(latent, prompts.mean("a"), prompts.mean(None), timesteps)
    assert ((gap.mean(0) - exact).abs() < 5 * gap.std(0) / DRAWS**0.5).all()
    assert exact.abs().max() > 10 * (gap.std(0) / DRAWS**0.5).max(), "the test can tell it from zero"


def test_the_label_of_a_picture_is_typical_of_it() -> None:
    denoiser = GaussianModel(GaussianModel.Config()).load(CPU)
    label, null = torch.tensor([0.5, 0.5, 0.5]), torch.zeros(3)
    at_the_label = denoiser.typicality(label[:, None, None], label, null, denoiser.timesteps(torch.tensor([0.4])))
    at_null = denoiser.typicality(null[:, None, None], label, null, denoiser.timesteps(torch.tensor([0.4])))
    assert at_the_label > 0 > at_null
