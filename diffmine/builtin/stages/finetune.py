"""Stage ``finetune``: the model learns the labels, or is left as it is."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diffmine.interfaces import Finetuning, Stage, TrainingLog, Work, finetunings

if TYPE_CHECKING:
    from diffmine.recipes.resolving import Components


class Finetune(Stage):
    """The model learns the labels, or is left as it is."""

    name = "finetune"
    version = 1
    always = True

    def tables(self, components: Components) -> tuple[str, ...]:
        return ("finetune", "model", "conditioning")

    def reads(self, components: Components) -> tuple[str, ...]:
        return ("images",)

    def settings(self, components: Components) -> dict[str, Any]:
        """The crop decides what the model is trained on."""
        return {"crop": components.trained_on.config.crop}

    def wanted(self, components: Components) -> bool:
        """Only where something uses the model."""
        return components.needs_model

    def run(self, work: Work) -> None:
        """Write ``model/`` and ``training.csv``, where the finetuner trains anything."""
        folder = work.public("model")
        rows: list[dict[str, float]] = []
        for task in finetunings(work.inputs, folder, work.workspace):
            work.progress.status("loading the model")
            log = trained(work, task)
            rows += log if task.fold is None else [{"fold": task.fold, **row} for row in log]
            _remove_if_empty(task.folder)
        _remove_if_empty(folder)
        if rows:
            write_log(work, rows)


def trained(work: Work, task: Finetuning) -> list[dict[str, float]]:
    """The log of one model's training, which is done now, or was before the run was killed."""
    log = task.log()
    if log is None:
        log = work.run_task(task) or []
        task.finish(log)
    return [dict(row) for row in log]


def _remove_if_empty(folder: Path) -> None:
    if folder.exists() and not any(folder.iterdir()):
        folder.rmdir()


def write_log(work: Work, log: TrainingLog) -> None:
    """``training.csv``: one row a logged step, empty where a column was not measured; with folds, first the fold."""
    columns = list(dict.fromkeys(name for row in log for name in row))
    with work.public("training.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(log)
