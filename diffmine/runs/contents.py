"""The patches of a run by label, selection and cluster: what metrics measure and what is shown, in which order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from diffmine.runs.notes import ClusterNote
from diffmine.runs.standing import Standing, standings
from diffmine.runs.tables import patches_of
from diffmine.runs.verdicts import Verdict, verdict_of
from diffmine.types import OUTLIER, BoolArray, Box, Description, Flag, IntArray, Patch

if TYPE_CHECKING:
    from diffmine.runs.run import Run

OUTLIERS = "outliers"
MIN_MEMBERS = 5
"""The paper shows clusters with at least this many members."""
WORDS = 3
"""Words of a description that are shown."""

Rows = NDArray[np.int64]


def selected_rows(patches: pa.Table, selection: str) -> dict[str, Rows]:
    """The rows of a table of patches that a selection chose, by label.

    Args:
        patches: see :data:`diffmine.runs.tables.PATCHES`.
    Returns:
        label -> rows, int64, (patches,), sorted by image and box, so that the order of the table does not matter; the
        labels sorted.
    """
    names = ("label", "image_id", *Box._fields)
    columns = [patches[name].to_pylist() for name in names]
    chosen = np.flatnonzero(np.asarray(patches["selection"].to_pylist(), dtype=object) == selection).tolist()
    found: dict[str, list[int]] = {}
    for row in sorted(chosen, key=lambda row: tuple(column[row] for column in columns)):
        found.setdefault(columns[0][row], []).append(row)
    return {label: np.asarray(rows, dtype=np.int64) for label, rows in found.items()}


@dataclass(frozen=True, slots=True)
class LabelClusters:
    """One label's patches of the run's own selection and their clusters, sorted by image and box.

    Attributes:
        label: the label.
        patches: the patches.
        rows: int64, (patches,): their rows in ``run.patches`` and ``run.features``.
        cluster: int32, (patches,); -1 marks an outlier, and every patch of a label that could not be clustered.
    """

    label: str
    patches: tuple[Patch, ...]
    rows: Rows
    cluster: IntArray

    @property
    def image_ids(self) -> list[str]:
        """The image of each patch."""
        return [patch.image_id for patch in self.patches]

    def members(self) -> LabelClusters:
        """Without outliers."""
        return self._take(self.cluster != OUTLIER)

    def best(self, count: int) -> LabelClusters:
        """The ``count`` most typical clusters: ids in a run are ranks."""
        return self._take((self.cluster != OUTLIER) & (self.cluster < count))

    def only(self, cluster: int) -> LabelClusters:
        """The members of one cluster."""
        return self._take(self.cluster == cluster)

    def _take(self, kept: BoolArray) -> LabelClusters:
        places = np.flatnonzero(kept)
        patches = tuple(self.patches[place] for place in places)
        return LabelClusters(self.label, patches, self.rows[places], self.cluster[places])


def label_clusters(run: Run) -> Iterator[LabelClusters]:
    """The clusters of each label, by label; controls, and labels that could not be clustered, are left out."""
    clustered = np.asarray(run.patches["cluster"].is_valid())
    for one in run.contents.own.values():
        if clustered[one.rows].any():
            yield one


@dataclass(frozen=True, slots=True)
class Cluster:
    """One cluster of a label.

    Attributes:
        label: the label.
        cluster: its id within the label.
        rank: its place among the label's clusters, from 0.
        rows: rows of ``Run.patches``: nearest to the centroid first, and those that another one stands for last.
        facts: its row of ``Run.clusters``.
        flags: what the run warns of it, and notes.
        descriptions: what describers call it.
        note: what people say of it.
        parts: the clusters that people have merged into it. ``rows`` and ``flags`` are then those of all, ``facts`` are
            told of all together, without intervals, and ``descriptions`` are its own.
    """

    label: str
    cluster: int
    rank: int
    rows: Rows
    facts: dict[str, Any]
    flags: tuple[Flag, ...] = ()
    descriptions: tuple[Description, ...] = ()
    note: ClusterNote | None = None
    parts: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """What a person has called it; empty: nobody has."""
        return self.note.name if self.note else ""

    @property
    def starred(self) -> bool:
        """Whether a person has starred it."""
        return self.note is not None and self.note.starred

    @property
    def hidden(self) -> bool:
        """Whether a person has hidden it."""
        return self.note is not None and self.note.hidden

    @property
    def marks(self) -> list[str]:
        """The words of its warnings, each once; notes have their place beside the cluster's facts alone."""
        return list(dict.fromkeys(flag.mark for flag in self.flags if flag.severity == "warning"))

    @property
    def verdict(self) -> Verdict:
        """Whether it is typical, as far as can be told, or what to look at first."""
        return verdict_of(self.facts.get("at_least"), self.marks)

    @property
    def suggestions(self) -> list[str]:
        """The best words of each describer, with its name: ``wheel, spoke (describer)``."""
        return [
            f"{', '.join(word.text for word in one.words[:WORDS])} ({one.source})"
            for one in self.descriptions
            if one.words
        ]


