"""What a scorer is given besides losses, and what contrast compares."""

from __future__ import annotations

import hashlib
from typing import Literal

import numpy as np
import pytest
import torch

from diffmine.builtin.scorers.contrast import Contrast
from diffmine.builtin.scorers.diffusion import Diffusion
from diffmine.diffusion import LossScorer, other_labels
from diffmine.diffusion.draws import draw
from diffmine.diffusion.losses import Measure, Predictions, influence, latent_of, paired_predictions
from diffmine.diffusion.scoring import Measured
from diffmine.interfaces import ModelTools, Progress
from diffmine.runs.typicality_maps import map_of, tensors_of
from diffmine.testing.gaussian import GaussianMeans, GaussianModel
from diffmine.types import ImageRecord, Picture, TypicalityMap

MEANS = {"cold": (-0.4, 0.0, 0.5), "flat": (0.2, 0.2, 0.2), "warm": (0.5, 0.1, -0.4)}


class Influence(LossScorer):
    """How far the label moves the prediction."""

    name = "influence"

    def gain(self, measured: Measured, label: str) -> torch.Tensor:
        return measured.further[influence][label]

    def measures(self) -> tuple[Measure, ...]:
        return (influence,)


def agreement(predictions: Predictions) -> torch.Tensor:
    """2 e.d, mean over channels."""
    moved = predictions.prediction - predictions.prediction[:1]
    return (2 * (predictions.target - predictions.prediction) * moved).mean(1)


class Twice(Influence):
    """E[d^2 + 2 e d], which L(null) - L(label) is."""

    def gain(self, measured: Measured, label: str) -> torch.Tensor:
        return measured.losses[None] - measured.losses[label] - measured.further[influence][label]


def tools(means: dict[str, tuple[float, float, float]] = MEANS, spread: float = 0.5) -> ModelTools:
    model = GaussianModel(GaussianModel.Config(stride=2, spread=spread))
    encoder = GaussianMeans(GaussianMeans.Config(means=means))
    return ModelTools(model, encoder, device="cpu", seed=0, labels=sorted(means), folder=None)


def picture(number: int, labels: tuple[str, ...] = ("warm",), value: float | None = None, side: int = 8) -> Picture:
    pixels = np.random.default_rng(number).integers(0, 256, (side, side, 3), dtype=np.uint8)
    if value is not None:
        pixels[:] = round((value + 1) * 127.5)
    digest = hashlib.sha256(pixels.tobytes()).hexdigest()
    return Picture(ImageRecord(digest[:20], f"{number}.png", labels, side, side, digest, "train"), pixels)


@pytest.mark.parametrize("batch_size", [1, 2, 3, 7, 64])
def test_influence_is_the_squared_distance_of_the_predictions(batch_size: int) -> None:
    """Also where the conditions of a draw do not fit into one batch, and pictures of another size come between."""
    config = Influence.Config(draws=4, batch_size=batch_size)
    with_tools, scored = tools(), [picture(0), picture(1, side=12), picture(2)]
    found = Influence(config).open(with_tools).score(scored, [list(MEANS)] * 3, Progress())
    denoiser = with_tools.denoiser
    for one, maps in zip(scored, found, strict=True):
        latent = latent_of(denoiser, one.pixels)
        fractions, noise = draw(config, tuple(latent.shape), 0, one.record.digest, range(config.rounds[-1]))
        timesteps = denoiser.timesteps(fractions)
        noisy = denoiser.add_noise(latent.expand_as(noise), noise, timesteps)
        for a_map in maps:
            label, null = (
                denoiser.predict(noisy, timesteps, with_tools.encoder.encode([told] * 4))
                for told in (a_map.label, None)
            )
            np.testing.assert_allclose(a_map.mean, (label - null).square().mean((0, 1)), rtol=1e-4, atol=1e-6)


def test_the_gain_is_the_influence_and_a_term_of_no_mean() -> None:
    """Over pictures drawn from the label's own distribution the second term of L(null) - L(label) has mean 0."""
    generator = np.random.default_rng(0)
    scored = []
    for number in range(40):
        values = np.array(MEANS["warm"]) + 0.15 * generator.standard_normal((16, 16, 3))
        pixels = np.repeat(np.repeat(((values + 1) * 127.5).clip(0, 255).round().astype(np.uint8), 2, 0), 2, 1)
        digest = hashlib.sha256(pixels.tobytes()).hexdigest()
        scored.append(Picture(ImageRecord(digest[:20], str(number), ("warm",), 32, 32, digest, "train"), pixels))
    config = {"draws": 32, "timesteps": "stratified", "batch_size": 512}
    second, first = (
        np.array(
            [maps[0].mean.mean() for maps in scorer.open(tools(spread=0.15)).score(scored, [["warm"]] * 40, Progress())]
        )
        for scorer in (Twice(Twice.Config(**config)), Influence(Influence.Config(**config)))  # type: ignore[arg-type]
    )
    assert abs(second.mean()) < 0.1 * first.mean()
    assert np.corrcoef(first, first + second)[0, 1] < 0.9, "the sign and the noise are in the second term"


