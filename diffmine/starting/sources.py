"""What kind of labelled pictures lie at a path, folders, a table or another tool's export; as a ``[dataset]``."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffmine.errors import DataError, RecipeError, reason

TABLES = (".csv", ".tsv", ".jsonl", ".parquet")
"""Files that list pictures, by the ends of their names."""
METADATA = ("metadata.jsonl", "metadata.csv", "metadata.parquet")
"""The tables of Hugging Face's imagefolder."""
SPLITS = {"train", "test", "val", "valid", "validation", "dev"}
IMAGE_COLUMNS = ("path", "file_name", "filename", "filepath", "file_path", "image_path", "image", "file")
LABEL_COLUMNS = ("group_name", "label", "labels", "class", "class_name", "category", "group")
"""How other tools name them, the first that a table has; ``path,group_name`` are VisDiff's."""


@dataclass(frozen=True, slots=True)
class Source:
    """Labelled pictures at a path.

    Attributes:
        what: they are, in words.
        dataset: the recipe's ``[dataset]``, with absolute paths.
    """

    what: str
    dataset: Mapping[str, Any]


def find_source(path: Path, *, image: str | None = None, label: str | None = None) -> Source:
    """Tell what lies at a path.

    Args:
        path: a folder, or a table that lists pictures.
        image: the table's column with the pictures' paths; None: the first of ``IMAGE_COLUMNS`` that it has.
        label: its column with the labels; None: the first of ``LABEL_COLUMNS``.
    Raises:
        RecipeError: nothing lies there, a column is missing, or it is of a kind that cannot be read.
        DataError: it is damaged.
    """
    path = path.resolve() if ".." in path.parts else path.absolute()
    if path.is_file():
        if path.suffix.lower() not in TABLES:
            raise RecipeError(f"{path}: no table of pictures; its name must end in {', '.join(TABLES)}")
        return _table(path, image, label)
    if not path.is_dir():
        raise RecipeError(f"{path} does not exist; name a folder of pictures, or a table that lists them")
    for kind in (_fiftyone, _saved, _image_folder):
        if (found := kind(path, image, label)) is not None:
            return found
    if image or label:
        raise RecipeError(f"--image and --label name columns of a table, and {path} has none")
    return _folders(path)


def is_source(path: Path) -> bool:
    """Whether a path is to be taken for pictures, not for a recipe: a folder, or a table."""
    return path.is_dir() or path.suffix.lower() in TABLES


def _folders(path: Path) -> Source:
    """A folder for each label, maybe within one for each split."""
    inner = {entry.name for entry in os.scandir(path) if entry.is_dir() and not entry.name.startswith(".")}
    nested = {"label_from": "last"} if inner and inner <= SPLITS else {}
    return Source("a folder for each label", {"use": "folder", "path": str(path), **nested})


def _table(path: Path, image: str | None, label: str | None) -> Source:
    """A table of paths and labels, such as VisDiff's."""
    columns, first = _opened(path)
    chosen = _column(path, columns, image, IMAGE_COLUMNS, "--image", "paths of the pictures")
    labels = _column(path, columns, label, LABEL_COLUMNS, "--label", "labels")
    root = _root(path, first.get(chosen, ""))
    index = path.relative_to(root) if path.is_relative_to(root) else path
    options = {"use": "table", "path": str(root), "index": str(index), "image": chosen, "label": labels}
    return Source(f"a table of {chosen} and {labels}", options)


def _image_folder(path: Path, image: str | None, label: str | None) -> Source | None:
    """Hugging Face's imagefolder with a table of labels; of several splits, the training pictures."""
    for folder in (path, path / "train"):
        for name in METADATA:
            if (folder / name).is_file():
                found = _table(folder / name, image, label)
                return Source(f"a Hugging Face imagefolder, {name} by {found.dataset['label']}", found.dataset)
    return None


