"""Finetuning of every weight of the network."""

from __future__ import annotations

from pathlib import Path

from diffmine.builtin.finetuners.training import Training
from diffmine.interfaces import ModelTools, Progress, TrainingLog, TrainingSet
from diffmine.training.options import TrainingOptions


class FullFinetuning(Training):
    """Train the whole denoiser; autoencoder and text encoder stay as they are (the paper's way)."""

    name = "full"

    class Config(TrainingOptions):
        """Options of ``full``."""

    config: Config

    def finetune(
        self, tools: ModelTools, data: TrainingSet, *, folder: Path, workspace: Path, progress: Progress
    ) -> TrainingLog:
        from diffmine.training.adaptations import everything
        from diffmine.training.loop import train

        return train(tools, data, self.config, everything, folder=folder, workspace=workspace, progress=progress)
