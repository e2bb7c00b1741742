"""What lies in a folder of labelled pictures, and what may be wrong with it."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import tomli_w
from numpy.typing import NDArray
from PIL import Image

from diffmine.engine.running import run
from diffmine.interfaces import Listener
from diffmine.numerics.seeding import numpy_generator
from diffmine.runs.run import Run
from diffmine.types import ByteArray, ImageRecord

COPY = "duplicate of "
"""How ``skipped.csv`` begins to say what a merged picture is a copy of."""
MOST_COMPARED = 4000
"""Pictures that are compared with each other; of more, so many are drawn."""
NEAR = 3
"""Bits of 64 by which the hashes of near-duplicates differ at most."""
ALIKE = 6.0
"""Of 255 levels, the mean difference of their thumbnails at most."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What was found.

    Attributes:
        counts: label -> usable pictures, by label.
        shorter_side: pixels, the median.
        unreadable: path and cause of pictures that cannot be used.
        copies: path, and what it is an exact copy of, under the same label.
        contradictions: pictures that lie under several labels, with those.
        near: pairs of pictures under different labels that look alike.
        near_within: the same, of pictures that share a label.
        compared: pictures that were compared for that.
        alike: labels that differ by case, accents or punctuation alone, in groups.
    """

    counts: Mapping[str, int]
    shorter_side: int
    unreadable: Sequence[tuple[str, str]]
    copies: Sequence[tuple[str, str]]
    contradictions: Sequence[tuple[str, tuple[str, ...]]]
    near: Sequence[tuple[str, str]]
    near_within: Sequence[tuple[str, str]]
    compared: int
    alike: Sequence[tuple[str, ...]]

    @property
    def pictures(self) -> int:
        """Usable ones."""
        return sum(self.counts.values())

    @property
    def imbalance(self) -> float:
        """Pictures of the largest label for one of the smallest."""
        return max(self.counts.values()) / min(self.counts.values())


def survey(dataset: Mapping[str, Any], listener: Listener) -> Survey:
    """Look at every picture once; nothing is kept.

    Args:
        dataset: the recipe's ``[dataset]``, with absolute paths.
        listener: hears how far it is.
    Raises:
        DataError, RecipeError: there is no such folder, there are no labels, or too many pictures cannot be used.
    """
    with TemporaryDirectory() as place:
        recipe = Path(place) / "survey.toml"
        table = {**dataset, "holdout": 0.0, "max_bad_fraction": 1.0}
        recipe.write_text(tomli_w.dumps({"name": "survey", "dataset": table}), encoding="utf-8")
        listed = run(recipe, out=Path(place) / "run", store=Path(place) / "store", until="images", listener=listener)
        return _surveyed(listed)


def _surveyed(listed: Run) -> Survey:
    records = listed.all_records
    skipped = [(row["path"], row["cause"]) for row in listed.skipped]
    several = sorted((one.path, one.labels) for one in records if len(one.labels) > 1)
    contradicting = {path for path, _ in several}
    copies = [(path, cause.removeprefix(COPY)) for path, cause in skipped if cause.startswith(COPY)]
    order = numpy_generator("survey").permutation(len(records))[:MOST_COMPARED]
    chosen = list(records.take(np.sort(order)))
    pairs = list(near_duplicates(listed, chosen))
    return Survey(
        counts=records.counts(),
        shorter_side=int(np.median([min(one.width, one.height) for one in records])),
        unreadable=[(path, cause) for path, cause in skipped if not cause.startswith(COPY)],
        copies=[(path, original) for path, original in copies if original not in contradicting],
        contradictions=several,
        near=_paths(one for one in pairs if not _share_a_label(*one)),
        near_within=_paths(one for one in pairs if _share_a_label(*one)),
        compared=len(chosen),
        alike=alike(listed.labels),
    )


def near_duplicates(listed: Run, records: Sequence[ImageRecord]) -> Iterator[tuple[ImageRecord, ImageRecord]]:
    """Pairs of pictures that are nearly one, by their hashes and by their pixels."""
    pictures = [listed.picture(one.image_id) for one in records]
    hashes = np.array([difference_hash(one) for one in pictures])
    thumbs = np.array([thumbnail(one) for one in pictures])
    for place, one in enumerate(records):
        apart = np.bitwise_count(hashes[place + 1 :] ^ hashes[place])
        for other in (place + 1 + np.flatnonzero(apart <= NEAR)).tolist():
            if np.abs(thumbs[place] - thumbs[other]).mean() <= ALIKE:
                yield one, records[other]


def _share_a_label(one: ImageRecord, other: ImageRecord) -> bool:
    return bool(set(one.labels) & set(other.labels))


def _paths(pairs: Iterable[tuple[ImageRecord, ImageRecord]]) -> list[tuple[str, str]]:
    return sorted((min(one.path, other.path), max(one.path, other.path)) for one, other in pairs)


def thumbnail(pixels: ByteArray) -> NDArray[np.int16]:
    """The picture as 16 x 16 pixels, (16, 16, 3)."""
    return np.asarray(Image.fromarray(pixels).resize((16, 16), Image.Resampling.BOX), dtype=np.int16)


def difference_hash(pixels: ByteArray) -> np.uint64:
    """64 bits: whether each of 8 x 8 cells is darker than its right neighbour (Krawetz 2013, dHash).

    Args:
        pixels: uint8, (height, width, 3).
    """
    grey = np.asarray(Image.fromarray(pixels).convert("L").resize((9, 8), Image.Resampling.LANCZOS), dtype=np.int16)
    bits: NDArray[np.bool_] = grey[:, :-1] < grey[:, 1:]
    return np.uint64(int.from_bytes(np.packbits(bits.ravel()).tobytes(), "big"))


def alike(labels: Iterable[str]) -> list[tuple[str, ...]]:
    """Labels that are one and the same but for case, accents, spaces and punctuation, in groups of two and more."""
    groups: dict[str, list[str]] = defaultdict(list)
    for label in labels:
        groups[_plain(label)].append(label)
    return [tuple(sorted(group)) for _, group in sorted(groups.items()) if len(group) > 1]


def _plain(label: str) -> str:
    decomposed = unicodedata.normalize("NFKD", label).casefold()
    return "".join(letter for letter in decomposed if letter.isalnum())
