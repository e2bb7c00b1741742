"""Typicality against the closed form of the Gaussian model."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from diffmine.builtin.scorers.contrast import Contrast
from diffmine.builtin.scorers.diffusion import Diffusion
from diffmine.diffusion import LossScorer
from diffmine.diffusion.draws import draw, mean_and_stderr
from diffmine.diffusion.loss_scorer import Weighting
from diffmine.diffusion.schedule import error_weights
from diffmine.errors import DataError, ModelError
from diffmine.interfaces import ModelTools, Progress, Scoring
from diffmine.pictures.decoding import to_model
from diffmine.testing.gaussian import GaussianDenoiser, GaussianMeans, GaussianModel
from diffmine.types import ImageRecord, Picture, TypicalityMap

MEANS = {"warm": (0.5, 0.1, -0.4), "cold": (-0.4, 0.0, 0.5), "null again": (0.1, 0.1, 0.1)}
NULL = (0.1, 0.1, 0.1)


def tools(
    prediction: str = "epsilon", null: tuple[float, ...] = NULL, means: dict = MEANS, seed: int = 0
) -> ModelTools:
    model = GaussianModel(GaussianModel.Config(prediction=prediction, stride=2))
    encoder = GaussianMeans(GaussianMeans.Config(null=null, means=means))
    return ModelTools(model, encoder, device="cpu", seed=seed, labels=sorted(means), folder=None)


def picture(number: int, height: int = 12, width: int = 8) -> Picture:
    pixels = np.random.default_rng(number).integers(0, 256, (height, width, 3), dtype=np.uint8)
    digest = hashlib.sha256(pixels.tobytes()).hexdigest()
    return Picture(ImageRecord(digest[:20], f"{number}.png", ("warm",), width, height, digest, "train"), pixels)


def one_map(scoring: Scoring, label: str, of: Picture) -> TypicalityMap:
    return scoring.score([of], [[label]], Progress())[0][0]


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "flow"])
@pytest.mark.parametrize("options", [{}, {"timesteps": "stratified"}, {"antithetic": True}])
def test_agrees_with_the_closed_form(prediction: str, options: dict) -> None:
    with_tools, scored = tools(prediction), picture(0)
    config = Diffusion.Config(draws=400, t_min=0.3, t_max=0.8, **options)
    found = one_map(Diffusion(config).open(with_tools), "warm", scored)
    denoiser = with_tools.denoiser
    latent = denoiser.encode(to_model(scored.pixels, denoiser.size_multiple)[None])[0]
    fractions = torch.linspace(0.3, 0.8, 2001)[:-1] + 0.5 / 4000
    exact = denoiser.typicality(  # type: ignore[attr-defined]
        latent, torch.tensor(MEANS["warm"]), torch.tensor(NULL), denoiser.timesteps(fractions)
    ).numpy()
    distance = np.abs(found.mean - exact) / found.stderr
    assert np.sqrt(np.mean(distance**2)) < 1.5
    assert distance.max() < 5


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "flow"])
def test_influence_and_agreement_agree_with_the_closed_form(prediction: str) -> None:
    """E|d|^2 and E[2 e.d], the two terms of typicality; the influence is exact but for which timesteps were drawn."""
    with_tools, scored = tools(prediction), picture(0)
    config = Diffusion.Config(draws=400, t_min=0.3, t_max=0.8, timesteps="stratified")
    found = one_map(Diffusion(config).open(with_tools), "warm", scored)
    denoiser, label, null = with_tools.denoiser, torch.tensor(MEANS["warm"]), torch.tensor(NULL)
    latent = denoiser.encode(to_model(scored.pixels, denoiser.size_multiple)[None])[0]
    timesteps = denoiser.timesteps(torch.linspace(0.3, 0.8, 2001)[:-1] + 0.5 / 4000)
    influence = float(denoiser.influence(label, null, timesteps))  # type: ignore[attr-defined]
    assert found.influence is not None
    assert found.influence_stderr is not None
    assert np.abs(found.influence - influence).max() < 5 * found.influence_stderr.max()
    assert found.influence_stderr.max() < 0.01 * influence
    agreement = denoiser.typicality(latent, label, null, timesteps).numpy() - influence  # type: ignore[attr-defined]
    distance = np.abs(found.mean - found.influence - agreement) / np.hypot(found.stderr, found.influence_stderr)
    assert np.sqrt(np.mean(distance**2)) < 1.5
    assert distance.max() < 5
    assert np.abs(agreement).max() > 20 * found.stderr.max(), "the test can tell it from zero"


@pytest.mark.parametrize("weighting", ["epsilon", "sample", "v"])
@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "flow"])
def test_errors_told_of_another_target_agree_with_the_closed_form(prediction: str, weighting: Weighting) -> None:
    with_tools, scored = tools(prediction), picture(0)
    config = Diffusion.Config(draws=400, t_min=0.3, t_max=0.8, timesteps="stratified", weighting=weighting)
    found = one_map(Diffusion(config).open(with_tools), "warm", scored)
    denoiser, label, null = with_tools.denoiser, torch.tensor(MEANS["warm"]), torch.tensor(NULL)
    latent = denoiser.encode(to_model(scored.pixels, denoiser.size_multiple)[None])[0]
    timesteps = denoiser.timesteps(torch.linspace(0.3, 0.8, 2001)[:-1] + 0.5 / 4000)
    assert isinstance(denoiser, GaussianDenoiser)
    assert found.influence is not None
    influence = float(denoiser.influence(label, null, timesteps, weighting))
    assert np.abs(found.influence / influence - 1).max() < 0.01
    distance = (
        np.abs(found.mean - denoiser.typicality(latent, label, null, timesteps, weighting).numpy()) / found.stderr
    )
    assert np.sqrt(np.mean(distance**2)) < 1.5
    assert distance.max() < 5


@pytest.mark.parametrize("weighting", ["epsilon", "sample", "v"])
@pytest.mark.parametrize("scorer", [Diffusion, Contrast])
def test_models_of_noise_and_of_v_agree_in_one_target(scorer: type[LossScorer], weighting: Weighting) -> None:
    """On one schedule; as they were trained, they do not."""

    def maps(prediction: str, weighting: Weighting) -> list[TypicalityMap]:
        config = scorer.Config(draws=8, weighting=weighting)
        return scorer(config).open(tools(prediction)).score([picture(0)], [sorted(MEANS)], Progress())[0]

    for one, other in zip(maps("epsilon", weighting), maps("v_prediction", weighting), strict=True):
        assert one.influence is not None
        np.testing.assert_allclose(other.mean, one.mean, rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(other.influence, one.influence, rtol=1e-3, atol=1e-5)
    trained = [found[0].mean for found in (maps("epsilon", "model"), maps("v_prediction", "model"))]
    assert np.abs(trained[0] - trained[1]).max() > 0.1 * np.abs(trained[1]).max()


def test_a_target_that_does_not_tell_the_noise_is_refused() -> None:
    class Same(GaussianDenoiser):
        """Predicts what it is given."""

        def target(self, latents: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
            return self.add_noise(latents, noise, timesteps)

    denoiser = Same("epsilon", 0.5, 2, torch.device("cpu"))
    timesteps = denoiser.timesteps(torch.tensor([0.5]))
    assert error_weights(denoiser, timesteps, "model").tolist() == [1]
    with pytest.raises(ModelError, match=r"cannot be told as errors of 'epsilon'.*set scorer.weighting = \"model\""):
        error_weights(denoiser, timesteps, "epsilon")


def test_influence_of_contrast_is_that_against_the_other_labels() -> None:
    """Of two own labels each against the third alone; of one that the picture does not carry, against all others."""
    with_tools, plain = tools(), picture(2)
    scored = Picture(replace(plain.record, labels=("cold", "warm")), plain.pixels)
    config = Contrast.Config(draws=64, timesteps="stratified", batch_size=5)
    (maps,) = Contrast(config).open(with_tools).score([scored], [sorted(MEANS)], Progress())
    denoiser = with_tools.denoiser
    latent = denoiser.encode(to_model(scored.pixels, denoiser.size_multiple)[None])[0]
    fractions, _ = draw(config, tuple(latent.shape), 0, scored.record.digest)
    siblings = {"cold": ["null again"], "warm": ["null again"], "null again": ["cold", "warm"]}
    for one in maps:
        against = [
            denoiser.influence(
                *(torch.tensor(MEANS[told]) for told in (one.label, other)), denoiser.timesteps(fractions)
            )  # type: ignore[attr-defined]
            for other in siblings[one.label]
        ]
        np.testing.assert_allclose(one.influence, np.full_like(one.mean, np.mean(against)), rtol=1e-4)


@pytest.mark.parametrize("options", [{}, {"timesteps": "stratified"}, {"antithetic": True}, {"smoothing": 0.7}])
def test_the_standard_error_is_calibrated(options: dict) -> None:
    """95 % intervals hold the exact value in 92 to 98 % of many small pictures.

    The cells of a picture share their timesteps, so it takes many pictures rather than large ones.
    """
    config = Diffusion.Config(draws=64, t_min=0.3, t_max=0.8, batch_size=512, **options)
    covered, total = 0, 0
    for number in range(250):
        with_tools, scored = tools(seed=number), picture(number, 4, 4)
        found = one_map(Diffusion(config).open(with_tools), "warm", scored)
        denoiser = with_tools.denoiser
        latent = denoiser.encode(to_model(scored.pixels, 4)[None])[0]
        fractions = torch.linspace(0.3, 0.8, 2001)[:-1] + 0.5 / 4000
        exact = denoiser.typicality(  # type: ignore[attr-defined]
            latent, torch.tensor(MEANS["warm"]), torch.tensor(NULL), denoiser.timesteps(fractions)
        ).numpy()
        exact = gaussian_filter(exact, config.smoothing, mode="nearest") if config.smoothing else exact
        covered += int((np.abs(found.mean - exact) <= 1.96 * found.stderr).sum())
        total += exact.size
    assert 0.92 <= covered / total <= 0.98


def test_smoothing_blurs_the_mean_map_and_lowers_its_error() -> None:
    sharp = one_map(Diffusion(Diffusion.Config(draws=10)).open(tools()), "warm", picture(1))
    smooth = one_map(Diffusion(Diffusion.Config(draws=10, smoothing=0.8)).open(tools()), "warm", picture(1))
    np.testing.assert_allclose(smooth.mean, gaussian_filter(sharp.mean, 0.8, mode="nearest"), atol=1e-6)
    assert smooth.stderr.mean() < 0.7 * sharp.stderr.mean()


@pytest.mark.parametrize("smoothing", [0.0, 0.8])
def test_the_null_condition_against_itself_gives_exactly_zero(smoothing: float) -> None:
    config = Diffusion.Config(draws=10, smoothing=smoothing)
    found = one_map(Diffusion(config).open(tools()), "null again", picture(1))
    assert not found.mean.any()
    assert not found.stderr.any()
    assert not found.influence.any()


@pytest.mark.parametrize("smoothing", [0.0, 0.8])
def test_swapped_conditions_change_the_sign_exactly(smoothing: float) -> None:
    warm, cold = MEANS["warm"], MEANS["cold"]
    config = Diffusion.Config(draws=10, smoothing=smoothing)
    one = one_map(Diffusion(config).open(tools(null=cold, means={"x": warm})), "x", picture(1))
    other = one_map(Diffusion(config).open(tools(null=warm, means={"x": cold})), "x", picture(1))
    np.testing.assert_array_equal(one.mean, -other.mean)
    np.testing.assert_array_equal(one.stderr, other.stderr)
    np.testing.assert_array_equal(one.influence, other.influence)
    np.testing.assert_array_equal(one.influence_stderr, other.influence_stderr)


def test_contrast_is_the_gain_over_the_other_labels() -> None:
    labels = sorted(MEANS)
    losses = Diffusion(Diffusion.Config(draws=10)).open(tools())
    contrast = Contrast(Contrast.Config(draws=10)).open(tools())
    gains = {one.label: one.mean for one in losses.score([picture(2)], [labels], Progress())[0]}
    found = {one.label: one.mean for one in contrast.score([picture(2)], [labels], Progress())[0]}
    for label in labels:
        others = np.mean([gains[other] for other in labels if other != label], axis=0)
        np.testing.assert_allclose(found[label], gains[label] - others, atol=1e-5)


def test_batch_size_order_and_neighbours_change_nothing() -> None:
    pictures = [picture(number, *size) for number, size in enumerate([(12, 8), (8, 8), (12, 8), (9, 7)])]
    labels = [["warm"], ["cold", "warm"], ["cold"], ["warm"]]
    results = []
    for batch, order in ((1, [0, 1, 2, 3]), (7, [3, 2, 1, 0]), (64, [2, 0, 3, 1])):
        scoring = Diffusion(Diffusion.Config(draws=6, batch_size=batch)).open(tools("v_prediction"))
        found = scoring.score([pictures[i] for i in order], [labels[i] for i in order], Progress())
        results.append({(m.image_id, m.label): m.mean for maps in found for m in maps})
    for one, other in pairwise(results):
        assert one.keys() == other.keys()
        for key in one:
            np.testing.assert_allclose(one[key], other[key], rtol=0, atol=1e-6)


def test_a_batch_is_never_larger_than_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many labels a picture is scored under."""
    means = {f"label {number}": (number / 20, 0.1, -0.1) for number in range(20)}
    scored, found = picture(1), {}
    for batch in (512, 8):
        with_tools = tools(means=means)
        predict, rows = with_tools.denoiser.predict, []
        monkeypatch.setattr(
            with_tools.denoiser,
            "predict",
            lambda noisy, *rest, to=predict, n=rows: n.append(len(noisy)) or to(noisy, *rest),
        )
        (maps,) = (
            Diffusion(Diffusion.Config(draws=4, batch_size=batch))
            .open(with_tools)
            .score([scored], [sorted(means)], Progress())
        )
        found[batch] = np.stack([one.mean for one in maps])
        assert max(rows) <= batch
        assert sum(rows) == 4 * 21
    np.testing.assert_allclose(found[8], found[512], rtol=0, atol=1e-6)


