"""The exact denoiser of squares against what defines it, and what influence and agreement are of an exact denoiser."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from diffmine.builtin.scorers.diffusion import Diffusion
from diffmine.interfaces import Progress
from diffmine.pictures.decoding import to_model
from diffmine.testing.squares import COLOURS, EMPTY, SPREAD, SQUARE, SquaresDenoiser, draw_squares, squares_tools

PREDICTIONS = ["epsilon", "v_prediction", "flow"]


def test_the_prediction_is_the_mean_over_places_written_out() -> None:
    denoiser, tools = SquaresDenoiser("epsilon"), squares_tools("epsilon")
    pixels = draw_squares(2)[0][1].pixels
    latent = denoiser.encode(to_model(pixels, 2)[None]).double()
    timesteps = denoiser.timesteps(torch.tensor([0.5]))
    noise = torch.randn(latent.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    noisy = denoiser.add_noise(latent, noise, timesteps)
    a, b = (float(scale) for scale in denoiser.scales(timesteps))
    variance, total, weights = a**2 * SPREAD**2 + b**2, torch.zeros_like(latent), 0.0
    choices = [(EMPTY, torch.zeros_like(latent[0]))]
    colour = torch.tensor(COLOURS["green"], dtype=torch.float64)[:, None, None]
    choices += [((1 - EMPTY) / len(denoiser.places), place * colour) for place in denoiser.places]
    least = min(float((noisy - a * mean).square().sum()) for _, mean in choices)
    for chance, mean in choices:
        weight = chance * np.exp((least - float((noisy - a * mean).square().sum())) / (2 * variance))
        total += weight * (mean + a * SPREAD**2 / variance * (noisy - a * mean))
        weights += weight
    found = denoiser.predict(noisy.float(), timesteps, tools.encoder.encode(["green"]))
    torch.testing.assert_close(found, ((noisy - a * total / weights) / b).float(), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_agreement_has_mean_zero_and_influence_lies_on_the_square(prediction: str) -> None:
    """Over a label's pictures typicality is influence: what is beyond it belongs to a picture, not to the label."""
    pictures, masks = draw_squares(60)
    config = Diffusion.Config(draws=12, t_min=0.3, t_max=0.7, timesteps="stratified", antithetic=True, batch_size=512)
    scored = Diffusion(config).open(squares_tools(prediction))  # type: ignore[arg-type]
    maps = [found[0] for found in scored.score(pictures, [one.record.labels for one in pictures], Progress())]
    influence, agreement, shares = [], [], []
    for one, mask in zip(maps, masks, strict=True):
        assert one.influence is not None
        influence.append(one.influence.mean())
        agreement.append((one.mean - one.influence).mean())
        if mask.any():
            shares.append(one.influence[mask].sum() / one.influence.sum())
    assert abs(np.mean(agreement)) < 3 * np.std(agreement) / len(maps) ** 0.5
    assert abs(np.mean(agreement)) < 0.25 * np.mean(influence)
    assert np.mean(shares) > 3 * SQUARE**2 / masks[0].size
