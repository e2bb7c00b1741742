"""Stage ``life``: elements across labels that have an order, and when they come and go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field
from safetensors import safe_open

from diffmine.analysis.lives import element_rows, label_sizes, life_rows, members_of
from diffmine.analysis.ranking import Ranked, rank_clusters
from diffmine.builtin.stages.evidence import least_shares
from diffmine.errors import DataError, RecipeError
from diffmine.interfaces import Clusterer, ComponentConfig, PartsOf, PartTable, Stage, Work
from diffmine.runs.axis import axis_of
from diffmine.runs.contents import selected_rows
from diffmine.runs.life import ELEMENTS_FILE, LIFE_FILE, MEMBERS_FILE, STAGE
from diffmine.runs.tables import ELEMENTS, LIFE, PATCH_ELEMENTS, patches_of
from diffmine.types import OUTLIER, FloatArray, IntArray, Patch

if TYPE_CHECKING:
    from diffmine.recipes.resolving import Components


class Life(Stage):
    """Clusters over all labels at once, and how often each is found along the labels' order."""

    name = STAGE

    class Config(ComponentConfig):
        """Options of ``life``."""

        clusterer: Annotated[tuple[PartTable, ...], PartsOf("clusterers")] = Field(
            (),
            max_length=1,
            description="what clusters the patches of all labels, in a list of one: a name, or a table with use and "
            "options; omitted: what clusters the patches of each label",
        )

    config: Config
    parts: tuple[Clusterer, ...]

    def check_recipe(self, components: Components) -> None:
        """See that labels have an order, and that features can be compared between labels.

        Raises:
            RecipeError: they have none.
        """
        if components.dataset.config.order is None:
            raise RecipeError(
                '[life] follows elements along an order of labels, and there is none; say [dataset] order = "numeric", '
                'or list the labels: order = ["FIRST", "SECOND", ...]'
            )

    def tables(self, components: Components) -> tuple[str, ...]:
        return ("dataset", "projection", "clusterer", "patches")

    def reads(self, components: Components) -> tuple[str, ...]:
        return ("images", "patches", "features")

    def run(self, work: Work) -> None:
        """Write ``elements.parquet``, ``life.parquet`` and ``patch_elements.parquet``."""
        selected = pq.read_table(work.published("patches", "selected_patches.parquet"))
        patches, by_label = patches_of(selected), selected_rows(selected, work.components.patches.name)
        rows = np.concatenate([np.empty(0, dtype=np.int64), *by_label.values()])
        if not len(rows):
            raise DataError("no patch was selected, so there is nothing whose life could be told")
        with safe_open(work.artifact("features") / "features.safetensors", "np") as tensors:
            features: FloatArray = tensors.get_tensor("patches")[rows]
        _warn_of_told_features(work)
        members = [patches[row] for row in rows]
        found = self._clustered(work, members, features)
        life = _lives(work, members, found)
        elements = element_rows(found.table, life)
        pq.write_table(pa.Table.from_pylist(elements, schema=ELEMENTS), work.public(ELEMENTS_FILE))
        pq.write_table(pa.Table.from_pylist(life, schema=LIFE), work.public(LIFE_FILE))
        pq.write_table(_by_patch(len(patches), rows, found), work.public(MEMBERS_FILE))

    def _clustered(self, work: Work, members: list[Patch], features: FloatArray) -> Ranked:
        clusterer = self.parts[0] if self.parts else work.components.clusterer
        projected = work.components.projection.fit_transform(features, seed=work.seed)
        labels = clusterer.fit_predict(projected, seed=work.seed)
        typicality = np.array([patch.typicality for patch in members], dtype=np.float32)
        by = clusterer.config.rank_by
        images = [patch.image_id for patch in members]
        return rank_clusters(labels, projected, typicality, images, appearance=features, by=by)


def _lives(work: Work, members: list[Patch], found: Ranked) -> list[dict[str, Any]]:
    """Rows of ``life.parquet``."""
    records, config = work.records(), work.components.dataset.config
    axis = axis_of({label for record in records for label in record.labels}, config.order, config.neighbours)
    assert axis is not None, "check_recipe saw to it"
    sizes, at_least = label_sizes(records, axis), _at_least(work, members, found)
    return [
        row
        for number in range(len(found.table))
        for row in life_rows(number, members_of(found.cluster, number, members), axis, sizes, at_least[number])
    ]


def _at_least(work: Work, members: list[Patch], found: Ranked) -> list[dict[str, float | None]]:
    """For each element, label -> the share of its members under it that is more typical than chance, at least."""
    evidence = pq.read_table(work.published("patches", "evidence.parquet")).to_pylist()
    against = {row["label"]: row for row in evidence if row["table"] == "selected"}
    labels = np.array([patch.label for patch in members])
    shares: list[dict[str, float | None]] = [{} for _ in found.table]
    for label in sorted(set(labels.tolist())):
        places = np.flatnonzero(labels == label)
        cluster: IntArray = found.cluster[places]
        told = least_shares(cluster, [members[place] for place in places], against.get(label), len(found.table))
        for number, share in enumerate(told):
            shares[number][label] = share
    return shares


def _by_patch(count: int, rows: np.ndarray[Any, np.dtype[np.int64]], found: Ranked) -> pa.Table:
    """A row for each row of ``patches.parquet``; null for controls."""
    element = np.full(count, OUTLIER, dtype=np.int32)
    distance = np.full(count, np.nan, dtype=np.float32)
    element[rows], distance[rows] = found.cluster, found.distance
    controls = np.ones(count, dtype=bool)
    controls[rows] = False
    columns = [pa.array(element, mask=controls), pa.array(distance, mask=element == OUTLIER)]
    return pa.table(columns, schema=PATCH_ELEMENTS)


def _warn_of_told_features(work: Work) -> None:
    """Features that know the label part the same element by label."""
    table = work.components.features.describe()
    parts = [table, *table.get("parts", ())]
    if any(part.get("condition") == "label" for part in parts):
        work.progress.warn(
            "the features know the label, so one element may fall into several, by label; "
            'features.condition = "null" has them compare'
        )