def test_influence_and_agreement_make_up_the_gain_of_every_draw() -> None:
    kept: list[Measured] = []

    class Keeping(Influence):
        def gain(self, measured: Measured, label: str) -> torch.Tensor:
            kept.append(measured)
            return measured.losses[None] - measured.losses[label]

        def measures(self) -> tuple[Measure, ...]:
            return (influence, agreement)

    Keeping(Keeping.Config(draws=6)).open(tools()).score([picture(0)], [list(MEANS)], Progress())
    measured = kept[0]
    for label in MEANS:
        parts = measured.further[influence][label] + measured.further[agreement][label]
        torch.testing.assert_close(parts, measured.losses[None] - measured.losses[label], rtol=1e-5, atol=1e-6)


def test_a_scorer_of_losses_alone_has_no_influence() -> None:
    (maps,) = Twice(Twice.Config(draws=2)).open(tools()).score([picture(0)], [["warm"]], Progress())
    assert maps[0].influence is None
    assert maps[0].influence_stderr is None


def test_what_is_asked_for_besides_changes_no_loss() -> None:
    scored = [picture(number) for number in range(3)]
    plain = Diffusion(Diffusion.Config(draws=6)).open(tools()).score(scored, [["warm", "cold"]] * 3, Progress())

    class Both(Influence):
        def gain(self, measured: Measured, label: str) -> torch.Tensor:
            return measured.losses[None] - measured.losses[label]

    asked = Both(Both.Config(draws=6)).open(tools()).score(scored, [["warm", "cold"]] * 3, Progress())
    for one, other in zip(plain, asked, strict=True):
        for a_map, its_twin in zip(one, other, strict=True):
            np.testing.assert_array_equal(a_map.mean, its_twin.mean)


