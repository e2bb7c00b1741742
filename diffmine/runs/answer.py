"""What a run found, in three sentences, and what to do next: what every report opens with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from diffmine.runs.contents import Cluster, Contents
from diffmine.runs.in_sample import why_no_p_values
from diffmine.runs.next_steps import next_steps
from diffmine.runs.telling import Telling, telling
from diffmine.runs.verdicts import VerdictKind, percent_at_least
from diffmine.types import Description

if TYPE_CHECKING:
    from diffmine.runs.run import Run

MOST_LABELS = 4
"""Labels of which a sentence names the best cluster, or that it lists."""
MOST_WORDS = 3
"""Words by which it names one."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a run found.

    Attributes:
        apart: whether the labels can be told apart at all.
        typical: what is most typical of each.
        sure: how sure that is.
        next_steps: what to do next, a sentence each; none where nothing is called for.
    """

    apart: str
    typical: str
    sure: str
    next_steps: tuple[str, ...] = ()

    @property
    def sentences(self) -> tuple[str, str, str]:
        """The three sentences."""
        return self.apart, self.typical, self.sure

    def __str__(self) -> str:
        steps = [f"- {step}" for step in self.next_steps]
        return "\n".join([" ".join(self.sentences), *(["What to do next:", *steps] if steps else [])])


def answer(run: Run) -> Answer:
    """The answer of a run whose clusters are done."""
    contents, told = run.contents, telling(run)
    best = best_of_each(contents)
    clusters = [one for label in contents.labels for one in contents.clusters(label)]
    kinds = Counter(one.verdict.kind for one in clusters)
    tested = any(one.facts.get("at_least") is not None for one in clusters)
    steps = tuple(next_steps(run, told, best))
    return Answer(_apart(told), _typical(contents.labels, best, tested), _sure(run, best, kinds, tested), steps)


def best_of_each(contents: Contents) -> dict[str, Cluster]:
    """Label -> of its typical clusters the one of which most is more than chance; labels without any are left out."""
    found = {
        label: [one for one in contents.clusters(label) if one.verdict.kind == "typical"] for label in contents.labels
    }
    return {
        label: max(clusters, key=lambda one: (one.facts["at_least"], -one.rank))
        for label, clusters in found.items()
        if clusters
    }


def _apart(told: Telling) -> str:
    said = f": {told.how}" if told.how else ""
    match told.verdict:
        case "unknown":
            return f"Whether the labels can be told apart was not measured{said}."
        case "no":
            return f"Nothing shows that the labels can be told apart{said}."
        case "a little":
            return f"The labels can be told apart a little{said}."
        case "yes":
            return f"The labels can be told apart{said}."


def _typical(labels: Sequence[str], best: dict[str, Cluster], tested: bool) -> str:
    if not tested:
        return "The clusters are those that rank highest, and whether they are typical cannot be told."
    if not best:
        return "No cluster is surely typical of its label, so what they show may be chance."
    order = sorted(best, key=lambda label: (-best[label].facts["at_least"], label))
    shown = [best[label] for label in order[:MOST_LABELS]]
    named = "; ".join(f"of {cluster.label!r}, {_named(cluster)}" for cluster in shown)
    more = f"; and so on for {len(order) - MOST_LABELS} more labels" if len(order) > MOST_LABELS else ""
    none = [label for label in labels if label not in best]
    without = f"; nothing sure of {_listed(none)}" if none else ""
    sources = sorted({said.source for one in shown if not one.name and (said := _suggested(one))})
    whose = f' ("maybe" is what {" or ".join(sources)} suggests)' if sources else ""
    return f"Most typical {named}{more}{without}{whose}."


def _named(cluster: Cluster) -> str:
    """``cluster 3 (maybe wheel, black)``, or ``cluster 3 (spoked wheel)`` where a person has named it."""
    said = _suggested(cluster)
    called = cluster.name or (f"maybe {', '.join(one.text for one in said.words[:MOST_WORDS])}" if said else "")
    return f"cluster {cluster.cluster}" + (f" ({called})" if called else "")


def _suggested(cluster: Cluster) -> Description | None:
    """What the first describer says that has words for a cluster."""
    return next((one for one in cluster.descriptions if one.words), None)


def _sure(run: Run, best: dict[str, Cluster], kinds: Counter[VerdictKind], tested: bool) -> str:
    if not tested:
        why = why_no_p_values(run) or "no patch was held against patches under wrong labels"
        return f"How sure that is cannot be said: {why.partition(':')[0]}."
    if not best:
        said = [f"none of the {count} clusters stands out"] if (count := kinds["cannot tell"]) else []
        said += [_warned_of(kinds["look"])] if kinds["look"] else []
        return f"Held against patches selected under wrong labels, {'; '.join(said)}."
    bounds = sorted(one.facts["at_least"] for one in best.values())
    low, high = percent_at_least(bounds[0]), percent_at_least(bounds[-1])
    span = low if low == high else f"{low.removesuffix(' %')} to {high}"
    return (
        f"At least {span} of {'its' if len(best) == 1 else 'their'} patches are more than chance, with 95 % "
        f"probability for all clusters of a label at once; of {kinds.total()} clusters, {_counted(kinds)}."
    )


def _counted(kinds: Counter[VerdictKind]) -> str:
    """``3 are typical, 2 cannot be told and 1 is warned of: look at it first``."""
    said = [f"{kinds['typical']} {'is' if kinds['typical'] == 1 else 'are'} typical"]
    said += [f"{kinds['cannot tell']} cannot be told"] if kinds["cannot tell"] else []
    said += [_warned_of(kinds["look"])] if kinds["look"] else []
    return " and ".join([", ".join(said[:-1]), said[-1]]) if len(said) > 1 else said[0]


def _warned_of(count: int) -> str:
    return f"{count} {'is' if count == 1 else 'are'} warned of: look at {'it' if count == 1 else 'them'} first"


def _listed(labels: Sequence[str]) -> str:
    names = [repr(label) for label in labels[:MOST_LABELS]]
    if len(labels) > MOST_LABELS:
        return f"{', '.join(names)} and {len(labels) - MOST_LABELS} more"
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
