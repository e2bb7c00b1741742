"""What the page knows, as one JSON value. Nothing in it depends on when or where the run was made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from diffmine.analysis.cluster_elements import cluster_contents
from diffmine.builtin.reports.explorer.arrays import packed
from diffmine.builtin.reports.explorer.ordering import Ordering
from diffmine.builtin.reports.explorer.pictures import Gallery
from diffmine.builtin.reports.explorer.placing import Map, neighbours
from diffmine.builtin.reports.explorer.view_pages import ViewPage
from diffmine.builtin.reports.explorer.wording import Wording
from diffmine.drawing.crop_sheets import COLUMNS, EDGE, Sheet
from diffmine.numerics.significance import FALSE_DISCOVERIES
from diffmine.runs.patch_tables import added_columns
from diffmine.runs.standing import Standing
from diffmine.types import Box, ImageRecord

if TYPE_CHECKING:
    from diffmine.runs.run import Run

SKIPPED_SHOWN = 1000


def payload(
    ordering: Ordering,
    sheets: Sequence[Sheet],
    front: int,
    covers: Sequence[Sheet],
    gallery: Gallery,
    maps: Sequence[Map],
    size: int,
    views: Sequence[ViewPage],
    wording: Wording,
) -> Any:
    """Everything but the overlays of pictures.

    Args:
        sheets, front: see ``sprites.write_sheets``.
        size: side of a crop in the sheets, pixels.
        views: further pages.
        wording: what is said of files.
    """
    return {
        "run": _run(ordering, wording),
        "labels": _labels(ordering, gallery),
        "groups": _groups(ordering, wording),
        "patches": _patches(ordering),
        "columns": wording.added(_added_columns(ordering)),
        "views": [{"name": one.name, "title": one.title, "data": wording.added(one.data)} for one in views],
        "maps": [_map(one) for one in maps],
        "images": _images(ordering, gallery, wording),
        "sprites": {
            "size": size,
            "edge": EDGE,
            "columns": COLUMNS,
            "front": front,
            "sheets": [asdict(one) for one in sheets],
        },
        "covers": {"sheets": [asdict(one) for one in covers], "labels": ordering.covers()},
    }


def told_notes(run: Run, wording: Wording) -> Any:
    """What people say of clusters, as ``diffmine view`` tells it too; without the right to write."""
    notes = run.notes.clusters if run.notes else ()
    return {
        "clusters": [
            {**one.model_dump(), "name": wording.text(one.name), "note": wording.text(one.note)} for one in notes
        ]
    }


def overlays(ordering: Ordering, gallery: Gallery) -> Any:
    """Maps of typicality and influence, and masks, by image and label number."""
    numbers = {label: str(number) for number, label in enumerate(ordering.labels)}
    return {
        str(place): {
            kind: {numbers[label]: value for label, value in overlay[kind].items() if label in numbers}
            for kind in ("maps", "influence", "masks")
        }
        for place, image_id in enumerate(ordering.image_ids)
        if (overlay := gallery.overlays.get(image_id)) is not None
    }


def _run(ordering: Ordering, wording: Wording) -> dict[str, Any]:
    run, answer = ordering.contents.run, ordering.shown.run.answer
    log = run.training_log
    return {
        "name": run.info["name"],
        "version": run.info.get("diffmine", ""),
        "seed": run.recipe.header.seed,
        "images": len(run.records),
        "heldout": int(run.all_records.evaluated.sum()),
        "stride": run.stride,
        "quantity": asdict(run.quantity),
        "significant": FALSE_DISCOVERIES,
        "mined": run.selection,
        "recipe": wording.recipe(run.recipe.tables),
        "warnings": [wording.text(text) for text in run.info.get("warnings", [])],
        "skipped": _skipped(run, wording),
        "skippedCount": len(run.skipped),
        "answer": {
            "sentences": [wording.text(text) for text in answer.sentences],
            "next": [wording.text(text) for text in answer.next_steps],
        },
        "metrics": [{"name": name, **figure} for name, figure in run.metrics.items()],
        "training": {} if log is None else {name: _numbers(log[name].to_pylist()) for name in log.column_names},
    }


def _skipped(run: Run, wording: Wording) -> list[dict[str, str]]:
    return [
        {"path": wording.left_out(one["path"]), "cause": wording.text(one["cause"])}
        for one in run.skipped[:SKIPPED_SHOWN]
    ]


def _labels(ordering: Ordering, gallery: Gallery) -> list[dict[str, Any]]:
    counts = ordering.contents.run.all_records.counts()
    standings = ordering.contents.standings
    return [
        {
            "name": label,
            "images": counts.get(label, 0),
            "scale": _short(gallery.scales.get(label)),
            "undecided": _undecided(standings.get(label)),
            "typical": _by_bound(standings.get(label)),
        }
        for label in ordering.labels
    ]


def _undecided(standing: Standing | None) -> str | None:
    """What to say where a label's null is too small for any patch to stand above chance."""
    return standing.cannot_tell if standing and standing.tested and not standing.told else None


def _by_bound(standing: Standing | None) -> float | None:
    """The share of a label's patches that is typical at least, where the bound tells more than q-values do."""
    return _short(standing.typical / standing.patches) if standing and standing.by_bound else None


