"""Reading the maps that the typicality stage stored."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from safetensors import safe_open

from diffmine.numerics.blocks import doubled, halved
from diffmine.numerics.half_precision import compact
from diffmine.runs.records import sorted_ids
from diffmine.types import FloatArray, Role, TypicalityMap

IN_HALF_PRECISION = ("stderr", "influence", "influence_stderr", "noise_correlation")
"""What is stored of a :class:`TypicalityMap` besides its mean, where it has it; named as there."""
DRAWS_FILE = "draws.json"
"""Published where pictures had different numbers of draws."""
OPEN_SHARDS = 8
"""Files that are kept open for who reads map after map."""
HALVED = "influence_stderr"
"""What is stored at half the resolution."""


class Scored(NamedTuple):
    """Where a map lies, and what it is to its picture."""

    shard: int
    role: Role
    draws: int | None


def tensors_of(one: TypicalityMap) -> dict[str, NDArray[Any]]:
    """What a shard holds of a map."""
    tensors: dict[str, NDArray[Any]] = {f"{one.image_id}/{one.label}/mean": one.mean.astype(np.float32)}
    for name in IN_HALF_PRECISION:
        values: FloatArray | None = getattr(one, name)
        if values is not None:
            stored = halved(values).astype(np.float32) if name == HALVED else values
            tensors[f"{one.image_id}/{one.label}/{name}"] = compact(stored)
    if one.draws is not None:
        tensors["draws"] = np.array(one.draws, dtype=np.int32)
    return tensors


def map_of(image_id: str, label: str, draws: int | None, tensors: Mapping[str, NDArray[Any]]) -> TypicalityMap:
    """The map that :func:`tensors_of` took apart."""
    mean, *others = (tensors.get(f"{image_id}/{label}/{name}") for name in ("mean", *IN_HALF_PRECISION))
    assert mean is not None
    parts = {
        name: values.astype(np.float32)
        for name, values in zip(IN_HALF_PRECISION, others, strict=True)
        if values is not None
    }
    if HALVED in parts:
        parts[HALVED] = doubled(parts[HALVED], mean.shape)
    return TypicalityMap(image_id, label, mean.astype(np.float32), draws=draws, **parts)


class TypicalityMaps:
    """The typicality artifact: one :class:`TypicalityMap` for each scored (image, label).

    Attributes:
        folder: the artifact; ``index.parquet``, ``grid.json`` and ``shards/``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def stride(self) -> int:
        """Image pixels to one cell of a map."""
        return int(self._grid["stride"])

    @cached_property
    def draws(self) -> int | None:
        """(timestep, noise) draws behind each value, at most; None where the scorer draws nothing."""
        return self._grid.get("draws")

    def labels(self, image_id: str) -> list[str]:
        """The labels under which an image was scored, sorted."""
        return sorted(self._index.of(image_id))

    def roles(self, image_id: str) -> dict[str, Role]:
        """Label -> what the image's map under it is, by label."""
        return {label: scored.role for label, scored in sorted(self._index.of(image_id).items())}

    def load(self, image_id: str, label: str) -> TypicalityMap:
        """The map of an image under a label.

        Raises:
            KeyError: the image was not scored under this label.
        """
        scored = self._index.of(image_id).get(label)
        if scored is None:
            known = ", ".join(self.labels(image_id)) or "none"
            raise KeyError(f"image {image_id!r} was not scored under {label!r}; labels it was scored under: {known}")
        shard = self._opened(scored.shard)
        names = (f"{image_id}/{label}/{name}" for name in ("mean", *IN_HALF_PRECISION))
        stored = {name: shard.tensors.get_tensor(name) for name in names if name in shard.names}
        return map_of(image_id, label, scored.draws or self.draws, stored)

    @cached_property
    def _grid(self) -> dict[str, int]:
        grid: dict[str, int] = json.loads((self.folder / "grid.json").read_text(encoding="utf-8"))
        return grid

    @cached_property
    def _index(self) -> ScoredIndex:
        return ScoredIndex.read(self.folder / "index.parquet")

    @cached_property
    def _opened(self) -> Callable[[int], Shard]:
        """Shards by number. To open one is what loading a map costs, and those who read many go from shard to shard."""

        @lru_cache(maxsize=OPEN_SHARDS)
        def opened(number: int) -> Shard:
            return Shard.open(self.folder / "shards" / f"{number:05d}.safetensors")

        return opened


class Shard(NamedTuple):
    """An open file of maps.

    Attributes:
        tensors: what safetensors opened.
        names: of its tensors.
    """

    tensors: Any
    names: frozenset[str]

    @classmethod
    def open(cls, path: Path) -> Shard:
        """Open a file; its tensors are mapped into memory, and read when they are asked for."""
        tensors = safe_open(path, "np").__enter__()  # type: ignore[no-untyped-call]
        return cls(tensors, frozenset(tensors.keys()))


class ScoredIndex:
    """Which map lies where, in some sixty bytes a map.

    Args:
        table: of ``index.parquet``.
    """

    def __init__(self, table: pa.Table) -> None:
        if "role" not in table.column_names:  # of a run made before maps said what they are
            table = table.append_column("role", pa.array(["other"] * len(table)))
        if "draws" not in table.column_names:  # likewise: all had equally many
            table = table.append_column("draws", pa.nulls(len(table), pa.int32()))
        self._ids, order = sorted_ids(table["image_id"])
        self._labels, self._roles = (
            table[name].dictionary_encode().combine_chunks().take(order) for name in ("label", "role")
        )
        self._shards = np.asarray(table["shard"], dtype=np.int32)[order]
        self._draws = np.asarray(table["draws"].fill_null(0), dtype=np.int32)[order]

    @classmethod
    def read(cls, path: Path) -> ScoredIndex:
        """The index in a file."""
        return cls(pq.read_table(path))

    def of(self, image_id: str) -> dict[str, Scored]:
        """Label -> where the image's map under it lies; empty where it was not scored."""
        wanted = image_id.encode()
        start, stop = (int(np.searchsorted(self._ids, wanted, side)) for side in ("left", "right"))
        return {self._labels[row].as_py(): self._at(row) for row in range(start, stop)}

    def _at(self, row: int) -> Scored:
        return Scored(int(self._shards[row]), self._roles[row].as_py(), int(self._draws[row]) or None)
