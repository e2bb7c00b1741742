"""Masks are read of training pictures alone, by those alone who say so, and where they change it is learned anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from pydantic import Field

from diffmine import hookimpl
from diffmine.engine.pipeline import Options, Pipeline
from diffmine.errors import DiffmineError
from diffmine.interfaces import ComponentConfig, ModelTools, Progress, Scoring, TrainingSet, TypicalityScorer
from diffmine.interfaces.progress import nobody
from diffmine.plugins.manager import Source, load_plugins
from diffmine.plugins.registry import Registry
from diffmine.recipes.reading import load_recipe
from diffmine.recipes.resolving import resolve
from diffmine.runs.run import Run
from diffmine.testing.tiny_recipe import write_tiny_recipe
from diffmine.testing.toy_pictures import toy_masks
from diffmine.types import Picture, TypicalityMap

MASKS = "masks.npz"


class Shown(TypicalityScorer):
    """Keeps the masks of the pictures that it reads; its maps are the share of the element in those."""

    name = "shown"
    needs_model = False

    class Config(ComponentConfig):
        says_so: bool = Field(True, description="whether it says that it needs masks")
        of: str = Field("train", description="the split whose masks it reads; none: it reads none")

    config: Config

    @property
    def needs_masks(self) -> bool:
        return self.config.says_so

    def fit(self, data: TrainingSet, tools: ModelTools, *, folder: Path, progress: Progress) -> None:
        records = {"train": data.train, "heldout": data.heldout, "none": ()}[self.config.of]
        np.savez(folder / MASKS, **{one.image_id: data.masks(one)[one.labels[0]] for one in records})

    def open(self, tools: ModelTools) -> Scoring:
        assert tools.fitted is not None
        with np.load(tools.fitted / MASKS) as masks:
            return Constant(float(np.mean([masks[name].mean() for name in masks] or [0])))


class Constant(Scoring):
    stride = 1

    def __init__(self, value: float) -> None:
        self.value = value

    def score(
        self, pictures: Sequence[Picture], labels: Sequence[Sequence[str]], progress: Progress
    ) -> list[list[TypicalityMap]]:
        return [
            [
                TypicalityMap(one.record.image_id, label, np.full(one.pixels.shape[:2], self.value, np.float32))
                for label in wanted
            ]
            for one, wanted in zip(pictures, labels, strict=True)
        ]


PLUGIN = SimpleNamespace(
    diffmine_register_typicality_scorers=hookimpl(specname="diffmine_register_typicality_scorers")(lambda: [Shown])
)


Runner = Callable[..., Run]


@pytest.fixture(scope="module")
def mined() -> Runner:
    """Runs a recipe as far as its maps."""
    manager = load_plugins(frozenset())
    manager.register(PLUGIN, "masked", Source("diffmine-masked", "1.0"))
    registry = Registry(manager)

    def mined(recipe: Path, *settings: str) -> Run:
        common = ("scorer.use=shown", "features.use=pixels", "dataset.image_size=24")
        resolved = resolve(load_recipe(recipe, [*common, *settings]), registry)
        options = Options(recipe.parent / "run", recipe.parent / "store", device="cpu", until="typicality")
        return Pipeline(resolved, options, manager, registry, nobody).run()

    return mined


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return write_tiny_recipe(tmp_path, per_label=8)


def test_masks_of_what_is_learned_from_are_at_the_pipelines_size(mined: Runner, recipe: Path) -> None:
    run = mined(recipe)
    learned = {name for name, record in run.records.items() if record.split == "train"}
    with np.load(run.artifact("typicality") / "fitted" / MASKS) as masks:
        assert set(masks) == learned
        for name in masks:
            assert masks[name].shape == (24, 24)
            assert np.array_equal(masks[name], run.masks(name)[run.records[name].labels[0]])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("scorer.of=heldout",), "which it is not to learn from; masks of the records in data.train alone may be read"),
        (("scorer.says_so=false",), "has not said that it needs any; set needs_masks = True"),
    ],
)
def test_masks_of_others_and_masks_unsaid_are_refused(
    mined: Runner, recipe: Path, options: tuple[str, ...], said: str
) -> None:
    with pytest.raises(DiffmineError, match=said) as caught:
        mined(recipe, *options)
    assert "diffmine-masked" in str(caught.value)


def test_where_masks_change_only_who_learned_from_them_learns_anew(mined: Runner, recipe: Path) -> None:
    without = ("scorer.says_so=false", "scorer.of=none")
    for options in ((), without):
        mined(recipe, *options)
    for path in toy_masks(recipe.parent / "pictures").rglob("*.png"):
        Image.new("1", (32, 32), 1).save(path)
    assert mined(recipe, *without).info["stages"]["typicality"]["reused"]
    run = mined(recipe)
    assert not run.info["stages"]["typicality"]["reused"]
    name = next(iter(run.records))
    assert run.typicality(name, run.records[name].labels[0])[0].max() == 1
