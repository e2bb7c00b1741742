"""Stage ``finetune``: the model learns the labels, or is left as it is."""

from __future__ import annotations

import csv
from typing import Any

from diffmine.engine.work import Stage, Work
from diffmine.interfaces import TrainingLog, TrainingSet
from diffmine.recipes.resolving import Components


def run(work: Work) -> None:
    """Write ``model/`` and ``training.csv``, where the finetuner trains anything."""
    folder = work.public("model")
    folder.mkdir(exist_ok=True)
    work.progress.status("loading the model")
    log = work.components.finetune.finetune(
        work.inputs.tools(work.device),
        training_set(work),
        folder=folder,
        workspace=work.workspace,
        progress=work.progress,
    )
    if not any(folder.iterdir()):
        folder.rmdir()
    if log:
        write_log(work, log)


def training_set(work: Work) -> TrainingSet:
    """The pictures to learn from."""
    records = work.inputs.records()
    return TrainingSet(
        train=[record for record in records if record.split == "train"],
        heldout=[record for record in records if record.split == "heldout"],
        picture=work.inputs.opener(),
        crop=work.components.dataset.config.crop,
    )


def write_log(work: Work, log: TrainingLog) -> None:
    """``training.csv``: one row a logged step, empty where a column was not measured."""
    columns = list(dict.fromkeys(name for row in log for name in row))
    with work.public("training.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(log)


def settings(components: Components) -> dict[str, Any]:
    """The crop decides what the model is trained on."""
    return {"crop": components.dataset.config.crop}


STAGE = Stage("finetune", 1, ("finetune", "model", "conditioning"), ("images",), run, settings)
