from __future__ import annotations

import os
import pwd
import shutil
import tempfile
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diffmine.builtin.datasets.folder import Folder
from diffmine.errors import DataError, DiffmineWarning, RecipeError
from diffmine.interfaces import Dataset, ImageSource
from diffmine.testing.contracts.datasets import DatasetContract, record_of
from diffmine.testing.toy_pictures import toy_masks, write_toy_folder


def folder(path: Path, **options: object) -> Folder:
    return Folder(Folder.Config.model_validate({"path": path, **options}))


def opened(path: Path, **options: object) -> ImageSource:
    return folder(path, **options).open(path)


def listing(path: Path, **options: object) -> dict[str, str]:
    return {item.path: item.labels[0] for item in opened(path, **options).scan()}


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


class TestFolder(DatasetContract):
    has_masks = True
    unusable = frozenset({"a/empty.jpg", "b/broken link.png"})

    @pytest.fixture
    def dataset(self, tmp_path: Path) -> Dataset:
        root = write_toy_folder(tmp_path / "toy", per_label=4)
        touch(root / "a" / "empty.jpg")
        (root / "b" / "broken link.png").symlink_to("nowhere.png")
        return folder(root, masks=toy_masks(root))


@pytest.mark.parametrize(("label_from", "label"), [("first", "a"), ("last", "2024"), ("path", "a/sub/2024")])
def test_the_label_of_a_nested_picture(tmp_path: Path, label_from: str, label: str) -> None:
    touch(tmp_path / "a" / "sub" / "2024" / "x.jpg")
    assert listing(tmp_path, label_from=label_from) == {"a/sub/2024/x.jpg": label}


def test_hidden_and_other_files_are_passed_over(tmp_path: Path) -> None:
    touch(*(tmp_path / "a" / name for name in ("x.JPG", "._x.jpg", "Thumbs.db", "labels.csv", "y.tiff", ".git/z.png")))
    touch(tmp_path / ".cache" / "x.png")
    assert set(listing(tmp_path)) == {"a/x.JPG", "a/y.tiff"}


def test_equal_names_in_different_folders_are_different_pictures(tmp_path: Path) -> None:
    touch(tmp_path / "a" / "1.png", tmp_path / "b" / "1.png")
    assert listing(tmp_path) == {"a/1.png": "a", "b/1.png": "b"}


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    touch(tmp_path / "real" / "x.png")
    root = tmp_path / "root"
    touch(root / "a" / "y.png")
    (root / "linked").symlink_to(tmp_path / "real")
    (root / "a" / "up").symlink_to(root)
    (root / "a" / "itself").symlink_to("itself")
    (root / "a" / "here").symlink_to(".")
    assert listing(root) == {"a/y.png": "a", "linked/x.png": "linked"}


def test_pictures_without_a_label_are_told_of(tmp_path: Path) -> None:
    touch(tmp_path / "stray.png", tmp_path / "a" / "x.png")
    with pytest.warns(DiffmineWarning, match="1 pictures lie in .* have no label"):
        assert set(listing(tmp_path)) == {"a/x.png"}


def test_a_name_that_is_no_text_is_told_of(tmp_path: Path) -> None:
    touch(tmp_path / "a" / "x.png")
    with open(os.fsencode(tmp_path / "a") + b"/\xff.png", "wb"):
        pass
    with pytest.warns(DiffmineWarning, match=r"xff\.png was left out"):
        assert set(listing(tmp_path)) == {"a/x.png"}


def test_listing_needs_no_memory_for_the_files_listed(tmp_path: Path) -> None:
    def peak(files: int) -> int:
        root = tmp_path / str(files)
        for number in range(files):
            touch(root / f"label{number % 3}" / f"{number}.png")
        source = opened(root)
        tracemalloc.start()
        assert sum(1 for _ in source.scan()) == files
        folder(root).fingerprint()
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(5_000) < peak(200) + 50_000


