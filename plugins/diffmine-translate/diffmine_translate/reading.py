"""What the stage has written into a run folder, opened for those who show it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq
from PIL import Image

from diffmine.types import Box, ByteArray
from diffmine_translate.tables import CHANGES_FILE, CLUSTERS_FILE, PLACES_FILE, TRANSLATIONS_FILE, TRENDS_FILE

if TYPE_CHECKING:
    from diffmine.runs.run import Run

STAGE = "translate"


@dataclass(frozen=True)
class Translations:
    """The translations of a run.

    Attributes:
        run: the run.
    """

    run: Run

    @classmethod
    def of(cls, run: Run) -> Translations | None:
        """Those of a run; None where it has none."""
        return cls(run) if STAGE in run.info["stages"] else None

    @cached_property
    def pictures(self) -> dict[tuple[str, str], list[dict[str, Any]]]:
        """(image_id, source) -> its rows of ``translations.parquet``, in the order of the labels."""
        return self._by_picture(TRANSLATIONS_FILE)

    @cached_property
    def places(self) -> list[dict[str, Any]]:
        """``places.parquet``."""
        return self._rows(PLACES_FILE)

    @cached_property
    def clusters(self) -> list[dict[str, Any]]:
        """``place_clusters.parquet``, by rank."""
        return self._rows(CLUSTERS_FILE)

    @cached_property
    def trends(self) -> list[dict[str, Any]]:
        """``trends.parquet``."""
        return self._rows(TRENDS_FILE)

    @cached_property
    def outcomes(self) -> dict[tuple[int, str], str]:
        """(place, target) -> what became of it."""
        return {(row["place"], row["target"]): row["outcome"] for row in self._rows(CHANGES_FILE)}

    @cached_property
    def labels(self) -> list[str]:
        """Those of the versions, in their order."""
        return [row["target"] for row in next(iter(self.pictures.values()))]

    def versions(self, image_id: str, source: str) -> list[ByteArray]:
        """A picture in the version of each label, each uint8, (height, width, 3)."""
        rows = self.pictures[image_id, source]
        with Image.open(self.run.file(rows[0]["file"])) as opened:
            strip = np.asarray(opened.convert("RGB"))
        return np.split(strip, len(rows), axis=1)

    def members(self, cluster: int, source: str | None = None) -> list[dict[str, Any]]:
        """The places of a cluster, the most central first; of pictures of one label, or of all."""
        mine = [one for one in self.places if one["cluster"] == cluster and source in (None, one["source"])]
        return sorted(mine, key=lambda one: (one["distance"], one["place"]))

    def _rows(self, name: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = pq.read_table(self.run.file(name)).to_pylist()
        return rows

    def _by_picture(self, name: str) -> dict[tuple[str, str], list[dict[str, Any]]]:
        found: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        for row in self._rows(name):
            found[row["image_id"], row["source"]].append(row)
        return dict(found)


def box_of(place: dict[str, Any]) -> Box:
    """The box of a row of ``places.parquet``."""
    return Box(place["y0"], place["x0"], place["y1"], place["x1"])
