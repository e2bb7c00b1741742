from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
import torch

from diffmine.diffusion.schedule import coefficients
from diffmine.errors import ModelError
from diffmine.testing.gaussian import GaussianDenoiser, GaussianPrompts
from diffmine.testing.toy_training import toy_training_set
from diffmine.training.batches import Example, micro_batches
from diffmine.training.loss import DenoisingLoss, min_snr_weights
from diffmine.training.options import TrainingOptions
from diffmine.training.samples import Draws

CPU = torch.device("cpu")
PREDICTIONS: tuple[Literal["epsilon", "v_prediction", "flow"], ...] = ("epsilon", "v_prediction", "flow")
TIMESTEPS = torch.tensor([1.0, 20.0, 300.0, 700.0, 999.0])


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_the_loss_is_the_models_own(prediction: Literal["epsilon", "v_prediction", "flow"]) -> None:
    denoiser = GaussianDenoiser(prediction, 0.5, 1, CPU)
    prompts = GaussianPrompts((0.1, 0.0, 0.0), {"a": (0.3, 0.2, 0.1), "b": (-0.3, 0.0, 0.4)}, CPU)
    draws = Draws(toy_training_set().train, TrainingOptions(null_probability=0.4), seed=0).batch(0, range(6))
    assert {draw.label is None for draw in draws} == {True, False}
    examples = [Example(draw, torch.randn(3, 4, 5), torch.randn(3, 4, 5)) for draw in draws]
    [batch] = micro_batches(examples, 6)
    losses = DenoisingLoss(denoiser, prompts, None)(batch)
    for one, loss in zip(examples, losses, strict=True):
        place = torch.tensor(one.draw.fraction).float()
        a, b = (1 - place, place) if prediction == "flow" else ((1 - place**2).sqrt(), place)
        noisy = a * one.latent + b * one.noise
        mean = prompts.mean(one.draw.label)[:, None, None]
        clean = mean + a * 0.25 / (a**2 * 0.25 + b**2) * (noisy - a * mean)
        wrong_clean, wrong_noise = clean - one.latent, (noisy - a * clean) / b - one.noise
        error = {"epsilon": wrong_noise, "v_prediction": a * wrong_noise - b * wrong_clean}
        expected = error.get(prediction, wrong_noise - wrong_clean).square().mean()
        torch.testing.assert_close(loss, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_the_schedule_is_read_off_the_denoiser(prediction: Literal["epsilon", "v_prediction", "flow"]) -> None:
    denoiser = GaussianDenoiser(prediction, 0.5, 1, CPU)
    parts = coefficients(denoiser, TIMESTEPS)
    clean, noise = torch.randn(2, 5, 3, 2, 2)
    noisy, target = denoiser.add_noise(clean, noise, TIMESTEPS), denoiser.target(clean, noise, TIMESTEPS)
    solved = (parts.target_noise * noisy - parts.noise * target) / parts.determinant
    torch.testing.assert_close(solved[:4], clean[:4], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("prediction", "divisor"), [("epsilon", lambda snr: snr), ("v_prediction", lambda snr: snr + 1)]
)
def test_min_snr_weights_are_those_of_the_paper(
    prediction: Literal["epsilon", "v_prediction"], divisor: object
) -> None:
    denoiser = GaussianDenoiser(prediction, 0.5, 1, CPU)
    place = TIMESTEPS.double().numpy() / 1000
    snr = (1 - place**2) / place**2
    expected = np.minimum(snr, 5) / divisor(snr)
    np.testing.assert_allclose(min_snr_weights(denoiser, TIMESTEPS, 5.0), expected, rtol=1e-3)


def test_min_snr_needs_a_signal_to_noise_ratio() -> None:
    with pytest.raises(ModelError, match="min_snr_gamma"):
        min_snr_weights(GaussianDenoiser("flow", 0.5, 1, CPU), TIMESTEPS, 5.0)
