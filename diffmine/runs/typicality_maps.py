"""Reading the maps that the typicality stage stored."""

from __future__ import annotations

import json
from collections import defaultdict
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from safetensors import safe_open

from diffmine.types import TypicalityMap


class TypicalityMaps:
    """The typicality artifact: one mean map and standard error for each scored (image, label).

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
    def draws(self) -> int:
        """(timestep, noise) draws behind each value."""
        return int(self._grid["draws"])

    def labels(self, image_id: str) -> list[str]:
        """The labels under which an image was scored, sorted."""
        return sorted(self._shards.get(image_id, {}))

    def load(self, image_id: str, label: str) -> TypicalityMap:
        """The map of an image under a label.

        Raises:
            KeyError: the image was not scored under this label.
        """
        shard = self._shards.get(image_id, {}).get(label)
        if shard is None:
            scored = ", ".join(self.labels(image_id)) or "none"
            raise KeyError(f"image {image_id!r} was not scored under {label!r}; labels it was scored under: {scored}")
        with safe_open(self.folder / "shards" / f"{shard:05d}.safetensors", "np") as tensors:
            mean, stderr = (tensors.get_tensor(f"{image_id}/{label}/{part}") for part in ("mean", "stderr"))
        return TypicalityMap(image_id, label, mean.astype(np.float32), stderr.astype(np.float32), self.draws)

    @cached_property
    def _grid(self) -> dict[str, int]:
        grid: dict[str, int] = json.loads((self.folder / "grid.json").read_text(encoding="utf-8"))
        return grid

    @cached_property
    def _shards(self) -> dict[str, dict[str, int]]:
        table = pq.read_table(self.folder / "index.parquet")
        shards: dict[str, dict[str, int]] = defaultdict(dict)
        columns = (table[name].to_pylist() for name in ("image_id", "label", "shard"))
        for image_id, label, shard in zip(*columns, strict=True):
            shards[image_id][label] = shard
        return dict(shards)
