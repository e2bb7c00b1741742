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
from diffmine.types import FloatArray, Picture, TypicalityMap


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
            found = [one.label for one in maps]
            assert found == list(LABELS), f"asked for maps of {list(LABELS)}, in this order; got {found}"
            for one in maps:
                assert one.image_id == picture.record.image_id, f"image_id is {one.image_id!r}, not the picture's"
                self._values("mean", one.mean, one.mean.shape)
                for part in ("stderr", "influence", "influence_stderr"):
                    if (values := getattr(one, part)) is not None:
                        self._values(part, values, one.mean.shape)
                        assert values.min() >= 0, f"{part} is never negative; the least value is {values.min()}"
                size, covered = (picture.record.height, picture.record.width), np.array(one.mean.shape) * stride
                said = f"cells {one.mean.shape} of {stride} px do not cover the picture, {size} px"
                assert np.all(covered >= size), said

    def _values(self, part: str, values: FloatArray, shape: tuple[int, ...]) -> None:
        assert values.dtype == np.float32, f"{part} is {values.dtype}, not float32"
        assert values.shape == shape, f"{part} has shape {values.shape}, the mean {shape}"
        assert np.isfinite(values).all(), f"{part} has {(~np.isfinite(values)).sum()} values that are not finite"

    def test_a_map_depends_on_its_own_picture_alone(self, scorer: TypicalityScorer, tools: ModelTools) -> None:
        together = self.score(scorer, tools, pictures())
        backwards = self.score(scorer, tools, pictures()[::-1])[::-1]
        alone = [self.score(scorer, tools, [picture])[0] for picture in pictures()]
        for other in (backwards, alone):
            for one, two in zip(chain(*together), chain(*other), strict=True):
                gap = np.abs(one.mean - two.mean).max()
                assert gap <= 2e-5, f"scored with other pictures, or in another order, a map differs by up to {gap:.2g}"

    def test_each_picture_is_counted_when_it_is_done(self, scorer: TypicalityScorer, tools: ModelTools) -> None:
        heard: list[Event] = []
        scorer.open(tools).score(pictures(), [LABELS] * len(pictures()), Progress(heard.append))
        assert "work started" not in {event.what for event in heard}, "the stage has started the count"
        counted = sum(event.amount for event in heard if event.what == "advanced")
        assert counted == len(pictures()), f"progress.advance() has counted {counted} of {len(pictures())} pictures"

    def test_labels_to_score_hold_the_images_own(self, scorer: TypicalityScorer) -> None:
        for picture in pictures():
            labels = scorer.labels_to_score(picture.record, LABELS, 0)
            own = picture.record.labels
            assert set(own) <= set(labels) <= set(LABELS), f"{labels}: must hold {own}, and no others than {LABELS}"
            assert len(set(labels)) == len(labels), f"{labels}: each label once"