def _groups(ordering: Ordering, wording: Wording) -> list[dict[str, Any]]:
    contents = ordering.contents
    near = neighbours(contents, contents.run.features)
    numbers = {(ordering.labels[group.label], group.name): place for place, group in enumerate(ordering.groups)}
    clusters = {(one.label, str(one.cluster)): one for label in ordering.labels for one in contents.clusters(label)}
    purities = _purities(contents.run)
    q_values = contents.column("q_value") if "q_value" in contents.run.patches.column_names else None
    groups = []
    for group in ordering.groups:
        rows = ordering.rows[group.start : group.stop]
        row = {**asdict(group), "images": len(set(contents.image_ids(rows)))}
        if cluster := clusters.get((ordering.labels[group.label], group.name)):
            near_by = near[cluster.label, cluster.cluster]
            row["near"] = [[numbers[label, str(one)], round(cosine, 3)] for label, one, cosine in near_by]
            row["facts"] = {key: _short(value) for key, value in cluster.facts.items() if key != "label"}
            row |= purities.get((cluster.label, cluster.cluster), {})
            row["words"] = cluster.suggestions
            row["verdict"] = asdict(cluster.verdict)
            row["flags"] = [
                {"mark": one.mark, "sentence": wording.text(one.sentence), "severity": one.severity}
                for one in cluster.flags
            ]
        standing = contents.standings.get(ordering.labels[group.label])
        by_q_values = standing is None or (standing.decidable and not standing.by_bound)
        if by_q_values and q_values is not None and len(known := q_values[rows][~np.isnan(q_values[rows])]):
            row["significant"] = _short(float(np.mean(known <= FALSE_DISCOVERIES)))
        groups.append(row)
    return groups


def _purities(run: Run) -> dict[tuple[str, int], dict[str, Any]]:
    """(label, cluster) -> what its members show, where the run has masks.

    ``purity``: the share that shows the element which most of them show, if any; ``shows``: that element; ``base``: the
    share of the label's cluster members that shows it.
    """
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for one in cluster_contents(run):
        elements = [place for place, kind in enumerate(one.kinds) if kind]
        counts, sizes = one.counts.sum(axis=0), one.counts.sum(axis=(0, 2))
        for cluster in np.flatnonzero(sizes).tolist():
            most = max(elements, key=lambda place: counts[cluster, place], default=None)
            if most is None or counts[cluster, most] == 0:
                found[one.label, cluster] = {"purity": 0.0}
            else:
                purity, base = counts[cluster, most] / sizes[cluster], counts[:, most].sum() / sizes.sum()
                shown = {"purity": _short(float(purity)), "shows": one.kinds[most], "base": _short(float(base))}
                found[one.label, cluster] = shown
    return found


def _patches(ordering: Ordering) -> dict[str, Any]:
    """How many there are; the number of each, the most typical first; and their columns."""
    contents, rows = ordering.contents, ordering.rows
    places = {image_id: place for place, image_id in enumerate(ordering.image_ids)}
    typicality = contents.column("typicality")[rows]
    columns = {
        "image": np.array([places[image_id] for image_id in contents.image_ids(rows)], dtype=np.int64),
        "box": np.stack([contents.column(name)[rows] for name in Box._fields], axis=1).ravel(),
        "rank": contents.column("rank")[rows],
        "byTypicality": np.argsort(-typicality, kind="stable"),
    }
    names = {"typicality": "typicality", "typicality_stderr": "stderr", "p_value": "p", "q_value": "q"}
    for name, short in names.items():
        if name in contents.run.patches.column_names:
            columns[short] = contents.column(name)[rows].astype(np.float32)
    return {"count": len(rows), "columns": {name: packed(values) for name, values in columns.items()}}


def _added_columns(ordering: Ordering) -> list[dict[str, Any]]:
    """What plugins know of each patch."""
    added = added_columns(ordering.contents, ordering.rows)
    return [{"name": name, "values": [_shown(one) for one in values.to_pylist()]} for name, values in added.items()]


def _shown(value: Any) -> Any:
    return _short(value) if value is None or isinstance(value, int | float | str) else str(value)


def _map(one: Map) -> dict[str, Any]:
    (x, y), (own_x, own_y) = one.everywhere.T, one.own.T
    return {"name": one.name, "x": packed(x), "y": packed(y), "ownX": packed(own_x), "ownY": packed(own_y)}


def _images(ordering: Ordering, gallery: Gallery, wording: Wording) -> list[list[Any]]:
    records = ordering.contents.run.records
    numbers = {label: number for number, label in enumerate(ordering.labels)}

    def row(place: int, record: ImageRecord) -> list[Any]:
        shown = int(record.image_id in gallery.overlays)
        labels = [numbers[label] for label in record.labels]
        name = wording.picture(record.path, place)
        return [record.image_id, name, record.width, record.height, labels, shown]

    return [row(place, records[image_id]) for place, image_id in enumerate(ordering.image_ids)]


def _numbers(values: Sequence[float | None]) -> list[Any]:
    return [_short(value) for value in values]


def _short(value: Any) -> Any:
    """Four significant digits; what is not finite becomes null."""
    if not isinstance(value, float):
        return value
    return float(f"{value:.4g}") if np.isfinite(value) else None