def test_contrast_with_one_label_is_refused() -> None:
    with pytest.raises(DataError, match="contrast compares a label with the others, and there is only 'x'"):
        Contrast(Contrast.Config()).open(tools(means={"x": NULL}))


def test_draws_lie_in_their_range_and_strata() -> None:
    config = Diffusion.Config(draws=50, t_min=0.2, t_max=0.6, timesteps="stratified")
    fractions, _ = draw(config, (3, 2, 2), 0, "digest")
    assert (torch.floor((fractions - 0.2) / 0.4 * 50).int() == torch.arange(50)).all()
    uniform, noise = draw(Diffusion.Config(draws=4000, t_min=0.2, t_max=0.6), (1, 2, 2), 0, "digest")
    assert float(uniform.min()) >= 0.2
    assert float(uniform.max()) < 0.6
    assert abs(float(uniform.mean()) - 0.4) < 0.01
    assert abs(float(noise.std()) - 1) < 0.02
    other, _ = draw(Diffusion.Config(draws=4000, t_min=0.2, t_max=0.6), (1, 2, 2), 0, "another")
    assert not torch.equal(uniform, other)


def test_stratified_errors_leave_out_what_the_strata_explain() -> None:
    trend = torch.linspace(0, 1, 100)[:, None, None]
    uniform = Diffusion.Config(draws=100)
    stratified = Diffusion.Config(draws=100, timesteps="stratified")
    assert float(mean_and_stderr(uniform, trend)[1]) == pytest.approx(float(trend.std()) / 10, rel=1e-5)
    assert float(mean_and_stderr(stratified, trend)[1]) < 0.1 * float(mean_and_stderr(uniform, trend)[1])


