"""View ``across-labels``: elements as rows of labels, pictures as strips of their translations."""

from __future__ import annotations

import base64
import io
from collections import defaultdict
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from diffmine.drawing.crops import cut
from diffmine.interfaces import View
from diffmine.types import ByteArray
from diffmine_translate.places import OUTCOMES
from diffmine_translate.reading import Translations, box_of

if TYPE_CHECKING:
    from diffmine.runs.run import Run

CLUSTERS, MEMBERS, PICTURES = 12, 5, 3
"""At most so many clusters, places of each, and pictures of each label, so that the page stays light."""
CROP, WHOLE = 64, 160
"""Longest sides, pixels."""


class AcrossLabelsView(View):
    """Elements across labels: places of pictures in the version of each label, and what becomes of them there."""

    name = "across-labels"
    title = "Across labels"

    def data(self, run: Run) -> Any:
        found = Translations.of(run)
        if found is None:
            return None
        shown = found.clusters[:CLUSTERS]
        return {
            "labels": found.labels,
            "outcomes": OUTCOMES,
            "clusters": [{**_facts(one), **_trend(found, one["cluster"]), "rows": _rows(found, one)} for one in shown],
            "more": len(found.clusters) - len(shown),
            "pictures": _pictures(found),
        }

    def script(self) -> str:
        return files("diffmine_translate").joinpath("view.js").read_text(encoding="utf-8")


def _facts(cluster: dict[str, Any]) -> dict[str, Any]:
    return {"typicality": cluster["median_typicality"], "places": cluster["size"], "images": cluster["images"]}


def _trend(found: Translations, cluster: int) -> dict[str, Any]:
    """What becomes of the cluster's places in each label, summed over the labels that they come from."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0] * len(OUTCOMES))
    for row in found.trends:
        if row["cluster"] == cluster:
            counts[row["target"]] = [
                before + row[name] for before, name in zip(counts[row["target"]], OUTCOMES, strict=True)
            ]
    return {"trend": [counts[label] for label in found.labels]}


def _rows(found: Translations, cluster: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "source": place["source"],
            "crops": [
                _webp(cut(one, box_of(place), CROP)) for one in found.versions(place["image_id"], place["source"])
            ],
            "outcomes": [found.outcomes.get((place["place"], label)) for label in found.labels],
        }
        for place in found.members(cluster["cluster"])[:MEMBERS]
    ]


def _pictures(found: Translations) -> list[dict[str, Any]]:
    taken: dict[str, int] = defaultdict(int)
    strips = []
    for (image_id, source), rows in found.pictures.items():
        taken[source] += 1
        if taken[source] <= PICTURES:
            strips.append(
                {
                    "source": source,
                    "versions": [_webp(one) for one in found.versions(image_id, source)],
                    "translated": [row["translated"] for row in rows],
                    "seenAs": [row["seen_as"] for row in rows],
                    "psnr": [round(row["psnr"], 1) for row in rows],
                }
            )
    return strips


def _webp(pixels: ByteArray) -> str:
    """A picture as a link that holds it, at most ``WHOLE`` pixels on its longer side."""
    image = Image.fromarray(np.ascontiguousarray(pixels))
    image.thumbnail((WHOLE, WHOLE))
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=85)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