class Contents:
    """The patches of a run, grouped; ``Run.contents``. Clusters that people have merged are one.

    Attributes:
        run: the run.
    """

    def __init__(self, run: Run) -> None:
        self.run = run

    @cached_property
    def labels(self) -> list[str]:
        """Labels that have patches: in the order that the recipe gives them, else sorted."""
        found = sorted(set(self._label.tolist()))
        if self.run.axis is None:
            return found
        return sorted(found, key=self.run.labels.index)

    @cached_property
    def own(self) -> Mapping[str, LabelClusters]:
        """Each label's patches of the run's own selection, with their clusters."""
        patches, found = patches_of(self.run.patches), {}
        for label, rows in selected_rows(self.run.patches, self.run.selection).items():
            members = tuple(patches[row] for row in rows)
            found[label] = LabelClusters(label, members, rows, self._cluster[rows].astype(np.int32))
        return found

    @cached_property
    def selections(self) -> list[str]:
        """Names of the selections, in the order of the table."""
        return list(dict.fromkeys(self._selection.tolist()))

    def clusters(self, label: str, min_members: int = 0) -> list[Cluster]:
        """The clusters of a label with at least so many members, by rank."""
        return [one for one in self._clusters.get(label, []) if len(one.rows) >= min_members]

    def best_clusters(self, label: str) -> list[Cluster]:
        """The clusters that a figure shows: those of ``MIN_MEMBERS``, or all where none has as many; none that a person
        has hidden.
        """
        shown = [one for one in self.clusters(label) if not one.hidden]
        return [one for one in shown if len(one.rows) >= MIN_MEMBERS] or shown

    def outliers(self, label: str) -> Rows:
        """Patches of the run's own selection in no cluster, most typical first."""
        of_label = self._label == label
        return self._by_rank(np.flatnonzero(of_label & (self._selection == self.run.selection) & (self._cluster < 0)))

    def selected(self, label: str, selection: str) -> Rows:
        """Patches of a selection, best first."""
        return self._by_rank(np.flatnonzero((self._label == label) & (self._selection == selection)))

    def controls(self, label: str) -> dict[str, Rows]:
        """The other selections of a label that are not empty, by name."""
        others = {name: self.selected(label, name) for name in self.selections if name != self.run.selection}
        return {name: rows for name, rows in others.items() if len(rows)}

    def groups(self, label: str) -> Iterator[tuple[str, Rows]]:
        """Every patch of a label once: its clusters by rank, its outliers, its controls."""
        for one in self.clusters(label):
            yield str(one.cluster), one.rows
        if len(outliers := self.outliers(label)):
            yield OUTLIERS, outliers
        yield from self.controls(label).items()

    def image_ids(self, rows: Rows) -> list[str]:
        """The image of each row."""
        return [str(one) for one in self._image[rows]]

    @cached_property
    def standings(self) -> Mapping[str, Standing]:
        """What can be said of each label's patches."""
        return standings(self.run)

    def boxes(self, rows: Rows) -> list[Box]:
        """The box of each row."""
        return [Box(*box) for box in self._boxes[rows].tolist()]

    def column(self, name: str) -> NDArray[Any]:
        """A column of ``Run.patches``; numbers that are missing are NaN."""
        values: NDArray[Any] = self.run.patches[name].combine_chunks().to_numpy(zero_copy_only=False)
        return values

    @cached_property
    def _clusters(self) -> dict[str, list[Cluster]]:
        facts, parts = self._facts, self._parts
        members = np.flatnonzero(self._cluster >= 0)
        distance = self.column("cluster_distance")[members]
        order = members[np.lexsort((self._rank[members], distance, self._is_duplicate[members]))]
        rows: dict[tuple[str, int], list[int]] = {key: [] for key in facts}
        for row in order.tolist():
            rows[self._label[row], int(self._cluster[row])].append(row)
        found: dict[str, list[Cluster]] = {}
        notes = {one.about: one for one in self.run.notes.clusters} if self.run.notes else {}
        for label, cluster in sorted(rows, key=lambda key: (key[0], facts[key]["rank"])):
            fact = facts[label, cluster]
            members = np.asarray(rows[label, cluster], dtype=np.int64)
            about = (label, cluster)
            all_of_it = (cluster, *parts.get(about, ()))
            flags = tuple(flag for flag in self.run.flags if flag.label == label and flag.cluster in all_of_it)
            words = tuple(one for one in self.run.descriptions if (one.label, one.cluster) == about)
            note = notes.get(about)
            fact = self._of_all(label, all_of_it, members) if parts.get(about) else fact
            one = Cluster(label, cluster, fact["rank"], members, fact, flags, words, note, parts.get(about, ()))
            found.setdefault(label, []).append(one)
        return found

    @cached_property
    def _facts(self) -> dict[tuple[str, int], dict[str, Any]]:
        """The row of ``Run.clusters`` of each cluster that is shown."""
        rows = {(row["label"], row["cluster"]): row for row in self.run.clusters.to_pylist()}
        return {about: row for about, row in rows.items() if about not in self._merged}

    @cached_property
    def _merged(self) -> dict[tuple[str, int], int]:
        """A cluster that people have merged -> the one as which it is shown."""
        notes = self.run.notes
        merged = (one for one in notes.clusters if one.merged_into is not None) if notes else ()
        return {one.about: notes.root(*one.about) for one in merged} if notes else {}

    @cached_property
    def _parts(self) -> dict[tuple[str, int], tuple[int, ...]]:
        """A cluster -> those that people have merged into it."""
        found: dict[tuple[str, int], tuple[int, ...]] = {}
        for (label, part), cluster in sorted(self._merged.items()):
            found[label, cluster] = (*found.get((label, cluster), ()), part)
        return found

    def _of_all(self, label: str, clusters: Sequence[int], members: Rows) -> dict[str, Any]:
        """What ``Run.clusters`` would say of several clusters together.

        Their bounds hold for all clusters of a label at once, so as many members are typical at least as the parts have
        at least together. Intervals are not told.
        """
        rows = [row for row in self.run.clusters.to_pylist() if row["label"] == label and row["cluster"] in clusters]
        typicality = self.column("typicality")[members].astype(np.float64)
        size, tested = sum(row["size"] for row in rows), [row for row in rows if row["at_least"] is not None]
        at_least = sum(row["at_least"] * row["size"] for row in tested) / size if tested else None
        return {
            **dict.fromkeys(rows[0]),
            **{key: self._facts[label, clusters[0]][key] for key in ("label", "cluster", "rank")},
            "size": size,
            "distinct": sum(row["distinct"] for row in rows),
            "images": len(set(self.image_ids(members))),
            "median_typicality": float(np.median(typicality)),
            "mean_typicality": float(np.mean(typicality)),
            "at_least": at_least,
        }

    def _by_rank(self, rows: Rows) -> Rows:
        return rows[np.argsort(self._rank[rows], kind="stable")]

    @cached_property
    def _label(self) -> NDArray[Any]:
        return self.column("label")

    @cached_property
    def _image(self) -> NDArray[Any]:
        return self.column("image_id")

    @cached_property
    def _selection(self) -> NDArray[Any]:
        return self.column("selection")

    @cached_property
    def _rank(self) -> NDArray[Any]:
        return self.column("rank")

    @cached_property
    def _cluster(self) -> NDArray[np.int64]:
        values: pa.Array = pc.fill_null(self.run.patches["cluster"], -1)
        computed = np.asarray(values, dtype=np.int64)
        shown = computed.copy()
        for (label, part), cluster in self._merged.items():
            shown[(self._label == label) & (computed == part)] = cluster
        return shown

    @cached_property
    def _is_duplicate(self) -> NDArray[np.bool_]:
        """Of members of clusters: whether another one stands for it."""
        if "duplicates" not in self.run.patches.column_names:  # of a run made before it was there
            return np.zeros(self.run.patches.num_rows, dtype=bool)
        return np.asarray(self.run.patches["duplicates"].is_null())

    @cached_property
    def _boxes(self) -> NDArray[np.int64]:
        return np.stack([np.asarray(self.run.patches[name], dtype=np.int64) for name in Box._fields], axis=1)
