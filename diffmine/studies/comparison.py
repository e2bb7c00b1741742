"""How far the runs of a study agree, pair by pair."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from diffmine.analysis.agreement import Agreement, compare_runs
from diffmine.analysis.matching import FATES, Fate
from diffmine.studies.entries import Choice, Entry


@dataclass(frozen=True, slots=True)
class Pair:
    """Two runs over the same pictures, and how far they agree."""

    first: Entry
    second: Entry
    agreement: Agreement

    def fates(self) -> dict[Fate, int]:
        """How many clusters were kept, split, merged, new, lost."""
        counts = Counter(match.fate for match in self.agreement.matches)
        return {fate: counts[fate] for fate in FATES}


class Comparison:
    """The agreement of every two runs that are about the same pictures.

    Attributes:
        pairs: those runs.
        apart: number of pairs of runs that are about different pictures, such as those of two seeds that drew anew.
    """

    def __init__(self, entries: Sequence[Entry]) -> None:
        comparable = [entry for entry in entries if entry.run is not None and "clusters" in entry.run.info["stages"]]
        digests = {id(entry): _digests(entry) for entry in comparable}
        together = [pair for pair in combinations(comparable, 2) if digests[id(pair[0])] == digests[id(pair[1])]]
        self.pairs = [Pair(one, other, _agreement(one, other)) for one, other in together]
        self.apart = len(comparable) * (len(comparable) - 1) // 2 - len(together)

    @cached_property
    def choices(self) -> list[Choice]:
        """Every variant and grid point that was compared with another."""
        return list(dict.fromkeys(entry.choice for pair in self.pairs for entry in (pair.first, pair.second)))

    def matrix(self, measure: str = "adjusted_rand") -> NDArray[np.float64]:
        """A measure of agreement between choices, mean over seeds, (choices, choices); NaN where none is known.

        The diagonal is the agreement of a choice with itself under other seeds where those shared pictures, else 1.
        """
        found: dict[tuple[Choice, Choice], list[float]] = {}
        for pair in self.pairs:
            value = getattr(pair.agreement, measure)
            for key in ((pair.first.choice, pair.second.choice), (pair.second.choice, pair.first.choice)):
                found.setdefault(key, []).append(value)
        matrix = np.full((len(self.choices), len(self.choices)), np.nan)
        np.fill_diagonal(matrix, 1.0)
        for (one, other), values in found.items():
            matrix[self.choices.index(one), self.choices.index(other)] = np.mean(values)
        return matrix

    def agreement_table(self) -> pa.Table:
        """Rows of ``agreement.csv``: a row a pair of runs."""
        rows = [
            {
                **_names(pair),
                "shared_patches": pair.agreement.shared,
                "common": pair.agreement.common,
                "adjusted_rand": _known(pair.agreement.adjusted_rand),
                "normalised_mutual_information": _known(pair.agreement.mutual_information),
                "rank_correlation": _known(pair.agreement.rank_correlation),
                **pair.fates(),
            }
            for pair in self.pairs
        ]
        return pa.Table.from_pylist(rows, schema=AGREEMENT)

    def matches_table(self) -> pa.Table:
        """Rows of ``clusters.csv``: what became of each cluster from the first run of a pair to the second."""
        rows = [
            {
                **_names(pair),
                "label": match.label,
                "fate": match.fate,
                "first_clusters": " ".join(map(str, match.first)),
                "second_clusters": " ".join(map(str, match.second)),
                "overlap": match.overlap,
            }
            for pair in self.pairs
            for match in pair.agreement.matches
        ]
        return pa.Table.from_pylist(rows, schema=MATCHES)


PAIR = [
    ("first_run", pa.string()),
    ("first_seed", pa.int64()),
    ("second_run", pa.string()),
    ("second_seed", pa.int64()),
]
AGREEMENT = pa.schema(
    [
        *PAIR,
        ("shared_patches", pa.int64()),
        ("common", pa.float64()),
        ("adjusted_rand", pa.float64()),
        ("normalised_mutual_information", pa.float64()),
        ("rank_correlation", pa.float64()),
        *((fate, pa.int64()) for fate in FATES),
    ]
)
MATCHES = pa.schema(
    [
        *PAIR,
        ("label", pa.string()),
        ("fate", pa.string()),
        ("first_clusters", pa.string()),
        ("second_clusters", pa.string()),
        ("overlap", pa.float64()),
    ]
)


def _names(pair: Pair) -> dict[str, str | int]:
    return {
        "first_run": str(pair.first.choice),
        "first_seed": pair.first.seed,
        "second_run": str(pair.second.choice),
        "second_seed": pair.second.seed,
    }


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _digests(entry: Entry) -> frozenset[str]:
    assert entry.run is not None
    return frozenset(entry.run.images["digest"].to_pylist())


def _agreement(one: Entry, other: Entry) -> Agreement:
    assert one.run is not None
    assert other.run is not None
    return compare_runs(one.run, other.run)
