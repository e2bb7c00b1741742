"""What finetuners that train have in common."""

from __future__ import annotations

from typing import ClassVar

from diffmine.interfaces import ComponentConfig, Finetuner
from diffmine.training.options import TrainingOptions


class Training(Finetuner):
    """A finetuner whose options are those of the training loop."""

    Config: ClassVar[type[ComponentConfig]] = TrainingOptions
    config: TrainingOptions

    def trained_pictures(self) -> int:
        return self.config.steps * self.config.batch_size
