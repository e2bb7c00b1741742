"""What people say of clusters: names, stars, notes, which belong together; it changes nothing that was computed."""

from __future__ import annotations

import json
import threading
from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal, Self

import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from diffmine.errors import ArtifactError, DataError, reason
from diffmine.files.atomic import write_atomically
from diffmine.files.names import RUN_FILE

NOTES_FILE = "notes.json"
CLUSTERS_FILE = "clusters.parquet"
UNDOABLE = 200
"""Changes that can be taken back."""
DIGITS = 8


class ClusterNote(BaseModel):
    """What people say of one cluster."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    label: str = Field(description="the cluster's label")
    cluster: int = Field(ge=0, description="its number within the label")
    name: str = Field("", max_length=100, pattern=r"^[^\r\n]*$", description="what to call it; empty: nobody has said")
    starred: bool = Field(False, description="whether it is worth coming back to")
    hidden: bool = Field(False, description="whether figures, the overview and stories leave it out")
    note: str = Field("", max_length=10_000, description="anything else")
    merged_into: int | None = Field(
        None, ge=0, description="the cluster of the label that it is a part of, wherever clusters are shown"
    )

    @property
    def about(self) -> tuple[str, int]:
        """The label and the cluster."""
        return self.label, self.cluster

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing."""
        return not (self.name or self.starred or self.hidden or self.note) and self.merged_into is None


class Notes(BaseModel):
    """The content of ``notes.json``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = Field(1, description="version of this format")
    clusters_digest: str = Field(description="digest of the stage `clusters` in run.json; of others they say nothing")
    clusters: tuple[ClusterNote, ...] = Field((), description="what is said of each cluster, by label and number")
    undo: tuple[ClusterNote, ...] = Field((), description="what the last changes replaced, the latest last")

    @model_validator(mode="after")
    def _no_circles(self) -> Self:
        for one in self.clusters:
            self.root(one.label, one.cluster)
        return self

    def root(self, label: str, cluster: int) -> int:
        """The cluster as which a cluster is shown: the one that it was merged into, if that was not merged itself.

        Raises:
            ValueError: clusters are merged into each other.
        """
        return self.chain(label, cluster)[-1]

    def chain(self, label: str, cluster: int) -> list[int]:
        """A cluster, the one that it was merged into, the one that this was merged into, and so on.

        Raises:
            ValueError: clusters are merged into each other.
        """
        into = {one.about: one.merged_into for one in self.clusters if one.merged_into is not None}
        found = [cluster]
        while (upper := into.get((label, found[-1]))) is not None:
            if upper in found:
                raise ValueError(f"clusters {found[-1]} and {upper} of label {label!r} are merged into each other")
            found.append(upper)
        return found

    def of(self, label: str, cluster: int) -> ClusterNote:
        """What is said of a cluster."""
        found = (one for one in self.clusters if one.about == (label, cluster))
        return next(found, ClusterNote(label=label, cluster=cluster))

    def changed(self, note: ClusterNote) -> Notes:
        """With what ``note`` was given, and no more, said of its cluster; the earlier note can be had back.

        So changes to different fields do not undo each other, wherever they come from.
        """
        earlier = self.of(*note.about)
        later = earlier.model_copy(update=note.model_dump(exclude_unset=True))
        return self if later == earlier else self._with(later, (*self.undo, earlier)[-UNDOABLE:])

    def undone(self) -> Notes:
        """As before the last change; the same where nothing is left to undo."""
        return self._with(self.undo[-1], self.undo[:-1]) if self.undo else self

    def _with(self, note: ClusterNote, undo: tuple[ClusterNote, ...]) -> Notes:
        others = [one for one in self.clusters if one.about != note.about]
        kept = [*others, *([] if note.is_empty else [note])]
        return self.model_copy(update={"clusters": tuple(sorted(kept, key=lambda one: one.about)), "undo": undo})


def read_notes(folder: Path) -> Notes | None:
    """The notes in a run folder; None: there are none.

    Raises:
        ArtifactError: they cannot be read, or are not what the format says.
    """
    path = folder / NOTES_FILE
    try:
        return Notes.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {reason(error)}") from None
    except (ValidationError, ValueError) as error:
        cause = error.errors()[0] if isinstance(error, ValidationError) else {"loc": (), "msg": str(error)}
        place = ".".join(map(str, cause["loc"]))
        raise ArtifactError(
            f"{path} is damaged: {place + ': ' if place else ''}{cause['msg']}; mend it, or move it away"
        ) from None


class Notebook:
    """The notes of a run folder, to be changed; one change at a time, each on the disk before the next.

    Args:
        folder: a run folder with clusters.
    Raises:
        ArtifactError: it has none, or its notes are damaged.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._lock = folder, threading.Lock()
        self._digest = clusters_digest(folder)
        self._known = _clusters(folder)
        self.read()

    def read(self) -> Notes:
        """The notes on the clusters of the run, as they stand; none of those on clusters that it had before."""
        found = read_notes(self._folder)
        if found is None or found.clusters_digest != self._digest:
            return Notes(clusters_digest=self._digest)
        return found

    def change(self, note: ClusterNote) -> Notes:
        """Say something of a cluster; see :meth:`Notes.changed`.

        Raises:
            DataError: the run has no such cluster, or it cannot be merged into the one that is named.
        """
        into = note.cluster if note.merged_into is None else note.merged_into
        for cluster in (note.cluster, into):
            if (note.label, cluster) not in self._known:
                raise DataError(f"the run has no cluster {cluster} of label {note.label!r}")
        with self._lock:
            notes = self.read()
            if note.merged_into is not None and note.cluster in notes.chain(note.label, into):
                raise DataError(
                    f"cluster {note.cluster} of label {note.label!r} cannot be merged into cluster {into}, which is "
                    "itself or a part of it; merge it into another"
                )
            return self._write(notes.changed(note))

    def undo(self) -> Notes:
        """Take the last change back."""
        with self._lock:
            return self._write(self.read().undone())

    def _write(self, notes: Notes) -> Notes:
        self._set_aside()
        text = json.dumps(notes.model_dump(exclude_none=True), indent=1, ensure_ascii=False) + "\n"
        write_atomically(self._folder / NOTES_FILE, text.encode())
        return notes

    def _set_aside(self) -> None:
        """Keep notes on clusters that the run had before, under a name of their own."""
        found = read_notes(self._folder)
        if found is not None and found.clusters_digest != self._digest:
            path = self._folder / NOTES_FILE
            path.replace(path.with_name(f"notes-{found.clusters_digest[:DIGITS]}.json"))


def clusters_digest(folder: Path) -> str:
    """The digest of the stage ``clusters``.

    Raises:
        ArtifactError: the run has not come as far.
    """
    try:
        info: Any = json.loads((folder / RUN_FILE).read_text(encoding="utf-8"))
        return str(info["stages"]["clusters"]["digest"])
    except (OSError, ValueError, KeyError, TypeError):
        raise ArtifactError(f"{folder} has no clusters to make notes on") from None


def _clusters(folder: Path) -> Collection[tuple[str, int]]:
    try:
        table = pq.read_table(folder / CLUSTERS_FILE, columns=["label", "cluster"])
    except (OSError, ValueError, KeyError) as error:
        raise ArtifactError(f"{folder / CLUSTERS_FILE} cannot be read: {reason(error)}") from None
    return set(zip(table["label"].to_pylist(), table["cluster"].to_pylist(), strict=True))
