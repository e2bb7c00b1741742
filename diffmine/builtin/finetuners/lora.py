"""Finetuning of low-rank adapters."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from diffmine.builtin.finetuners.training import Training
from diffmine.interfaces import ModelTools, Progress, TrainingLog, TrainingSet
from diffmine.training.options import TrainingOptions


class LoRA(Training):
    """Train low-rank adapters on the attention projections (Hu et al. 2022), merged into the weights in the end."""

    name = "lora"

    class Config(TrainingOptions):
        """Options of ``lora``."""

        rank: int = Field(16, ge=1, description="rank of the adapters")
        alpha: float | None = Field(None, gt=0, description="scale of the adapters times the rank; omitted: the rank")
        dropout: float = Field(0.0, ge=0, lt=1, description="share of an adapter's inputs that are dropped in training")
        target_modules: tuple[str, ...] = Field(
            ("to_q", "to_k", "to_v", "to_out.0"), min_length=1, description="ends of the names of the adapted layers"
        )

    config: Config

    def finetune(
        self, tools: ModelTools, data: TrainingSet, *, folder: Path, workspace: Path, progress: Progress
    ) -> TrainingLog:
        from diffmine.training.adaptations import LowRank
        from diffmine.training.loop import train

        config = self.config
        adapt = LowRank(
            config.target_modules,
            rank=config.rank,
            alpha=config.rank if config.alpha is None else config.alpha,
            dropout=config.dropout,
            seed=tools.seed,
        )
        return train(tools, data, config, adapt, folder=folder, workspace=workspace, progress=progress)
