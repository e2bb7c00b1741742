from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from diffmine.builtin.extractors.concat import Concat
from diffmine.errors import RecipeError
from diffmine.interfaces import Component, FeatureExtractor, ModelTools
from diffmine.plugins.kinds import KIND_OF_NAME
from diffmine.plugins.registry import registry
from diffmine.testing.contracts.extractors import FeatureExtractorContract, requests
from diffmine.testing.toy_tools import toy_tools
from diffmine.testing.toy_vision import tiny_clip

DIFT = {"use": "dift", "ensemble": 2}


def build(use: str = "concat", folder: Path | None = None, **options: object) -> Component:
    folders = {} if folder is None else {"parts": folder}
    return registry().build(KIND_OF_NAME["feature_extractors"], use, options, folders)


class TestConcatContract(FeatureExtractorContract):
    @pytest.fixture
    def extractor(self, tmp_path: Path) -> FeatureExtractor:
        clip = {"use": "clip", "path": str(tiny_clip(tmp_path / "clip"))}
        extractor = build(parts=[clip, DIFT])
        assert isinstance(extractor, Concat)
        return extractor


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> ModelTools:
    return toy_tools(tmp_path_factory.mktemp("model"))


@pytest.mark.parametrize("weights", [None, [1, 1], [3, 1]])
def test_similarities_are_the_weighted_means_of_the_parts(tools: ModelTools, weights: list[float] | None) -> None:
    def similarities(extractor: Component) -> np.ndarray:
        rows = np.concatenate(extractor.open(tools).extract(requests()))  # type: ignore[attr-defined]
        return rows @ rows.T

    options = {} if weights is None else {"weights": weights}
    found = similarities(build(parts=["pixels", DIFT], **options))
    parts = [similarities(build("pixels")), similarities(build("dift", ensemble=2))]
    np.testing.assert_allclose(found, np.average(parts, axis=0, weights=weights), atol=1e-5)


def test_parts_are_in_the_identity_the_description_and_the_cost() -> None:
    def concat(ensemble: int = 8, batch_size: int = 4) -> Component:
        return build(parts=["pixels", {"use": "dift", "ensemble": ensemble, "batch_size": batch_size}])

    assert concat().identity() == concat(batch_size=2).identity()
    assert concat().identity() != concat(ensemble=4).identity()
    assert concat(4).passes() == 4  # type: ignore[attr-defined]
    table = concat(4).describe()
    again = build(**table)
    assert again.describe() == table
    assert again.identity() == concat(4).identity()


def test_a_path_in_a_part_is_relative_to_the_recipe(tmp_path: Path) -> None:
    tiny_clip(tmp_path / "models" / "clip")
    concat = build(folder=tmp_path, parts=[{"use": "clip", "path": "models/clip"}])
    assert concat.parts[0].config.path == str(tmp_path / "models" / "clip")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"parts": []}, "parts"),
        ({"parts": ["pixels"], "weights": [1, 2]}, "one number for each of 1 parts"),
        ({"parts": ["pixels"], "weights": [0]}, "greater than 0"),
        ({"parts": [{"block": 1}]}, "must name its component"),
        ({"parts": ["pixel"]}, "did you mean 'pixels'"),
        ({"parts": [{"use": "dift", "ensembl": 1}]}, "did you mean 'ensemble'"),
    ],
)
def test_mistakes_are_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        build(**options)
