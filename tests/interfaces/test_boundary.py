"""Components made as a stranger would make them; their exceptions are asked who is to blame."""

from __future__ import annotations

import functools
import inspect
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from diffmine.errors import ContractError
from diffmine.interfaces import (
    Clusterer,
    ClustererConfig,
    Dataset,
    DatasetConfig,
    Extraction,
    FeatureExtractor,
    ImageSource,
    Projection,
)
from diffmine.interfaces.boundary import blaming, culprit_of, own_work
from diffmine.types import FloatArray, IntArray, Item

ROWS = np.eye(4, dtype=np.float32)


class Steady(Clusterer):
    """One cluster."""

    name = "steady"

    def fit_predict(self, features: FloatArray, *, seed: int) -> IntArray:
        return np.zeros(len(features), dtype=np.int64)  # type: ignore[return-value]


class Shorter(Steady):
    """What its parent says, and a row less; then mended."""

    name = "shorter"

    def fit_predict(self, features: FloatArray, *, seed: int) -> IntArray:
        return np.append(super().fit_predict(features[1:], seed=seed), np.int32(0))


class Failing(Clusterer):
    """Raises what it is told to."""

    name = "failing"

    def __init__(self, error: BaseException) -> None:
        super().__init__(ClustererConfig())
        self.error = error

    def fit_predict(self, features: FloatArray, *, seed: int) -> IntArray:
        raise self.error


class Below(Failing):
    name = "below"

    def fit_predict(self, features: FloatArray, *, seed: int) -> IntArray:
        return super().fit_predict(features, seed=seed)


class Mixin:
    """Not a component."""

    def fit_predict(self, features: FloatArray, *, seed: int) -> IntArray:
        raise LookupError("mixed in")


class Mixed(Mixin, Clusterer):
    name = "mixed"


def blamed(component: Clusterer, kind: type[BaseException] = LookupError) -> str:
    with pytest.raises(kind) as caught:
        component.fit_predict(ROWS, seed=0)
    return str(culprit_of(caught.value))


def test_the_component_that_raises_is_named() -> None:
    assert blamed(Failing(LookupError())) == "the clusterer 'failing'"
    assert blamed(Below(LookupError())) == "the clusterer 'below'", "a parent's method is the child's"
    assert blamed(Mixed(ClustererConfig())) == "the clusterer 'mixed'"


def test_the_innermost_component_is_the_culprit() -> None:
    class Outer(Projection):
        name = "outer"

        def fit_transform(self, features: FloatArray, *, seed: int) -> FloatArray:
            Failing(LookupError()).fit_predict(features, seed=seed)
            return features

    with pytest.raises(LookupError) as caught:
        Outer(ClustererConfig()).fit_transform(ROWS, seed=0)
    assert str(culprit_of(caught.value)) == "the clusterer 'failing'"


def test_code_of_diffmines_own_that_a_component_calls_is_its_own() -> None:
    class Calls(Clusterer):
        name = "calls"

        def fit_predict(self, features: FloatArray, *, seed: int) -> IntArray:
            with own_work():
                raise LookupError("ours")

    assert blamed(Calls(ClustererConfig())) == "None"
    with pytest.raises(LookupError) as caught, blaming(Steady(ClustererConfig())):
        raise LookupError("found by diffmine, and theirs")
    assert str(culprit_of(caught.value)) == "the clusterer 'steady'"


def test_an_interrupt_passes_and_an_exit_does_not() -> None:
    assert blamed(Failing(KeyboardInterrupt()), KeyboardInterrupt) == "None"
    with pytest.raises(ContractError, match=r"sys\.exit\(0\)") as caught:
        Failing(SystemExit(0)).fit_predict(ROWS, seed=0)
    assert str(culprit_of(caught.value)) == "the clusterer 'failing'"


