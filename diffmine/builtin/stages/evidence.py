"""What selected patches are held against: how typical patches are under labels that mean nothing to their image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from diffmine.numerics.significance import benjamini_hochberg, empirical_p_values
from diffmine.types import Patch


@dataclass(slots=True)
class Evidence:
    """What the patches of a label are held against.

    Attributes:
        tests: how many patches were proposed, of which the best are kept.
        null: typicality of the patches proposed in the same way, under this label, for images that do not carry it.
    """

    tests: int = 0
    null: list[float] = field(default_factory=list)


def with_significance(
    patches: Sequence[Patch], table: str, selection: str, evidence: Mapping[tuple[str, str], Evidence]
) -> Iterator[Patch]:
    """The patches, those of the run's own selection with p-values and q-values where their label has a null.

    Args:
        patches: of images that the model which scored them has not learned from.
        table: what is said of them in ``evidence``, by table and label.
    """
    for (label, chosen_by), group in groupby(patches, key=lambda patch: (patch.label, patch.selection)):
        members, against = list(group), evidence.get((table, label), Evidence())
        if chosen_by != selection or not against.null:
            yield from members
            continue
        p_values = empirical_p_values([patch.typicality for patch in members], against.null)
        q_values = benjamini_hochberg(p_values, against.tests)
        for patch, p_value, q_value in zip(members, p_values, q_values, strict=True):
            yield replace(patch, p_value=float(p_value), q_value=float(q_value))
