"""What every typicality scorer keeps."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from diffmine.interfaces import Event, ModelTools, Progress, TypicalityScorer
from diffmine.testing.toy_pictures import toy_picture
from diffmine.testing.toy_tools import LABELS, as_picture, fitted_tools, toy_tools
from diffmine.types import Picture, TypicalityMap


def pictures() -> list[Picture]:
    """Three sizes, one of them no multiple of anything."""
    sizes = ((32, 32), (32, 24), (27, 19))
    drawn = (toy_picture(number % 2, 2, 32, 0, number)[0] for number in range(len(sizes)))
    return [as_picture(one[:height, :width]) for one, (height, width) in zip(drawn, sizes, strict=True)]


class TypicalityScorerContract:
    """Subclass this and return your scorer from a fixture ``scorer``.

    It is fitted to a few toy pictures; where it needs the diffusion model, that is a tiny one of random weights.
    """

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], ModelTools]:
        """Opens a tiny diffusion model for the labels ``LABELS``, made when it is first asked for."""
        return cache(lambda: toy_tools(tmp_path_factory.mktemp("toy model")))

    @pytest.fixture
    def tools(self, scorer: TypicalityScorer, model: Callable[[], ModelTools], tmp_path: Path) -> ModelTools:
        """What a run would open the scorer with."""
        folder = tmp_path / "fitted by the contract"
        folder.mkdir()
        return fitted_tools(scorer, model, folder)

    def score(self, scorer: TypicalityScorer, tools: ModelTools, chosen: list[Picture]) -> list[list[TypicalityMap]]:
        """Each picture under every label."""
        return scorer.open(tools).score(chosen, [LABELS] * len(chosen), Progress())

    def test_maps_are_finite_float32_and_cover_the_picture(self, scorer: TypicalityScorer, tools: ModelTools) -> None:
        stride = scorer.open(tools).stride
        for picture, maps in zip(pictures(), self.score(scorer, tools, pictures()), strict=True):
            assert [one.label for one in maps] == list(LABELS)
            for one in maps:
                assert one.image_id == picture.record.image_id
                assert one.mean.dtype == np.float32
                assert np.isfinite(one.mean).all()
                if one.stderr is not None:
                    assert one.stderr.dtype == np.float32
                    assert one.stderr.shape == one.mean.shape
                    assert np.all(one.stderr >= 0)
                for part in (one.influence, one.influence_stderr):
                    if part is not None:
                        assert part.dtype == np.float32
                        assert part.shape == one.mean.shape
                        assert np.isfinite(part).all()
                        assert np.all(part >= 0)
                assert one.mean.shape[0] * stride >= picture.record.height
                assert one.mean.shape[1] * stride >= picture.record.width

    def test_a_map_depends_on_its_own_picture_alone(self, scorer: TypicalityScorer, tools: ModelTools) -> None:
        together = self.score(scorer, tools, pictures())
        backwards = self.score(scorer, tools, pictures()[::-1])[::-1]
        alone = [self.score(scorer, tools, [picture])[0] for picture in pictures()]
        for other in (backwards, alone):
            for one, two in zip(chain(*together), chain(*other), strict=True):
                np.testing.assert_allclose(one.mean, two.mean, rtol=0, atol=2e-5)

    def test_each_picture_is_counted_when_it_is_done(self, scorer: TypicalityScorer, tools: ModelTools) -> None:
        heard: list[Event] = []
        scorer.open(tools).score(pictures(), [LABELS] * len(pictures()), Progress(heard.append))
        assert "work started" not in {event.what for event in heard}, "the stage has started the count"
        assert sum(event.amount for event in heard if event.what == "advanced") == len(pictures())

    def test_labels_to_score_hold_the_images_own(self, scorer: TypicalityScorer) -> None:
        for picture in pictures():
            labels = scorer.labels_to_score(picture.record, LABELS, 0)
            assert set(picture.record.labels) <= set(labels) <= set(LABELS)
            assert len(set(labels)) == len(labels)
