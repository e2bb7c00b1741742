"""Which clusters of a run are best supported: those of whose members most are truly typical, by a lower bound."""

from __future__ import annotations

from collections.abc import Sequence

from diffmine.runs.contents import Cluster, Contents


def best_supported(contents: Contents, count: int) -> list[Cluster]:
    """Clusters of which some share of the members is typical beyond chance (``at_least`` above 0), the best first.

    Each label comes once before any comes twice. Within a label, clusters that a person has starred come first, and
    those that the run warns of last.

    Args:
        count: how many at most.
    """
    ranked = [[one for one in _ranked(contents, label) if _bound(one) > 0] for label in contents.labels]
    return _dealt(ranked, count)


def highest_ranked(contents: Contents, count: int) -> list[Cluster]:
    """The clusters of highest median typicality, whatever supports them; each label once before any comes twice."""
    return _dealt([contents.best_clusters(label) for label in contents.labels], count)


def _ranked(contents: Contents, label: str) -> list[Cluster]:
    return sorted(contents.best_clusters(label), key=lambda one: (not one.starred, bool(one.marks), *_strength(one)))


def _dealt(ranked: Sequence[Sequence[Cluster]], count: int) -> list[Cluster]:
    """The first of each, the strongest of these first; then the second of each, and so on."""
    depth = max(map(len, ranked), default=0)
    rounds = [sorted((one[place] for one in ranked if place < len(one)), key=_strength) for place in range(depth)]
    return [one for dealt in rounds for one in dealt][:count]


def _strength(one: Cluster) -> tuple[float, float]:
    return -_bound(one), -one.facts["median_typicality"]


def _bound(one: Cluster) -> float:
    """``at_least``; 0 where nothing was tested, also in runs of earlier versions."""
    return one.facts.get("at_least") or 0.0
