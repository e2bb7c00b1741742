"""No finetuning."""

from __future__ import annotations

from pathlib import Path

from diffmine.errors import ModelError
from diffmine.interfaces import Finetuner, ModelTools, Progress, TrainingLog, TrainingSet


class NoFinetuning(Finetuner):
    """Train nothing: the model is mined as its checkpoint is (the paper's control)."""

    name = "none"

    def finetune(
        self, tools: ModelTools, data: TrainingSet, *, folder: Path, workspace: Path, progress: Progress
    ) -> TrainingLog:
        if not tools.pretrained:
            raise ModelError(
                "[finetune] use = 'none' leaves this model as it is, but it has never been trained; "
                "use = 'full', or name a trained checkpoint with [model] path"
            )
        return []
