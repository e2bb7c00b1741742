from __future__ import annotations

import hashlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from diffmine.builtin.datasets import avatar_drawing
from diffmine.builtin.datasets.avatar_drawing import ELEMENTS, draw
from diffmine.builtin.datasets.avatars import Avatars
from diffmine.errors import DataError
from diffmine.interfaces import Dataset, Progress
from diffmine.pictures.decoding import open_upright
from diffmine.testing.contracts.datasets import DatasetContract
from diffmine.types import ImageRecord

pytest.importorskip("dicebear")

PREPARE = """
import sys
from pathlib import Path
from diffmine.builtin.datasets.avatars import Avatars
from diffmine.interfaces import Dataset, Progress
Avatars(Avatars.Config(per_label=16, size=32)).prepare(Path(sys.argv[1]), seed=5, progress=Progress())
"""


def prepared(folder: Path, seed: int = 5, **options: object) -> Avatars:
    dataset = Avatars(Avatars.Config(**options))
    folder.mkdir(exist_ok=True)
    dataset.prepare(folder, seed=seed, progress=Progress())
    return dataset


def contents(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def record(path: str, labels: tuple[str, ...]) -> ImageRecord:
    return ImageRecord("0" * 20, path, labels, 32, 32, "0" * 64, "train")


@pytest.mark.parametrize("town", ELEMENTS)
def test_the_mask_is_where_the_element_alone_changes_the_picture(town: str) -> None:
    """In the drawing's text the element's group is emptied: where its paint was, something else shows."""
    element = ELEMENTS[town]
    pixels, mask = draw(1, town, 0, 48, 1.0)
    assert mask is not None
    assert 0.01 < mask.mean() < 0.25
    worn = next(
        face
        for attempt in range(20)
        for face in [avatar_drawing.plain_face(1, town, 0, attempt).wearing(element.part, element.variant)]
        if np.array_equal(face.render(48), pixels)
    )
    group = rf'(<g id="{element.part}-{element.variant}-[^"]*">).*?(</g>)'
    bare, found = re.subn(group, r"\1\2", worn.svg(), flags=re.DOTALL)
    assert found == 1
    without = avatar_drawing._render(bare, 48, worn.background).astype(int)
    changed = np.abs(pixels - without).max(axis=2)
    assert not changed[worn.paint_of(element, 48) == 0].any(), "no paint, no change"
    assert (changed[mask] > 0).mean() > 0.95


@pytest.mark.parametrize("town", ["Hatfield", "Turbana", "Patchway"])
def test_what_an_element_hides_is_not_its_mask(town: str) -> None:
    """Each is drawn at one place, over whatever hair or glasses: all masks agree, but where glasses cover a brim."""
    masks = np.stack([mask for index in range(12) if (mask := draw(1, town, index, 64, 1.0)[1]) is not None])
    assert (masks.any(axis=0) & ~masks.all(axis=0)).sum() <= 0.1 * masks.any(axis=0).sum()


def test_a_drawing_depends_on_its_own_key_alone() -> None:
    one, mask = draw(7, "Hatfield", 3, 32, 0.8)
    draw(7, "Turbana", 3, 32, 0.8)
    again, mask_again = draw(7, "Hatfield", 3, 32, 0.8)
    assert np.array_equal(one, again)
    assert np.array_equal(mask, mask_again)
    for other in (draw(8, "Hatfield", 3, 32, 0.8), draw(7, "Hatfield", 4, 32, 0.8)):
        assert not np.array_equal(one, other[0])


def test_elements_are_as_frequent_as_asked_and_distractors_common_to_all() -> None:
    has_element = [draw(5, "Overton", index, 16, 0.7)[1] is not None for index in range(60)]
    assert 0.55 < np.mean(has_element) < 0.85
    worn = [
        avatar_drawing.plain_face(5, town, index, 0).options[f"{part}Probability"]
        for town in ELEMENTS
        for index in range(40)
        for part in avatar_drawing.DISTRACTORS
    ]
    assert 0.18 < np.mean(worn) / 100 < 0.32


def test_pictures_are_listed_distinct_and_masked(tmp_path: Path) -> None:
    source = prepared(tmp_path / "p", per_label=6, size=32).open(tmp_path / "p")
    items = list(source.scan())
    assert len(items) == 36
    assert len({hashlib.sha256(source.read(item.path)).digest() for item in items}) == 36
    for item in items:
        image = open_upright(source.read(item.path))
        (mask,) = source.masks(record(item.path, item.labels)).values()
        assert image.size == (32, 32)
        assert mask.shape == (32, 32)
        assert mask.dtype == bool


def test_killed_drawing_goes_on_to_the_same_files(tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    folder.mkdir()
    process = subprocess.Popen([sys.executable, "-c", PREPARE, str(folder)], start_new_session=True)
    while sum(1 for _ in folder.glob("*/*.png")) < 8 and process.poll() is None:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    done = {path: path.stat().st_mtime_ns for path in folder.glob("[A-Z]*/*.png")}
    assert 0 < len(done) < 96
    prepared(folder, per_label=16, size=32)
    prepared(tmp_path / "whole", per_label=16, size=32)
    prepared(tmp_path / "part", per_label=2, size=32, labels=("Turbana",))
    assert {path: path.stat().st_mtime_ns for path in done} == done
    assert contents(folder) == contents(tmp_path / "whole")
    assert contents(tmp_path / "part").items() <= contents(folder).items(), "a drawing depends on its own key alone"


def test_a_failing_worker_is_reported_with_its_cause(tmp_path: Path) -> None:
    folder = tmp_path / "p"
    (folder / "Hatfield" / "00000.draft").mkdir(parents=True)
    with pytest.raises(DataError, match=r"drawing the avatars failed \(exit code 1\): IsADirectoryError"):
        prepared(folder, per_label=1, size=16, labels=("Hatfield",))


def test_a_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diffmine.builtin.datasets.avatars.PACKAGES", ("no-such-package-diffmine",))
    with pytest.raises(DataError, match=r"no-such-package-diffmine.*pip install 'diffmine\[demo\]'"):
        Avatars(Avatars.Config()).fingerprint()


def test_an_unknown_town_is_refused() -> None:
    with pytest.raises(ValueError, match="no town 'Paris'; the towns are Beardstown, Glassboro"):
        Avatars.Config(labels=("Paris",))


FEW = Avatars(Avatars.Config(per_label=3, size=32, labels=("Glassboro", "Overton")))


@pytest.fixture(scope="module")
def few_drawings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("avatars")
    FEW.prepare(folder, seed=1, progress=Progress())
    return folder


class TestAvatars(DatasetContract):
    has_masks = True

    @pytest.fixture
    def dataset(self) -> Dataset:
        return FEW

    @pytest.fixture
    def prepared(self, few_drawings: Path) -> Path:
        return few_drawings
