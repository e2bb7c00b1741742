"""Drawn opacities in ChestX-ray14's published layout: a table of findings, one of boxes, lists of names, pictures."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from diffmine.files.atomic import replacement, write_atomically
from diffmine.interfaces import Progress
from diffmine.numerics.seeding import numpy_generator
from diffmine_localize.opacity_drawing import DRAWN, Blob, chest

NOTHING = "No Finding"
BOXES = "BBox_List_2017.csv"
METADATA = "metadata.csv"
IMAGES = "images"
ORIGINAL = 1024
"""Boxes are in pixels of pictures of this side."""
SPELLED_OTHERWISE = {"Infiltration": "Infiltrate"}
"""As the published table of boxes spells it."""
HEALTHY, SEVERAL = 0.25, 0.2
"""Shares of pictures without a finding, and, of the others, with two."""


@dataclass(frozen=True, slots=True)
class Case:
    """One picture: its name, its findings, and whether they are boxed."""

    name: str
    findings: tuple[str, ...]
    boxed: bool


def cases(pictures: int, boxed: float, seed: int) -> Iterator[Case]:
    """What is drawn: pictures of no finding, of one or of two, of which a share is boxed."""
    for number in range(pictures):
        draw = numpy_generator(seed, "opacities", number)
        ill = draw.random() >= HEALTHY
        several = 2 if draw.random() < SEVERAL else 1
        chosen = sorted(str(one) for one in draw.choice(list(DRAWN), several, replace=False))
        marked = bool(draw.random() < boxed)
        yield Case(f"{number:08d}_000.png", tuple(chosen) if ill else (NOTHING,), ill and marked)


def blobs(case: Case, seed: int) -> list[Blob]:
    """The opacities of a picture, in the order of its findings."""
    return [DRAWN[one](numpy_generator(seed, "blob", case.name, one)) for one in case.findings if one in DRAWN]


def write_published(
    folder: Path, *, pictures: int, boxed: float, size: int, seed: int, progress: Progress | None = None
) -> Path:
    """Write the layout; pictures that are there already are kept.

    Args:
        pictures: how many.
        boxed: share of the pictures with findings that have boxes; those are in ``test_list.txt``, as published.
        size: side in pixels.
    """
    told = progress or Progress()
    drawn = list(cases(pictures, boxed, seed))
    told.start(len(drawn), "drawings")
    for case in drawn:
        path = folder / IMAGES / case.name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = chest(numpy_generator(seed, "chest", case.name), blobs(case, seed), size)
            with replacement(path) as draft:
                Image.fromarray(pixels).save(draft, format="PNG")
        told.advance()
    rows = [(one.name, "|".join(one.findings), 0, number) for number, one in enumerate(drawn)]
    _csv(folder / METADATA, ("Image Index", "Finding Labels", "Follow-up #", "Patient ID"), rows)
    header = ("Image Index", "Finding Label", "Bbox [x", "y", "w", "h]", "", "", "")
    _csv(folder / BOXES, header, (row for one in drawn if one.boxed for row in _boxes(one, seed)))
    for name, wanted in (("train_val_list.txt", False), ("test_list.txt", True)):
        lines = "".join(f"{one.name}\n" for one in drawn if one.boxed is wanted)
        write_atomically(folder / name, lines.encode())
    return folder


def _boxes(case: Case, seed: int) -> Iterator[tuple[str, ...]]:
    for finding, blob in zip(case.findings, blobs(case, seed), strict=True):
        numbers = [f"{ORIGINAL * value:.2f}" for value in blob.box()]
        yield (case.name, SPELLED_OTHERWISE.get(finding, finding), *numbers, "", "", "")


def _csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    write_atomically(path, text.getvalue().encode())
