"""Tables of pictures, and what the dataset ``table`` makes of them."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from diffmine.builtin.datasets.table import Table
from diffmine.testing.toy_pictures import toy_picture
from diffmine.types import Item


def write(path: Path, text: str) -> Path:
    """Write a file in UTF-8, and its folder with it; gives the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path.parent


def pictures(root: Path, *paths: str) -> None:
    """Write a toy picture, 16 px, at each path."""
    for number, path in enumerate(paths):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(toy_picture(0, 1, 16, 0, number)[0]).save(root / path)


def table(root: Path, **options: object) -> Table:
    """The dataset over ``index.csv``, whose columns are ``file`` and ``label``, or as the options say."""
    defaults = {"path": root, "index": "index.csv", "image": "file", "label": "label"}
    return Table(Table.Config.model_validate(defaults | options))


def scanned(root: Path, **options: object) -> list[Item]:
    """The items that it lists."""
    return list(table(root, **options).open(root).scan())


def labels(root: Path, **options: object) -> dict[str, tuple[str, ...]]:
    """Path -> labels, of every item."""
    return {item.path: item.labels for item in scanned(root, **options)}
