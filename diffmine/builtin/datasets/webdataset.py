"""Dataset ``webdataset``: pictures and labels in tar files."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import partial, reduce
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any, BinaryIO

from pydantic import Field

from diffmine.builtin.datasets.listing import SUFFIXES, listing_digest, require_folder
from diffmine.builtin.datasets.mask_files import decode_mask
from diffmine.builtin.datasets.table_labels import LabelRule, read_label_names
from diffmine.builtin.datasets.table_rows import cell, parse_json
from diffmine.builtin.datasets.tar_shards import Directory, Sample, samples, split_name
from diffmine.errors import DataError, DiffmineWarning, RecipeError
from diffmine.interfaces import OUTSIDE_KEY, Dataset, DatasetConfig, ImageSource, RecipePath
from diffmine.types import BoolArray, ImageRecord, Item

JSON = "json"
Read = Callable[[str], bytes | None]
"""Extension -> the content of a sample's file; None: it has none."""


class WebDataset(Dataset):
    """Samples in tar files, as WebDataset lays them out: 000.jpg, 000.cls and 000.json belong together.

    The tars are read where they lie, and must not be compressed. A member ``json`` gives further columns.
    """

    name = "webdataset"

    class Config(DatasetConfig):
        """Options of ``webdataset``."""

        path: RecipePath = Field(description="folder that holds the tar files")
        shards: str = Field("*.tar", min_length=1, description="which files below it, such as train-*.tar")
        label: str = Field(
            "cls",
            min_length=1,
            description="the member that holds the label as text, by its extension, or a field of the member json, "
            "such as json.species or json.where.country",
        )
        separator: str | None = Field(None, min_length=1, description="between several labels of a sample, such as |")
        label_names: RecipePath | None = Field(
            None, description="file with the name of each label id: lines such as '0 tench', or a JSON mapping"
        )
        masks: Annotated[str | None, OUTSIDE_KEY] = Field(
            None,
            min_length=1,
            description="the member that holds a mask of the sample's only label for evaluation, by its extension, "
            "such as seg.png; black: no element",
        )

    config: Config

    def fingerprint(self) -> str:
        """Digest of names, sizes and times of change of the tar files.

        Raises:
            RecipeError: there are none.
        """
        shards = self._shards()
        return listing_digest((name, path.stat()) for name, path in shards.items())

    def open(self, prepared: Path) -> ImageSource:
        return _Samples(self._shards(), self.config)

    def _shards(self) -> dict[str, Path]:
        """Path below the folder -> tar file."""
        config = self.config
        require_folder(config.path, "path")
        found = sorted(path for path in config.path.glob(config.shards) if path.is_file())
        if not found:
            raise RecipeError(
                f"[dataset] shards = {config.shards!r}: no file of {config.path} fits; name the tar files"
            )
        return {path.relative_to(config.path).as_posix(): path for path in found}


class _Samples(ImageSource):
    """Pictures are named ``<tar file>/<file in it>``."""

    def __init__(self, shards: Mapping[str, Path], config: WebDataset.Config) -> None:
        self._shards, self._config = shards, config
        self._rule = LabelRule(config.separator, read_label_names(config.label_names) if config.label_names else None)
        self._directories: dict[str, Directory] = {}

    def scan(self) -> Iterator[Item]:
        without = 0
        for shard, path in self._shards.items():
            with path.open("rb") as file:
                for sample in samples(path):
                    item = self._item(shard, sample, partial(_content, file, sample))
                    if item is not None:
                        yield item
                    else:
                        without += 1
        if without:
            text = (
                f"{without} samples in {self._config.path} were left out: they have no picture, or no label "
                f"({self._config.label}); look at [dataset] label"
            )
            warnings.warn(text, DiffmineWarning, stacklevel=2)

    def read(self, path: str) -> bytes:
        shard, name = self._split(path)
        return self._directory(shard).read(name)

    def masks(self, record: ImageRecord) -> Mapping[str, BoolArray]:
        """Where the sample has one label, as stored; of several nobody knows whose mask it is."""
        if self._config.masks is None:
            return {}
        shard, name = self._split(record.path)
        directory, (key, _) = self._directory(shard), split_name(name)

        def read(extension: str) -> bytes | None:
            try:
                return directory.read(f"{key}.{extension}")
            except FileNotFoundError:
                return None

        mask, labels = read(self._config.masks), self._labels(f"{shard}/{key}", read)[0]
        if mask is None or len(labels) != 1:
            return {}
        return {labels[0]: decode_mask(BytesIO(mask), f"{shard}/{key}.{self._config.masks}")}

    def _item(self, shard: str, sample: Sample, read: Read) -> Item | None:
        """The sample as an item; None: it lacks a picture or a label."""
        pictures = (one for one in sample.members if _is_picture(one) and one != self._config.masks)
        picture = next(pictures, None)
        if picture is None:
            return None
        labels, columns = self._labels(f"{shard}/{sample.key}", read)
        return Item(f"{shard}/{sample.members[picture].name}", labels, columns) if labels else None

    def _labels(self, place: str, read: Read) -> tuple[tuple[str, ...], dict[str, str]]:
        """The labels of a sample, and its columns: the plain fields of its member json.

        Raises:
            DataError: the member is no text or no JSON, or the label has no name.
        """
        described = read(JSON)
        table = _fields(_text(described, place), place) if described is not None else {}
        member, dot, fields = self._config.label.partition(".")
        if (member, dot) == (JSON, "."):
            text = cell(reduce(_field, fields.split("."), table), place)
        else:
            stored = read(self._config.label)
            text = "" if stored is None else _text(stored, place)
        columns = {name: cell(value, place) for name, value in table.items() if not isinstance(value, (dict, list))}
        return self._rule.labels(text, place), columns

    def _split(self, path: str) -> tuple[str, str]:
        """(tar file, file in it).

        Raises:
            FileNotFoundError: there is no such tar file.
        """
        for shard in self._shards:
            if path.startswith(f"{shard}/"):
                return shard, path.removeprefix(f"{shard}/")
        raise FileNotFoundError(2, "no such tar file", path)

    def _directory(self, shard: str) -> Directory:
        if shard not in self._directories:
            self._directories[shard] = Directory(self._shards[shard])
        return self._directories[shard]


def _content(file: BinaryIO, sample: Sample, extension: str) -> bytes | None:
    """What a file of a sample holds, from the opened tar; None: the sample has no such file."""
    member = sample.members.get(extension)
    if member is None:
        return None
    file.seek(member.offset)
    return file.read(member.size)


def _is_picture(extension: str) -> bool:
    return f".{extension.rpartition('.')[2]}" in SUFFIXES


def _field(found: Any, name: str) -> Any:
    return found.get(name) if isinstance(found, dict) else None


def _text(stored: bytes, place: str) -> str:
    try:
        return stored.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise DataError(
            f"{place}: its label is no text in UTF-8 ({error.reason}); mend the sample or remove it"
        ) from None


def _fields(text: str, place: str) -> dict[str, Any]:
    content = parse_json(text, place)
    if not isinstance(content, dict):
        raise DataError(f"{place}: its json is no mapping of names to values; mend or remove the sample")
    return content
