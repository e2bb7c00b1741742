"""The stages of a run in order: each after all that it reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from diffmine.errors import RecipeError
from diffmine.interfaces import Stage

if TYPE_CHECKING:
    from diffmine.recipes.resolving import Components


def in_order(stages: Sequence[Stage], components: Components) -> tuple[Stage, ...]:
    """The stages that are wanted, sorted by what they read.

    Args:
        stages: where several could be next, it is the first of these; those that conclude wait for all others.
    Raises:
        RecipeError: a stage reads one that is not part of the run, or stages read each other in a circle.
    """
    pending = [stage for stage in stages if stage.wanted(components)]
    names = {stage.name for stage in pending}
    for stage in pending:
        if missing := [name for name in stage.reads(components) if name not in names]:
            raise RecipeError(
                f"the stage {stage.name!r} reads {', '.join(map(repr, missing))}, which this run does not have; its "
                f"stages: {', '.join(sorted(names))}"
            )
    ordered: list[Stage] = []
    while pending:
        ready = [stage for stage in pending if _is_ready(stage, ordered, components)]
        if not ready:
            raise RecipeError(f"the stages {', '.join(stage.name for stage in pending)} read each other in a circle")
        waiting = [stage for stage in pending if not stage.concludes]
        chosen = next((stage for stage in ready if not stage.concludes), None)
        if chosen is None:
            chosen = next((stage for stage in ready if _is_read_by(stage, waiting, components)), ready[0])
        ordered.append(chosen)
        pending.remove(chosen)
    return tuple(ordered)


def _is_ready(stage: Stage, ordered: Sequence[Stage], components: Components) -> bool:
    return set(stage.reads(components)) <= {one.name for one in ordered}


def _is_read_by(stage: Stage, others: Sequence[Stage], components: Components) -> bool:
    return any(stage.name in other.reads(components) for other in others)