def test_conditions_of_a_draw_see_the_same_noisy_latent() -> None:
    with_tools = tools()
    denoiser = with_tools.denoiser
    latents, noise = torch.randn(2, 2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    told = with_tools.encoder.encode([None, "warm", None, "cold", "flat"])
    counts = torch.tensor([2, 3])
    prediction, target = paired_predictions(denoiser, latents, noise, torch.tensor([0.2, 0.6]), counts, told)
    timesteps = denoiser.timesteps(torch.tensor([0.2, 0.2, 0.6, 0.6, 0.6]))
    rows = torch.tensor([0, 0, 1, 1, 1])
    noisy = denoiser.add_noise(latents[rows], noise[rows], timesteps)
    torch.testing.assert_close(prediction, denoiser.predict(noisy, timesteps, told))
    torch.testing.assert_close(target, noise[rows])


Label = Literal["cold", "flat", "warm"]


def contrast(
    own: tuple[str, ...],
    means: dict[str, tuple[float, float, float]],
    related: dict[str, tuple[str, ...]] | None = None,
) -> dict[str, float]:
    """label -> exact gain at a picture of constant value 0.5, in units of what one grey mean of 0 loses to 0.5."""
    with_tools, one = tools(means), picture(0, own, value=0.5)
    with_tools.related = related or {}
    config = Contrast.Config(draws=64, timesteps="stratified", antithetic=True)
    maps = Contrast(config).open(with_tools).score([one], [sorted(means)], Progress())[0]
    denoiser, latent = with_tools.denoiser, latent_of(with_tools.denoiser, one.pixels)
    fractions, _ = draw(config, tuple(latent.shape), 0, one.record.digest, range(config.rounds[-1]))
    zero, half = torch.zeros(3), torch.full((3,), 0.5)
    unit = float(denoiser.typicality(latent, half, zero, denoiser.timesteps(fractions)).mean())  # type: ignore[attr-defined]
    return {a_map.label: float(a_map.mean.mean()) / unit for a_map in maps}


GREY = {"a": (0.5, 0.5, 0.5), "b": (0.5, 0.5, 0.5), "c": (0.0, 0.0, 0.0)}
"""Labels of which a and b explain the picture fully, and c not at all."""


def test_own_labels_do_not_cancel_in_contrast() -> None:
    """With a and b both the picture's own, each gains all that c loses; compared with each other too, half of it."""
    found = contrast(("a", "b"), GREY)
    assert found["a"] == pytest.approx(1, abs=0.02)
    assert found["b"] == pytest.approx(1, abs=0.02)
    assert found["c"] == pytest.approx(-1, abs=0.02)


def test_of_one_own_label_contrast_is_the_gain_over_all_others() -> None:
    found = contrast(("a",), GREY)
    assert found["a"] == pytest.approx(0.5, abs=0.02)
    assert found["c"] == pytest.approx(-1, abs=0.02)


def test_contrast_leaves_neighbours_out() -> None:
    """b, as good as a, is next to both others: a is told from c alone, c from a alone, and b from nothing."""
    found = contrast(("a",), GREY, {"a": ("b",), "b": ("a", "c"), "c": ("b",)})
    assert found["a"] == pytest.approx(1, abs=0.02)
    assert found["b"] == 0
    assert found["c"] == pytest.approx(-1, abs=0.02)


def test_a_picture_with_every_label_has_nothing_to_contrast() -> None:
    assert set(contrast(("a", "b", "c"), GREY).values()) == {0.0}


def test_other_labels_are_fewer_where_there_are_fewer() -> None:
    record = ImageRecord("", "", ("a",), 1, 1, "x", "train")
    assert other_labels(record, ["a", "b", "c"], 5, 0) == ("b", "c")
    assert len(other_labels(record, ["a", "b", "c"], 1, 0)) == 1


@pytest.mark.parametrize("scorer", [Diffusion, Contrast])
def test_kindred_labels_are_no_null_for_each_other(scorer: type[LossScorer]) -> None:
    labels, decades = ["1930", "1940", "1950", "1960"], (("1930", "1940"), ("1940", "1950"))
    record = ImageRecord("", "", ("1940",), 1, 1, "x", "heldout")
    chosen = scorer(scorer.Config(kindred=decades))
    roles = {label: chosen.role(record, label) for label in labels}
    assert roles == {"1930": "other", "1940": "own", "1950": "other", "1960": "null"}
    assert {scorer(scorer.Config()).role(record, label) for label in labels} == {"own", "null"}
    for seed in range(20):
        assert other_labels(record, labels, 1, seed, decades) == ("1960",)
        scored = chosen.labels_to_score(record, labels, seed)
        assert [label for label in scored if chosen.role(record, label) == "null"] == ["1960"]


def test_naming_what_scorers_share_imports_nothing_heavy() -> None:
    import subprocess
    import sys

    code = (
        "import sys, diffmine.diffusion, diffmine.interfaces; print(sorted({'torch', 'diffusers'} & set(sys.modules)))"
    )
    code += "; from diffmine.interfaces import ModelTools as T"
    code += "; T(None, None, device='cpu', seed=0, labels=['a'], folder=None).at(None); print('torch' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["[]", "False"]


@pytest.mark.parametrize("options", [{}, {"timesteps": "stratified"}, {"antithetic": True, "smoothing": 0.6}])
def test_going_on_from_stored_maps_gives_the_bits_of_all_draws_at_once(options: dict) -> None:
    scored, labels = [picture(0), picture(1, side=12), picture(2)], [["warm", "cold"]] * 3
    at_once = Diffusion(Diffusion.Config(draws=24, batch_size=20, **options)).open(tools())
    some = Diffusion(Diffusion.Config(draws=8, batch_size=20, **options)).open(tools())
    expected = at_once.score(scored, labels, Progress())
    stored = [[reread(one) for one in maps] for maps in some.score(scored, labels, Progress())]
    for wanted, found in zip(expected, some.refine(scored, stored, 24, Progress()), strict=True):
        for one, other in zip(wanted, found, strict=True):
            assert one.draws == other.draws == 24
            for name in ("mean", "stderr", "influence", "influence_stderr", "noise_correlation"):
                np.testing.assert_array_equal(getattr(one, name), getattr(other, name), name)


@pytest.mark.parametrize("timesteps", ["uniform", "stratified"])
def test_shared_draws_are_those_of_every_picture_of_a_size(timesteps: Literal["uniform", "stratified"]) -> None:
    def drawn(shared: bool, digest: str, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
        config = Diffusion.Config(draws=8, timesteps=timesteps, shared_draws=shared)
        return draw(config, (3, 4, 4), seed, digest, range(8))

    for one, other in zip(drawn(True, "one"), drawn(True, "other"), strict=True):
        assert torch.equal(one, other)
    for differing in (drawn(False, "other"), drawn(True, "one", seed=1)):
        for one, other in zip(drawn(True, "one"), differing, strict=True):
            assert not torch.equal(one, other)


def test_shared_draws_cancel_between_pictures() -> None:
    """Of two flat pictures of the Gaussian model, what a noise adds to both is all but gone in their difference."""
    labels = [["warm"], ["warm"]]
    pictures = [picture(1, value=0.1), picture(2, value=0.12)]
    spreads = {}
    for shared in (True, False):
        differences = []
        for seed in range(12):
            model = tools()
            model.seed = seed
            scoring = Diffusion(Diffusion.Config(draws=8, shared_draws=shared)).open(model)
            one, other = (maps[0].mean.mean() for maps in scoring.score(pictures, labels, Progress()))
            differences.append(one - other)
        spreads[shared] = np.std(differences)
    assert spreads[True] < 0.2 * spreads[False]


def reread(one: TypicalityMap) -> TypicalityMap:
    """A map as the store gives it back."""
    tensors = tensors_of(one)
    return map_of(one.image_id, one.label, one.draws, tensors)
