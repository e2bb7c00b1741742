"""A run's pictures measured against what was boxed, one picture under one finding at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from diffmine.analysis.annotated import Annotated, MeasuredSplit, annotated
from diffmine.analysis.localisation import boxes_of, paper_auc_pr
from diffmine_localize.overlap import Overlaps, chosen_overlaps, hit, overlaps

if TYPE_CHECKING:
    from diffmine.runs.run import Run


@dataclass(frozen=True, slots=True)
class Located:
    """One picture under one finding, its map measured against the finding's boxes.

    Attributes:
        image_id, path, finding: which.
        share, mask_share: of the picture that lies in boxes, and in the mask, which is the boxes where there is no
            finer one.
        paper_auc_pr, paper_auc_pr_chance: see :func:`diffmine.analysis.localisation.paper_auc_pr`.
        average_precision: of all pixels.
        inside, outside: mean typicality; NaN outside of boxes that cover the picture.
        iou: with the mask, at the threshold that other pictures chose; NaN where none could.
        hit: whether the highest pixel is on the mask.
    """

    image_id: str
    path: str
    finding: str
    share: float
    mask_share: float
    paper_auc_pr: float
    paper_auc_pr_chance: float
    average_precision: float
    inside: float
    outside: float
    iou: float
    hit: float

    @property
    def key(self) -> tuple[str, str]:
        return self.image_id, self.finding


def located(run: Run) -> list[Located]:
    """Every picture that figures are told of, under each finding that is boxed in it, by finding and path."""
    choosing = _by_finding(_measured(run, "validation"))
    found = []
    for finding, pairs in sorted(_by_finding(_measured(run, "heldout")).items()):
        rows, grids = zip(*sorted(pairs, key=lambda pair: pair[0].path), strict=True)
        others = [grid for _, grid in choosing.get(finding, ())]
        chosen = chosen_overlaps(grids, [row.image_id for row in rows], others)
        found += [replace(row, iou=float(value)) for row, value in zip(rows, chosen, strict=True)]
    return found


def _measured(run: Run, split: MeasuredSplit) -> Iterator[tuple[Located, Overlaps]]:
    for one in annotated(run, split):
        yield _locate(run, one)


def _locate(run: Run, one: Annotated) -> tuple[Located, Overlaps]:
    from sklearn.metrics import average_precision_score

    boxes, heat = boxes_of(run, one), run.typicality_image(one.record.image_id, one.label)
    area, chance = paper_auc_pr(boxes, heat)
    row = Located(
        one.record.image_id,
        one.record.path,
        one.label,
        share=float(boxes.mean()),
        mask_share=float(one.mask.mean()),
        paper_auc_pr=area,
        paper_auc_pr_chance=chance,
        average_precision=float(average_precision_score(boxes.ravel(), heat.ravel())),
        inside=float(heat[boxes].mean()),
        outside=float(heat[~boxes].mean()) if not boxes.all() else float("nan"),
        iou=float("nan"),
        hit=hit(one.mask, heat),
    )
    return row, overlaps(one.mask, heat)


def _by_finding(
    pairs: Iterable[tuple[Located, Overlaps]],
) -> Mapping[str, list[tuple[Located, Overlaps]]]:
    found: dict[str, list[tuple[Located, Overlaps]]] = defaultdict(list)
    for row, grid in pairs:
        found[row.finding].append((row, grid))
    return found
