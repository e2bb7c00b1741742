"""What a run's patch selectors propose in any scored picture, whether mined or not, under any label."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diffmine.interfaces import PatchSelector
from diffmine.types import Candidate, ImageRecord

if TYPE_CHECKING:
    from diffmine.runs.run import Run


def proposed(run: Run, selector: PatchSelector, record: ImageRecord, label: str) -> list[Candidate]:
    """The patches that a selector proposes, best first, as in the run.

    Raises:
        KeyError: the image was not scored under this label.
    """
    return selector.select(
        run.maps.load(record.image_id, label),
        record,
        lambda: run.picture(record.image_id),
        stride=run.stride,
        seed=run.recipe.header.seed,
    )


def of_size(selector: PatchSelector, size: int) -> PatchSelector:
    """The selector with patches of one size, a patch a picture."""
    changed = {"size": size, "per_image": 1, "sizes": ()}
    options = {name: value for name, value in changed.items() if name in type(selector.config).model_fields}
    return type(selector)(selector.config.model_copy(update=options))


def best_typicality(run: Run, record: ImageRecord, label: str, selector: PatchSelector | None = None) -> float | None:
    """The typicality of the best patch of a picture under a label; None where the selector proposes none.

    Args:
        selector: None: the run's own.
    """
    found = proposed(run, selector or run.selector, record, label)
    return found[0].typicality if found else None