def test_the_fingerprint_follows_what_is_listed_and_nothing_else(tmp_path: Path) -> None:
    root = write_toy_folder(tmp_path / "toy", per_label=3)
    before = folder(root).fingerprint()
    moved = shutil.copytree(root, tmp_path / "elsewhere")  # keeps sizes and times, not the order of the listing
    touch(moved / ".hidden.png", moved / "a" / "notes.txt")
    assert folder(moved).fingerprint() == before
    (moved / "a" / "0.png").rename(moved / "b" / "9.png")
    changed = folder(moved).fingerprint()
    assert changed != before
    os.utime(moved / "b" / "9.png", ns=(1, 1))
    assert folder(moved).fingerprint() not in {before, changed}
    assert folder(root, masks=toy_masks(root)).fingerprint() != before


def test_masks_say_present_absent_or_unknown(tmp_path: Path) -> None:
    root = write_toy_folder(tmp_path / "toy", per_label=4, labels=("a",))
    (toy_masks(root) / "a" / "1.png").unlink()
    source = opened(root, masks=toy_masks(root))
    items = {item.path: item for item in source.scan()}
    found = {path: source.masks(record_of(item, source)) for path, item in items.items()}
    assert found["a/0.png"]["a"].any()
    assert not found["a/3.png"]["a"].any()
    assert found["a/1.png"] == {}


def test_masks_of_every_mode_mark_what_is_not_black(tmp_path: Path) -> None:
    marked = np.zeros((10, 12), dtype=np.uint8)
    marked[2:5, 3:9] = 1
    rgba = np.dstack([marked * 0 + 255] * 3 + [marked * 255])  # white everywhere, opaque on the element only
    palette = Image.fromarray(marked, "P")
    palette.putpalette([9, 9, 9, 200, 0, 0])
    modes = {
        "1": Image.fromarray(marked.astype(bool)),
        "L": Image.fromarray(marked),
        "16": Image.fromarray(marked.astype(np.uint16) * 300),
        "rgb": Image.fromarray(np.dstack([marked * 0, marked * 7, marked * 0])),
        "rgba": Image.fromarray(rgba),
        "p": palette,
    }
    for name, image in modes.items():
        for root in (tmp_path / "pictures", tmp_path / "masks"):
            (root / "a").mkdir(parents=True, exist_ok=True)
            image.save(root / "a" / f"{name}.png")
    source = opened(tmp_path / "pictures", masks=tmp_path / "masks")
    for item in source.scan():
        assert np.array_equal(source.masks(record_of(item, source))["a"], marked.astype(bool)), item.path


def test_a_damaged_mask_is_named(tmp_path: Path) -> None:
    root = write_toy_folder(tmp_path / "toy", per_label=1, labels=("a",))
    (toy_masks(root) / "a" / "0.png").write_bytes(b"no picture")
    source = opened(root, masks=toy_masks(root))
    (item,) = source.scan()
    with pytest.raises(DataError, match=r"the mask .*0\.png cannot be read"):
        source.masks(record_of(item, source))


@pytest.mark.parametrize("option", ["path", "masks"])
def test_a_missing_folder_is_named(tmp_path: Path, option: str) -> None:
    options = {"path": tmp_path, "masks": tmp_path, option: tmp_path / "nowhere"}
    for act in (lambda: folder(**options).fingerprint(), lambda: opened(**options)):
        with pytest.raises(RecipeError, match=rf"\[dataset\] {option}: .*nowhere does not exist"):
            act()


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    touch(tmp_path / "x.png")
    with pytest.raises(RecipeError, match=r"x\.png is a file, not a folder"):
        opened(tmp_path / "x.png")


def test_a_folder_that_cannot_be_listed_stops_the_run(open_folder: Path) -> None:
    locked = open_folder / "a"
    touch(locked / "x.png")
    locked.chmod(0)
    try:
        with as_nobody(), pytest.raises(DataError, match="cannot be listed: Permission denied"):
            listing(open_folder)
    finally:
        locked.chmod(0o700)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everyone may list; pytest's own are for their owner alone."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may list everything, and steps down for a moment."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(pwd.getpwnam("nobody").pw_uid)
    try:
        yield
    finally:
        os.seteuid(user)
