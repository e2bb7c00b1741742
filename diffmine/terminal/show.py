"""What ``diffmine show`` prints, and which patches it means."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console, RenderableType

from diffmine.errors import RecipeError
from diffmine.plugins.explaining import did_you_mean
from diffmine.runs.contents import Contents, Rows
from diffmine.terminal.details import label_view, patches_view
from diffmine.terminal.life_view import life_view
from diffmine.terminal.overview import overview

if TYPE_CHECKING:
    from diffmine.runs.run import Run

FEW = 12
"""Names that an error lists."""


def show(run: Run, console: Console, label: str | None, group: str | None, limit: int) -> None:
    """Print a run, the clusters of a label, or the patches of a cluster.

    Args:
        group: a cluster's number, ``outliers``, or the name of a control selection.
        limit: clusters or patches to show at most.
    Raises:
        RecipeError: there is no such label or cluster.
    """
    for part in _view(run, console, label, group, limit):
        console.print(part)


def show_life(run: Run, console: Console, element: str | None, limit: int) -> None:
    """Print the elements that run through all labels, or one of them label by label; see :func:`life_view`."""
    for part in life_view(run, console, element, limit):
        console.print(part)


def _view(run: Run, console: Console, label: str | None, group: str | None, limit: int) -> Iterator[RenderableType]:
    if label is None and group is None:
        return overview(run, console)
    contents = run.contents
    rows = chosen_rows(contents, label, group)
    if group is None:
        return label_view(contents, known_label(contents, label), console, limit)
    kind = f"cluster {group}" if group.isdigit() else group
    cluster = next((one for one in contents.clusters(str(label)) if str(one.cluster) == group), None)
    return patches_view(contents, (str(label), kind), rows, cluster, console, limit)


def chosen_rows(contents: Contents, label: str | None, group: str | None) -> Rows:
    """Rows of ``Run.patches`` of a cluster, of a label, or all.

    Raises:
        RecipeError: there is no such label or cluster, or a cluster was named without its label.
    """
    if label is None:
        if group is not None:
            raise RecipeError(f"--cluster {group}: clusters are numbered within a label; name it with --label")
        return np.arange(len(contents.run.patches))
    groups = dict(contents.groups(known_label(contents, label)))
    if group is None:
        return np.concatenate(list(groups.values()))
    if group not in groups:
        raise RecipeError(
            f"label {label!r} has no cluster {group!r}{did_you_mean(group, list(groups))}\nit has: {_listed([*groups])}"
        )
    return groups[group]


def known_label(contents: Contents, label: str | None) -> str:
    """The label, if the run has patches of it.

    Raises:
        RecipeError: it has none.
    """
    if label not in contents.labels:
        guess = did_you_mean(str(label), contents.labels)
        raise RecipeError(f"the run has no patches of label {label!r}{guess}\nit has: {_listed(contents.labels)}")
    return str(label)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - FEW} more" if len(names) > FEW else ""
    return ", ".join(names[:FEW]) + more
