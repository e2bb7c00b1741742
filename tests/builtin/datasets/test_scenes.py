from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from diffmine.builtin.datasets.scene_drawing import DISTRACTORS, ELEMENTS, MIN_CONTRAST, Scene, lay
from diffmine.builtin.datasets.scene_shapes import SHAPES
from diffmine.builtin.datasets.scenes import Scenes
from diffmine.interfaces import Dataset, Progress
from diffmine.pictures.decoding import open_upright
from diffmine.testing.contracts.datasets import DatasetContract
from diffmine.types import ImageRecord

BLACK, WHITE = (0, 0, 0), (255, 255, 255)


def prepared(folder: Path, seed: int = 5, **options: object) -> Scenes:
    dataset = Scenes(Scenes.Config(**options))
    folder.mkdir(exist_ok=True)
    dataset.prepare(folder, seed=seed, progress=Progress())
    return dataset


def contents(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def record(path: str, labels: tuple[str, ...]) -> ImageRecord:
    return ImageRecord("0" * 20, path, labels, 32, 32, "0" * 64, "train")


def recoloured(scene: Scene, element: int) -> Scene:
    """The element on a bench of its own, everything else black; a white thing's darkest part is still grey."""
    things = [replace(one, colour=WHITE if one.element == element else BLACK) for one in scene.things]
    return Scene([BLACK], scene.upright, things)


@pytest.mark.parametrize("trade", ELEMENTS)
def test_the_mask_is_what_the_element_paints(trade: str) -> None:
    scenes = (lay(1, trade, index, 1.0) for index in range(20))
    scene = next(one for one in scenes if {1, 2} <= {thing.element for thing in one.things})
    found = scene.elements(64)
    for element in (1, 2):
        share = recoloured(scene, element).render(64).max(axis=2) / 255.0
        assert not share[found == 3 - element].max() > 0.5, "the other element is not painted"
        assert (share[found == element] > 0).all(), "nothing is marked that the element does not paint"
        assert (found[share > 0.5] == element).all(), "everything is marked that the element paints at least half of"


def test_nothing_covers_anything() -> None:
    for index in range(30):
        things = lay(2, "Painter", index, 0.8).things
        assert not any(one.overlaps(other) for one in things for other in things if one is not other)
        assert all(one.radius <= place <= 1 - one.radius for one in things for place in (one.x, one.y))


def test_a_drawing_depends_on_its_own_key_alone() -> None:
    one = lay(7, "Tailor", 3, 0.8)
    lay(7, "Angler", 3, 0.8)
    assert lay(7, "Tailor", 3, 0.8) == one
    assert lay(8, "Tailor", 3, 0.8) != one
    assert lay(7, "Tailor", 4, 0.8) != one


def test_drawings_are_equal_on_every_machine() -> None:
    drawn = lay(1, "Locksmith", 1, 0.8)
    digest = hashlib.sha256(drawn.render(96).tobytes() + drawn.elements(96).tobytes()).hexdigest()
    assert digest == "25fd72f5766e894157914add3ce2d4e1c3da8d76ab29aecb12f44ada4deee2fa"


def test_elements_are_as_frequent_as_asked_and_lie_anywhere() -> None:
    scenes = [lay(5, "Carpenter", index, 0.7) for index in range(200)]
    shown = [[one for one in scene.things if one.element] for scene in scenes]
    assert 0.6 < np.mean([bool(one) for one in shown]) < 0.8
    assert 0.4 < np.mean([len(one) == 2 for one in shown if one]) < 0.6
    places = np.array([(one.x, one.y) for here in shown for one in here])
    quarters = (places > 0.5) @ [1, 2]
    assert (np.bincount(quarters, minlength=4) > 30).all()


def test_no_colour_and_no_distractor_tells_a_trade() -> None:
    assert not {name for pair in ELEMENTS.values() for name in pair} & set(DISTRACTORS)
    assert {*DISTRACTORS, *(name for pair in ELEMENTS.values() for name in pair)} == set(SHAPES)
    for trade in ELEMENTS:
        things = [one for index in range(150) for one in lay(3, trade, index, 1.0).things]
        assert len({one.colour for one in things if one.element}) == 10
        assert {one.name for one in things if not one.element} == set(DISTRACTORS)


def test_a_thing_stands_out_from_its_bench() -> None:
    for index in range(20):
        scene = lay(4, "Gardener", index, 1.0)
        picture, bare = scene.render(96).astype(int), Scene(scene.boards, scene.upright, ()).render(96)
        seen = scene.elements(96) > 0
        assert np.abs(picture - bare).sum(axis=2)[seen].mean() > MIN_CONTRAST / 2


def test_masks_and_boxes_are_of_the_elements_alone(tmp_path: Path) -> None:
    source = prepared(tmp_path / "p", per_label=8, size=48).open(tmp_path / "p")
    items = list(source.scan())
    assert len(items) == 48
    assert len({hashlib.sha256(source.read(item.path)).digest() for item in items}) == 48
    with_element = 0
    for item in items:
        one = record(item.path, item.labels)
        (mask,) = source.masks(one).values()
        boxes = source.boxes(one)
        assert open_upright(source.read(item.path)).size == mask.shape == (48, 48)
        if mask.any():
            with_element += 1
            assert (boxes[item.labels[0]] >= mask).all()
            assert boxes[item.labels[0]].mean() < 0.5
        else:
            assert boxes == {}
    assert 0.6 * 48 < with_element < 48


def test_interrupted_drawing_goes_on_to_the_same_files(tmp_path: Path) -> None:
    class Interrupted(Progress):
        def advance(self, amount: int = 1) -> None:
            raise KeyboardInterrupt

    folder = tmp_path / "interrupted"
    folder.mkdir()
    with pytest.raises(KeyboardInterrupt):
        Scenes(Scenes.Config(per_label=3, size=32)).prepare(folder, seed=5, progress=Interrupted())
    done = {path: path.stat().st_mtime_ns for path in folder.rglob("*.png")}
    assert len(done) == 2
    prepared(folder, per_label=3, size=32)
    prepared(tmp_path / "whole", per_label=3, size=32)
    assert {path: path.stat().st_mtime_ns for path in done} == done
    assert contents(folder) == contents(tmp_path / "whole")


def test_an_unknown_trade_is_refused() -> None:
    with pytest.raises(ValueError, match="no trade 'Paris'; the trades are Angler, Carpenter"):
        Scenes.Config(labels=("Paris",))


FEW = Scenes(Scenes.Config(per_label=4, size=32, labels=("Angler", "Tailor")))


@pytest.fixture(scope="module")
def few_drawings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes")
    FEW.prepare(folder, seed=1, progress=Progress())
    return folder


class TestScenes(DatasetContract):
    has_masks = True

    @pytest.fixture
    def dataset(self) -> Dataset:
        return FEW

    @pytest.fixture
    def prepared(self, few_drawings: Path) -> Path:
        return few_drawings
