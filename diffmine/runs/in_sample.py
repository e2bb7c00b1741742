"""Why patches have no p-values, where a model has learned from what it scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.compute as pc

if TYPE_CHECKING:
    from diffmine.runs.run import Run

REMEDY = (
    "[dataset] folds = 2 has each picture scored by a model that has not learned from it; holdout with "
    'mine = "heldout" mines pictures that none has learned from'
)


def why_no_p_values(run: Run) -> str | None:
    """A sentence that says why no patch of the run's own selection has a p-value, and what gives them some.

    Returns:
        None where some have one, or where it is not because the model has learned from their pictures.
    """
    if not run.in_sample or "p_value" not in run.patches.column_names:
        return None
    own = run.patches.filter(pc.equal(run.patches["selection"], run.selection))
    if own["p_value"].null_count < len(own):
        return None
    return f"patches have no p-values, as the model has learned from the pictures that it scores: {REMEDY}"