def test_wrong_labels_are_never_the_images_own() -> None:
    scorer = Diffusion(Diffusion.Config(null_labels=1))
    labels = ["a", "b", "c"]
    wrong = {
        scorer.labels_to_score(ImageRecord("", "", ("b",), 1, 1, str(number), "heldout"), labels, 0)[1]
        for number in range(30)
    }
    assert wrong == {"a", "c"}
    learned, dealt = (ImageRecord("", "", ("b",), 1, 1, "x", "train", fold=fold) for fold in (None, 1))
    assert scorer.labels_to_score(learned, labels, 0) == ("b",), "it would prove nothing"
    assert len(scorer.labels_to_score(dealt, labels, 0)) == 2
    assert scorer.labels_to_score(ImageRecord("", "", ("a", "b", "c"), 1, 1, "x", "train"), labels, 0) == (
        "a",
        "b",
        "c",
    )


def test_held_out_images_are_scored_under_every_label_to_classify_them() -> None:
    scorer = Diffusion(Diffusion.Config(classify=True, null_labels=0))
    heldout, train = (ImageRecord("", "", ("b",), 1, 1, "x", split) for split in ("heldout", "train"))
    assert scorer.labels_to_score(heldout, ["a", "b"], 0) == ("a", "b")
    assert scorer.labels_to_score(train, ["a", "b"], 0) == ("b",)