def test_what_a_component_hands_out_is_its_own() -> None:
    class Broken(Extraction):
        def extract(self, requests: object) -> list[FloatArray]:
            raise LookupError("deep below")

    class Extractor(FeatureExtractor):
        name = "extractor"

        def open(self, tools: object) -> Extraction:
            return Broken()

    class Delegating(Extractor):
        name = "delegating"

        def open(self, tools: object) -> Extraction:
            return Extractor(self.config).open(tools)

    for kind in (Extractor, Delegating):
        with pytest.raises(LookupError) as caught:
            kind(ClustererConfig()).open(None).extract([])
        assert str(culprit_of(caught.value)) == "the feature extractor 'extractor'"


@pytest.mark.parametrize("lazily", [False, True])
def test_iterators_are_attributed_while_they_run(lazily: bool) -> None:
    class Source(ImageSource):
        def scan(self) -> Iterator[Item]:
            return iter(map(self._item, range(3))) if lazily else self._items()

        def _items(self) -> Iterator[Item]:
            yield from map(self._item, range(3))

        def _item(self, number: int) -> Item:
            if number == 2:
                raise LookupError(number)
            return Item(f"{number}.png", ("a",))

        def read(self, path: str) -> bytes:
            return b""

    class Broken(Dataset):
        name = "broken"

        def open(self, prepared: Path) -> ImageSource:
            return Source()

    found = []
    with pytest.raises(LookupError) as caught:
        found.extend(item.path for item in Broken(DatasetConfig()).open(Path()).scan())
    assert str(culprit_of(caught.value)) == "the dataset 'broken'"

    def look(items: Iterator[Item]) -> None:
        for _ in items:
            raise RuntimeError("in the loop's body")

    with pytest.raises(RuntimeError) as caught_here:
        look(Broken(DatasetConfig()).open(Path()).scan())
    assert culprit_of(caught_here.value) is None


def test_results_are_held_against_the_interface_once_in_their_canonical_form() -> None:
    assert Steady(ClustererConfig()).fit_predict(ROWS, seed=0).dtype == np.int32
    assert Shorter(ClustererConfig()).fit_predict(ROWS, seed=0).shape == (4,)


@pytest.mark.parametrize("by_name", [False, True])
def test_what_is_lent_cannot_be_changed(by_name: bool) -> None:
    class Careless(Clusterer):
        name = "careless"

        def fit_predict(self, features: FloatArray, *, seed: int) -> IntArray:
            features -= features.mean(axis=0)
            return np.zeros(len(features), dtype=np.int32)

    mine, careless = ROWS.copy(), Careless(ClustererConfig())
    with pytest.raises(ValueError, match="read-only") as caught:
        careless.fit_predict(features=mine, seed=0) if by_name else careless.fit_predict(mine, seed=0)
    assert str(culprit_of(caught.value)) == "the clusterer 'careless'"
    assert np.array_equal(mine, ROWS)
    mine[0] = 7


def test_classes_stay_what_they_were() -> None:
    assert list(inspect.signature(Steady.fit_predict).parameters) == ["self", "features", "seed"]
    assert pickle.loads(pickle.dumps(Steady(ClustererConfig()).fit_predict))(ROWS, seed=0).tolist() == [0] * 4

    class Half(Clusterer):
        pass

    assert inspect.isabstract(Half)


def test_other_decorators_and_slots_do_not_hide_a_method() -> None:
    def twice(method: object) -> object:
        @functools.wraps(method)  # type: ignore[arg-type]
        def decorated(*arguments: object, **named: object) -> object:
            method(*arguments, **named)  # type: ignore[operator]
            raise LookupError("in the decorator")

        return decorated

    class Decorated(Steady):
        name = "decorated"
        fit_predict = twice(Steady.fit_predict)  # type: ignore[assignment]

    assert blamed(Decorated(ClustererConfig())) == "the clusterer 'decorated'"

    @dataclass(frozen=True, slots=True)
    class Slotted(Extraction):
        size: int

        def extract(self, requests: object) -> list[FloatArray]:
            return [np.ones((1, self.size), np.float32)] * 2

    class Extractor(FeatureExtractor):
        name = "slotted"

        def open(self, tools: object) -> Extraction:
            return Slotted(3)

    with pytest.raises(ContractError, match="extract returned 2 for 0 requests") as caught:
        Extractor(ClustererConfig()).open(None).extract([])
    assert str(culprit_of(caught.value)) == "the feature extractor 'slotted'"
