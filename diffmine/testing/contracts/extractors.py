"""What every feature extractor keeps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from diffmine.interfaces import FeatureExtractor, ModelTools, PatchRequest
from diffmine.testing.toy_pictures import toy_picture
from diffmine.testing.toy_tools import LABELS, as_picture, fitted_tools, toy_tools
from diffmine.types import Box, ByteArray, FloatArray


def requests() -> list[PatchRequest]:
    """Pictures of several sizes under both labels, with patches in corners, overlapping, odd, and of the whole."""
    first, second, large = (toy_picture(number % 2, 2, size, 0, number)[0] for number, size in enumerate((32, 32, 53)))
    wide = large[:37]
    return [
        PatchRequest(as_picture(first), LABELS[0], (Box(0, 0, 16, 16), Box(16, 16, 32, 32), Box(3, 5, 19, 21))),
        PatchRequest(as_picture(wide), LABELS[1], (Box(0, 0, 37, 53), Box(21, 37, 37, 53))),
        PatchRequest(as_picture(second), LABELS[1], (Box(7, 9, 20, 22),)),
        PatchRequest(as_picture(first), LABELS[1], (Box(0, 0, 16, 16),)),
    ]


def flat(level: int) -> ByteArray:
    """A picture of one grey level."""
    return np.full((32, 32, 3), level, np.uint8)


def assert_equal(found: Sequence[FloatArray], expected: Sequence[FloatArray]) -> None:
    """Equal up to what another batch size does to float32 sums."""
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=2e-5)


class FeatureExtractorContract:
    """Subclass this and return your extractor from a fixture ``extractor``.

    It is fitted to a few toy pictures; where it needs the diffusion model, that is a tiny one of random weights. See
    :class:`BatchedExtractorContract` too.
    """

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], ModelTools]:
        """Opens a tiny diffusion model for the labels ``LABELS``, made when it is first asked for."""
        return cache(lambda: toy_tools(tmp_path_factory.mktemp("toy model")))

    @pytest.fixture
    def tools(self, extractor: FeatureExtractor, model: Callable[[], ModelTools], tmp_path: Path) -> ModelTools:
        """What a run would open the extractor with."""
        folder = tmp_path / "fitted by the contract"
        folder.mkdir()
        return fitted_tools(extractor, model, folder)

    def test_rows_are_finite_float32_of_unit_length_and_one_width(
        self, extractor: FeatureExtractor, tools: ModelTools
    ) -> None:
        features = extractor.open(tools).extract(requests())
        assert [len(rows) for rows in features] == [len(request.boxes) for request in requests()]
        assert len({rows.shape[1] for rows in features}) == 1
        assert all(rows.dtype == np.float32 for rows in features)
        np.testing.assert_allclose(np.linalg.norm(np.concatenate(features), axis=1), 1, atol=1e-5)

    def test_a_result_depends_on_its_own_request_alone(self, extractor: FeatureExtractor, tools: ModelTools) -> None:
        extraction = extractor.open(tools)
        together = extraction.extract(requests())
        assert_equal(extraction.extract(requests()[::-1])[::-1], together)
        assert_equal([extraction.extract([request])[0] for request in requests()], together)

    def test_a_patch_does_not_depend_on_the_others_of_its_picture(
        self, extractor: FeatureExtractor, tools: ModelTools
    ) -> None:
        extraction, request = extractor.open(tools), requests()[0]
        alone = [PatchRequest(request.picture, request.label, (box,)) for box in request.boxes]
        assert_equal([np.concatenate(extraction.extract(alone))], extraction.extract([request]))

    def test_opened_again_it_gives_the_same(self, extractor: FeatureExtractor, tools: ModelTools) -> None:
        again = type(extractor)(extractor.config, extractor.parts)
        assert_equal(again.open(tools).extract(requests()), extractor.open(tools).extract(requests()))

    def test_patches_that_look_different_have_different_features(
        self, extractor: FeatureExtractor, tools: ModelTools
    ) -> None:
        pixels = flat(200)
        pixels[:, :16] = (200, 30, 30)
        pixels[::4, 16:] = 0
        boxes = (Box(0, 0, 16, 16), Box(0, 16, 16, 32))
        left, right = extractor.open(tools).extract([PatchRequest(as_picture(pixels), LABELS[0], boxes)])[0]
        assert np.abs(left - right).max() > 1e-3

    @pytest.mark.parametrize("level", [0, 119, 255])
    def test_flat_pictures_have_features_too(self, extractor: FeatureExtractor, tools: ModelTools, level: int) -> None:
        rows = extractor.open(tools).extract([PatchRequest(as_picture(flat(level)), LABELS[0], (Box(8, 8, 24, 24),))])[
            0
        ]
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)

    def test_pictures_are_left_as_they_are(self, extractor: FeatureExtractor, tools: ModelTools) -> None:
        given = requests()
        extractor.open(tools).extract(given)
        for request, fresh in zip(given, requests(), strict=True):
            assert np.array_equal(request.picture.pixels, fresh.picture.pixels)

    def test_no_request_gives_no_features(self, extractor: FeatureExtractor, tools: ModelTools) -> None:
        assert extractor.open(tools).extract([]) == []


class BatchedExtractorContract(FeatureExtractorContract):
    """The same, for an extractor with an option ``batch_size``."""

    def test_the_batch_size_changes_nothing(self, extractor: FeatureExtractor, tools: ModelTools) -> None:
        other = type(extractor)(extractor.config.model_copy(update={"batch_size": 1}), extractor.parts)
        assert_equal(other.open(tools).extract(requests()), extractor.open(tools).extract(requests()))
        assert other.identity() == extractor.identity(), "mark batch_size with OUTSIDE_KEY"
