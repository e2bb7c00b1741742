"""A page to share: the elements of a run that are best supported, each on whole pictures, with its evidence."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image

from diffmine.analysis.supported import best_supported, highest_ranked
from diffmine.drawing.crops import crops
from diffmine.drawing.web import HERE, base_style, policy, templates
from diffmine.runs.contents import WORDS, Cluster, Contents
from diffmine.runs.in_sample import why_no_p_values
from diffmine.types import Box, ByteArray

if TYPE_CHECKING:
    from diffmine.runs.run import Run

ELEMENTS = 5
PICTURES = 3
CROPS = 8
SIDE = 640
"""Long side of a whole picture at most, pixels."""
CROP_SIDE = 112
QUALITY = 80
LOSSLESS = 128 * 128
"""Pixels of pictures that are kept as they are."""
NAMED_LABELS = 3


@dataclass(frozen=True, slots=True)
class Picture:
    """A whole picture with a patch of the element.

    Attributes:
        address: of its pixels, within the page.
        width, height: pixels, as the pipeline saw it.
        box: of the patch, in these.
    """

    address: str
    width: int
    height: int
    box: Box


@dataclass(frozen=True, slots=True)
class Element:
    """One element of the story.

    Attributes:
        label: whose it is.
        name: what to call it; empty: nobody has said.
        source: who suggests the name; empty: a person chose it.
        cluster: its number within the label.
        at_least: percent of its members that are typical at least; 0: nobody can tell.
        patches, pictures: how many there are of each.
        of: pictures of the label that were looked at.
        median: median typicality, with its interval where there is one.
        marks: what the run warns of.
        shown: whole pictures.
        crops: the addresses of its most central crops.
    """

    label: str
    name: str
    source: str
    cluster: int
    at_least: int
    patches: int
    pictures: int
    of: int
    median: str
    marks: Sequence[str]
    shown: Sequence[Picture]
    crops: Sequence[str]


def story(run: Run, title: str | None = None, count: int = ELEMENTS) -> str:
    """The HTML of the page; it names no file.

    Where nothing is supported, the page says so, and shows what ranks highest as what it is.

    Args:
        title: None: one is made of the labels.
        count: elements at most.
    """
    contents = run.contents
    supported = best_supported(contents, count)
    shown = supported or highest_ranked(contents, count)
    style = "\n".join([base_style(), (HERE / "story.css").read_text(encoding="utf-8")])
    return (
        templates(HERE)
        .get_template("story.html.jinja")
        .render(
            policy=policy(style),
            style=style,
            title=title or f"What sets {_listed(run.labels)} apart",
            run=run.info["name"],
            version=run.info.get("diffmine", ""),
            pictures=len(run.records),
            labels=len(run.labels),
            quantity=str(run.quantity),
            doubt="" if supported else _doubt(run),
            elements=[_element(contents, one) for one in shown],
        )
    )


def _doubt(run: Run) -> str:
    """Why no element is supported."""
    if why := why_no_p_values(run):
        return f"{why[:1].upper()}{why[1:]}."
    tested = [one for one in run.contents.standings.values() if one.tested]
    if not tested:
        return "The run did not hold its patches against those of other labels, so nothing is known of chance."
    if not any(one.decidable for one in tested):
        return "There are too few pictures of other labels to compare with, so chance cannot be ruled out."
    return "Chance alone may have given what was found: of no element can it be said that any share of it is typical."


def _listed(labels: Sequence[str]) -> str:
    if len(labels) <= NAMED_LABELS + 1:
        return " and ".join(part for part in (", ".join(labels[:-1]), labels[-1] if labels else "") if part)
    return f"{', '.join(labels[:NAMED_LABELS])} and {len(labels) - NAMED_LABELS} other labels"


def _element(contents: Contents, one: Cluster) -> Element:
    said = next((description for description in one.descriptions if description.words), None)
    records = contents.run.all_records
    facts = one.facts
    return Element(
        label=one.label,
        name=one.name or (", ".join(word.text for word in said.words[:WORDS]) if said else ""),
        source=said.source if said and not one.name else "",
        cluster=one.cluster,
        at_least=math.floor(100 * (facts.get("at_least") or 0.0) + 0.01),
        patches=len(one.rows),
        pictures=len(set(contents.image_ids(one.rows))),
        of=int((records.mined & records.carrying(one.label)).sum()),
        median=_interval(facts["median_typicality"], facts.get("median_low"), facts.get("median_high")),
        marks=one.marks,
        shown=_whole_pictures(contents, one),
        crops=_strip(contents, one),
    )


def _interval(value: float, low: float | None, high: float | None) -> str:
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return f"{value:.3g}"
    return f"{value:.3g} ({low:.3g} to {high:.3g})"


def _whole_pictures(contents: Contents, one: Cluster) -> list[Picture]:
    """Of the most central members, from as many pictures."""
    found: dict[str, Picture] = {}
    for image_id, box in zip(contents.image_ids(one.rows), contents.boxes(one.rows), strict=True):
        if image_id not in found:
            pixels = contents.run.picture(image_id)
            found[image_id] = Picture(_address(pixels), pixels.shape[1], pixels.shape[0], box)
        if len(found) == PICTURES:
            break
    return [*found.values()]


def _strip(contents: Contents, one: Cluster) -> list[str]:
    return [_address(cell) for cell in crops(contents, one.rows[:CROPS], CROP_SIDE)]


def _address(pixels: ByteArray) -> str:
    """The pixels as WebP in a data URL."""
    image, buffer = Image.fromarray(pixels), io.BytesIO()
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    lossless = image.width * image.height <= LOSSLESS
    image.save(buffer, "WEBP", quality=QUALITY, lossless=lossless, method=4)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
