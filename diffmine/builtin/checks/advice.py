"""What to do where labels were not told apart well enough: what this run's components leave to be done."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diffmine.runs.run import Run


def learn_more(run: Run) -> str:
    """How the labels could be learned better."""
    if run.training_log is not None:
        return "finetune for more steps"
    return "finetune the model" if "finetune" in run.info["stages"] else "take more pictures of each label"


def measure_better(run: Run) -> list[str]:
    """How the same maps could be measured with less noise; nothing where the scorer draws no noise."""
    return [] if run.maps.draws is None else ["take more draws"]