def _fiftyone(path: Path, image: str | None, label: str | None) -> Source | None:
    """FiftyOne's export of image classifications: ``labels.json`` beside ``data/``."""
    file = path / "labels.json"
    if not (file.is_file() and (path / "data").is_dir()):
        return None
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        labels, classes = content["labels"], content.get("classes")
        first = next((one for one in labels.values() if one is not None), None)
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise DataError(f"{file} is no export of image classifications by FiftyOne: {reason(error)}") from None
    options = {"use": "table", "path": str(path), "index": file.name, "entries": "labels"}
    options |= {"image": "data/{key}.{suffix}", "label": "label" if isinstance(first, dict) else "value"}
    numbered = isinstance(first, int) or (isinstance(first, list) and first and isinstance(first[0], int))
    if classes and numbered:
        options["label_names"] = file.name
    return Source("a FiftyOne export of image classifications", options)


def _saved(path: Path, image: str | None, label: str | None) -> Source | None:
    """What ``save_to_disk`` of Hugging Face's datasets wrote; of several splits, the training pictures or the first."""
    what = "a dataset saved by Hugging Face's datasets"
    if (path / "dataset_dict.json").is_file():
        splits = sorted(entry.parent.name for entry in path.glob("*/state.json"))
        if not splits:
            raise DataError(f"{path} holds a dataset_dict.json and no splits; save the dataset again")
        path = path / ("train" if "train" in splits else splits[0])
        what += f", the split {path.name!r}"
    if not (path / "state.json").is_file():
        return None
    columns = {option: name for option, name in (("image", image), ("label", label)) if name}
    return Source(what, {"use": "arrow", "path": str(path), **columns})


def _opened(path: Path) -> tuple[Sequence[str], Mapping[str, Any]]:
    """The columns of a table, and its first row."""
    try:
        return READERS[path.suffix.lower()](path)
    except (OSError, ValueError, csv.Error, StopIteration) as error:
        raise DataError(f"{path} cannot be read as a table: {reason(error) or 'it has no rows'}") from None


def _delimited(delimiter: str) -> Callable[[Path], tuple[Sequence[str], Mapping[str, Any]]]:
    def read(path: Path) -> tuple[Sequence[str], Mapping[str, Any]]:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, delimiter=delimiter)
            return list(rows.fieldnames or ()), next(iter(rows), {})

    return read


def _json_lines(path: Path) -> tuple[Sequence[str], Mapping[str, Any]]:
    with path.open(encoding="utf-8-sig") as file:
        first = json.loads(next(line for line in file if line.strip()))
    if not isinstance(first, dict):
        raise ValueError("its lines are no objects")
    return list(first), first


def _parquet(path: Path) -> tuple[Sequence[str], Mapping[str, Any]]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        rows = next(file.iter_batches(batch_size=1)).to_pylist()
        return file.schema_arrow.names, rows[0] if rows else {}


READERS = {".csv": _delimited(","), ".tsv": _delimited("\t"), ".jsonl": _json_lines, ".parquet": _parquet}


def _column(
    path: Path, columns: Sequence[str], wanted: str | None, usual: Sequence[str], option: str, what: str
) -> str:
    named = {column.strip().casefold(): column for column in columns}
    found = wanted if wanted in columns else next((named[one] for one in usual if one in named), None)
    if found is None or (wanted and wanted != found):
        missing = f"no column {wanted!r}" if wanted else f"no column of the {what} that can be told"
        raise RecipeError(f"{path} has {missing}; name one with {option}: {', '.join(columns)}")
    return found


def _root(table: Path, first: str) -> Path:
    """The folder that the paths of a table begin in: the table's own, one above it, or the current one."""
    if os.path.isabs(first):
        return Path(os.path.commonpath([first, table.parent]))
    for folder in _candidates(table):
        if (folder / first).is_file():
            return folder
    raise DataError(
        f"{table}: its first picture, {first!r}, is neither beside the table nor below the current folder; "
        "start where its paths begin"
    )


def _candidates(table: Path) -> Iterator[Path]:
    yield table.parent
    yield Path.cwd()
    yield from table.parent.parents
