"""Whole pictures with their typicality and masks: as many as fit, the best members of the best clusters first."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from diffmine.builtin.reports.explorer.ordering import Ordering
from diffmine.processes.threads import in_threads
from diffmine.types import BoolArray, ByteArray, FloatArray

LOSSLESS_PIXELS = 128 * 128
"""Pictures as small as this are kept as they are: they cost little and are shown enlarged."""


@dataclass
class Gallery:
    """The whole pictures of the page.

    Attributes:
        overlays: image_id -> ``maps`` of typicality and ``influence`` (label -> height, width, largest value, base64
            of int8) and ``masks`` (label -> run lengths).
        scales: label -> the typicality at which its colours saturate.
        bytes: what all of it takes.
    """

    overlays: dict[str, dict[str, Any]] = field(default_factory=dict)
    scales: dict[str, float] = field(default_factory=dict)
    bytes: int = 0


def write_pictures(ordering: Ordering, folder: Path, budget: int, size: int, quality: int) -> Gallery:
    """Write whole pictures to ``pictures/`` until the budget is spent.

    Args:
        budget: bytes.
        size: the long side at most, pixels.
        quality: of WebP, 0 to 100.
    """
    run, gallery = ordering.contents.run, Gallery()
    (folder / "pictures").mkdir(exist_ok=True)

    def prepare(image_id: str) -> tuple[str, bytes, dict[str, Any]]:
        scored = [run.maps.load(image_id, label) for label in run.scored_labels(image_id)]
        maps = {one.label: quantise(one.mean) for one in scored}
        influence = {one.label: quantise(one.influence) for one in scored if one.influence is not None}
        masks = {label: run_lengths(mask) for label, mask in run.masks(image_id).items()}
        return (
            image_id,
            encode(run.picture(image_id), size, quality),
            {"maps": maps, "influence": influence, "masks": masks},
        )

    for image_id, data, overlay in in_threads(prepare, by_importance(ordering)):
        cost = len(data) + len(json.dumps(overlay, ensure_ascii=False, separators=(",", ":")).encode())
        if gallery.bytes + cost > budget:
            break
        (folder / "pictures" / f"{image_id}.webp").write_bytes(data)
        gallery.bytes += cost
        gallery.overlays[image_id] = overlay
    gallery.scales = _scales(ordering, gallery)
    return gallery


def by_importance(ordering: Ordering) -> Iterator[str]:
    """Every picture once: those of the first members of all groups, then of the second ones, and so on."""
    image_ids = ordering.contents.image_ids(ordering.rows)
    depth = max((group.stop - group.start for group in ordering.groups), default=0)
    seen = set()
    for place in range(depth):
        for group in ordering.groups:
            if group.start + place < group.stop and (one := image_ids[group.start + place]) not in seen:
                seen.add(one)
                yield one


def encode(pixels: ByteArray, size: int, quality: int) -> bytes:
    """The picture as WebP; lossless where it is small."""
    image = Image.fromarray(pixels)
    image.thumbnail((size, size), Image.Resampling.LANCZOS)
    small = image.width * image.height <= LOSSLESS_PIXELS
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=quality, lossless=small, method=4)
    return buffer.getvalue()


def quantise(values: FloatArray) -> tuple[int, int, float, str]:
    """A map as height, width, largest absolute value, and base64 of int8 from -127 to 127."""
    largest = float(f"{np.abs(values).max(initial=0.0):.5g}") or 1.0
    levels = np.clip(np.rint(values / largest * 127), -127, 127).astype(np.int8)
    return values.shape[0], values.shape[1], largest, base64.b64encode(levels.tobytes()).decode()


def run_lengths(mask: BoolArray) -> list[int]:
    """Lengths of the runs of equal pixels, row by row, beginning with False."""
    flat = np.concatenate([[False], mask.ravel(), [not mask.flat[-1]]]) if mask.size else np.zeros(1, dtype=bool)
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    return [int(one) for one in np.diff(edges, prepend=0)]


def _scales(ordering: Ordering, gallery: Gallery) -> dict[str, float]:
    values: dict[str, list[np.ndarray[Any, Any]]] = {}
    for image_id, overlay in gallery.overlays.items():
        for label in ordering.contents.run.records[image_id].labels:
            if label in overlay["maps"]:
                _, _, largest, text = overlay["maps"][label]
                levels = np.frombuffer(base64.b64decode(text), dtype=np.int8)
                values.setdefault(label, []).append(np.abs(levels.astype(np.float32)) * (largest / 127))
    return {label: float(np.quantile(np.concatenate(parts), 0.995)) or 1.0 for label, parts in values.items()}
