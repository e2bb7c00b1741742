"""An opened table: its rows as items, its boxes and masks."""

from __future__ import annotations

import os
import warnings
from array import array
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

import numpy as np

from diffmine.builtin.datasets.mask_files import find_mask, read_mask
from diffmine.builtin.datasets.table_boxes import BoxesOf, beyond, fill_boxes, read_boxes
from diffmine.builtin.datasets.table_config import TableConfig
from diffmine.builtin.datasets.table_index import open_index
from diffmine.builtin.datasets.table_labels import LabelRule, read_label_names
from diffmine.builtin.datasets.table_named import read_named
from diffmine.builtin.datasets.table_paths import Expansion, Template, inside
from diffmine.builtin.datasets.table_rows import LIST_SEPARATOR, Row
from diffmine.errors import DiffmineWarning, RecipeError
from diffmine.interfaces import ImageSource
from diffmine.pictures.decoding import stored_size
from diffmine.types import BoolArray, ImageRecord, Item


class TableSource(ImageSource):
    """See :class:`diffmine.builtin.datasets.table.Table`.

    Raises:
        RecipeError: a file or a column is missing.
    """

    def __init__(self, config: TableConfig) -> None:
        self._config, self._root = config, config.path
        self._index = open_index(self._root / config.index, "index", config.columns, config.delimiter, config.entries)
        self._image = Template(config.image)
        self._masks = Template(config.masks) if config.masks else None
        self._labels = LabelRule(config.separator, self._label_names(), config.label_pattern, config.bin)
        self._excluded = read_named(self._root / config.exclude, "exclude") if config.exclude else None
        self._only = read_named(self._root / config.only, "only") if config.only else None
        self._cut: dict[str, int] = {}
        """Pictures whose boxes reach beyond them -> how many of the boxes do."""
        self._check_columns()

    def scan(self) -> Iterator[Item]:
        """Rows of one picture become one item; only such pictures are held in memory."""
        repeated = self._repeated_paths()
        merged: dict[str, Item] = {}
        unmatched = 0
        for item in self._items():
            if item is None:
                unmatched += 1
            elif hash(item.path) in repeated:
                merged[item.path] = _united(merged.get(item.path, item), item)
            else:
                yield item
        yield from merged.values()
        if unmatched:
            text = f"{unmatched} rows of {self._index.path} have no picture that fits {self._image.text}"
            warnings.warn(text, DiffmineWarning, stacklevel=2)

    def read(self, path: str) -> bytes:
        return (self._root / path).read_bytes()

    def masks(self, record: ImageRecord) -> Mapping[str, BoolArray]:
        """From the mask files, and from the boxes of labels that have no mask file."""
        masks = dict(self.boxes(record))
        if self._masks is not None:
            # The record's labels and columns may have been shuffled; the table's own belong to the picture.
            for label, file in self._mask_files(self._by_path[record.path]):
                found = find_mask(self._root, file)
                if found is not None:
                    masks[label] = read_mask(found)
        return masks

    def boxes(self, record: ImageRecord) -> Mapping[str, BoolArray]:
        """From the table of boxes; what lies beyond the picture is cut off, with a warning."""
        of_labels = self._boxes.get(record.path)
        if of_labels is None or self._config.boxes is None:
            return {}
        width, height = stored_size(self._root / record.path)
        size = self._config.boxes.original_size
        cut = sum(beyond(boxes, width, height, size) for boxes in of_labels.values())
        if cut and record.path not in self._cut:
            self._cut[record.path] = cut
            self._warn_of_cut(record.path, f"{width} x {height}")
        masks = {label: fill_boxes(boxes, width, height, size) for label, boxes in of_labels.items()}
        return {label: mask for label, mask in masks.items() if mask.any()}

    def _warn_of_cut(self, path: str, size: str) -> None:
        """Warn at the first picture whose boxes are cut, the tenth, the hundredth: masks are asked for one by one."""
        count = len(self._cut)
        if count == 10 ** (len(str(count)) - 1):
            boxes = sum(self._cut.values())
            text = (
                f"{boxes} boxes of {self._root / str(self._config.boxes and self._config.boxes.index)} reach beyond "
                f"their pictures, so far in {count}, such as {path} ({size} pixels); they are cut off there; "
                "look at [dataset.boxes] format and original_size"
            )
            warnings.warn(text, DiffmineWarning, stacklevel=3)

    def index_files(self) -> Iterator[Path]:
        """The index and the further files that the options name."""
        boxes = self._config.boxes.index if self._config.boxes else None
        for name in (self._config.index, self._config.exclude, self._config.only, self._config.label_names, boxes):
            if name is not None:
                yield self._root / name

    def listed_files(self) -> Iterator[tuple[str, os.stat_result | None]]:
        """Every picture and mask that the table lists, and its status; None: it does not exist."""
        for item in self._items():
            if item is not None:
                yield item.path, _status(self._root / item.path)
                for _, file in self._mask_files(item):
                    yield file, _status(self._root / file)

    def _items(self) -> Iterator[Item | None]:
        """Pictures row by row, possibly several times; None for a row without any."""
        free = [name for name in self._image.names if name not in self._index.columns]
        expansion = Expansion(self._root, self._image, free, self._config.values)
        needed = [name for name in self._image.names if name not in free]
        for place, row in self._rows():
            labels = self._labels.labels(row.get(self._config.label, ""), place)
            if not labels or not all(row.get(name) for name in needed):
                continue
            count = 0
            for path, chosen in expansion.expand(row):
                count += 1
                cells = {**row, **chosen}
                path = inside(self._root, path, place)
                if self._is_wanted(path, cells):
                    yield Item(path, labels, self._kept(cells))
            if not count:
                yield None

    def _is_wanted(self, path: str, cells: Row) -> bool:
        if self._only is not None and not self._only.holds(path, self._image, cells):
            return False
        return self._excluded is None or not self._excluded.holds(path, self._image, cells)

    def _rows(self) -> Iterator[tuple[str, Row]]:
        filters = {column: set(values) for column, values in self._config.filters.items()}
        for place, row in self._index.rows():
            if all(row.get(column, "") in values for column, values in filters.items()):
                yield place, row

    def _repeated_paths(self) -> set[int]:
        """Hashes of the paths that come more than once: eight bytes a picture instead of its path."""
        hashes = array("q", (hash(item.path) for item in self._items() if item is not None))
        ordered = np.sort(np.frombuffer(hashes, dtype=np.int64))
        return set(ordered[1:][ordered[1:] == ordered[:-1]].tolist())

    def _kept(self, cells: Row) -> dict[str, str]:
        keep = self._config.keep_columns
        names = cells if keep is None else {*keep, *(self._masks.names if self._masks else ())}
        return {name: cells[name].replace(LIST_SEPARATOR, ", ") for name in names if cells.get(name)}

    def _mask_files(self, item: Item) -> Iterator[tuple[str, str]]:
        """Label and relative path of each mask that the template promises."""
        if self._masks is not None:
            for label in item.labels:
                cells = {**item.columns, "label": label}
                if all(name in cells for name in self._masks.names):
                    yield label, inside(self._root, self._masks.fill(cells), item.path)

    @cached_property
    def _by_path(self) -> dict[str, Item]:
        return {item.path: item for item in self.scan()}

    def _label_names(self) -> dict[str, str] | None:
        name = self._config.label_names
        return read_label_names(self._root / name) if name else None

    @cached_property
    def _boxes(self) -> BoxesOf:
        return read_boxes(self._root, self._config.boxes, self._config.image) if self._config.boxes else {}

    def _check_columns(self) -> None:
        config, columns = self._config, self._index.columns
        self._index.require(config.label, "label")
        if not any(name in columns for name in self._image.names):
            self._index.require(self._image.names[0], "image")
        for name in config.filters:
            self._index.require(name, "filters")
        for name in config.keep_columns or ():
            self._index.require(name, "keep_columns")
        for name in config.values:
            if name in columns:
                raise RecipeError(f"[dataset] values.{name}: {name!r} is a column of {self._index.path}; remove values")
        if self._masks is not None:
            known = (*columns, *self._image.names, "label")
            for name in self._masks.names:
                if name not in known:
                    self._index.require(name, "masks")
        _ = self._boxes


def _united(first: Item, further: Item) -> Item:
    labels = tuple(dict.fromkeys((*first.labels, *further.labels)))
    return Item(first.path, labels, first.columns)


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None
