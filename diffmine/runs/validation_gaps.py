"""How much the label helped on held-out pictures while the model was finetuned."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from diffmine.runs.run import Run


class ValidationGaps(NamedTuple):
    """The gap between the validation losses without and with the label, as it was measured.

    Attributes:
        steps: int64, (measurements,).
        gaps: float64, (measurements,): positive where the label helps.
    """

    steps: NDArray[np.int64]
    gaps: NDArray[np.float64]

    def reached(self, share: float) -> int:
        """The first step at which the gap had this share of its best value, which must be positive."""
        return int(self.steps[np.argmax(self.gaps >= share * self.gaps.max())])


def validation_gaps(run: Run) -> ValidationGaps:
    """The gaps in the order of the training log; empty where nothing was finetuned or measured."""
    log = run.training_log
    if log is None or not {"validation_loss", "validation_null_loss"} <= set(log.column_names):
        return ValidationGaps(np.empty(0, np.int64), np.empty(0))
    rows = [row for row in log.to_pylist() if row["validation_loss"] is not None]
    gaps = [row["validation_null_loss"] - row["validation_loss"] for row in rows]
    return ValidationGaps(np.array([row["step"] for row in rows], np.int64), np.array(gaps, np.float64))
