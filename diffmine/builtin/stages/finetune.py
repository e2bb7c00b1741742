"""Stage ``finetune``: the model learns the labels, or is left as it is."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

from diffmine.interfaces import Finetuning, Stage, TrainingLog, Work

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
        return {"crop": components.dataset.config.crop}

    def wanted(self, components: Components) -> bool:
        """Only where something uses the model."""
        return components.needs_model

    def run(self, work: Work) -> None:
        """Write ``model/`` and ``training.csv``, where the finetuner trains anything."""
        folder = work.public("model")
        folder.mkdir(exist_ok=True)
        work.progress.status("loading the model")
        log = work.run_task(Finetuning(work.inputs, folder, work.workspace))
        if not any(folder.iterdir()):
            folder.rmdir()
        if log:
            write_log(work, log)


def write_log(work: Work, log: TrainingLog) -> None:
    """``training.csv``: one row a logged step, empty where a column was not measured."""
    columns = list(dict.fromkeys(name for row in log for name in row))
    with work.public("training.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(log)
