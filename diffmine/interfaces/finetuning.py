"""Finetuners: how the model learns the labels."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from diffmine.interfaces import checks
from diffmine.interfaces.boundary import returns
from diffmine.interfaces.component import Component
from diffmine.interfaces.diffusion import ModelTools
from diffmine.interfaces.execution import Task
from diffmine.interfaces.progress import Progress
from diffmine.types import ImageRecord, Picture

if TYPE_CHECKING:
    from diffmine.interfaces.stages import Inputs


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """The pictures to learn from.

    Attributes:
        train: records of the train split.
        heldout: records of the held-out split, for the validation loss; may be empty.
        picture: opens a record at the pipeline's size.
        crop: the recipe's ``dataset.crop``.
    """

    train: Sequence[ImageRecord]
    heldout: Sequence[ImageRecord]
    picture: Callable[[ImageRecord], Picture]
    crop: Literal["none", "center", "random"]


TrainingLog = Sequence[Mapping[str, float]]
"""One row a logged step: ``step``, ``loss``, ``learning_rate``, and ``validation_loss`` where it was measured."""


class Finetuner(Component):
    """A recipe's ``[finetune]``."""

    def trained_pictures(self) -> int:
        """Pictures that pass forwards and backwards through the network, all steps together, for estimates of cost."""
        return 0

    @abstractmethod
    @returns(checks.training_log)
    def finetune(
        self, tools: ModelTools, data: TrainingSet, *, folder: Path, workspace: Path, progress: Progress
    ) -> TrainingLog:
        """Train the model and write it.

        Args:
            tools: gives the model and its conditioning encoder as the recipe names them.
            data: the pictures.
            folder: receives the trained model: the denoiser's ``save`` in ``folder`` itself, the encoder's ``save`` in
                the same folder. Left empty, the base model is mined.
            workspace: kept when the run is killed and given again when it goes on; checkpoints belong here.
            progress: ``start`` it with the number of steps, as early as possible, and ``advance`` it at each;
                ``status`` shows the loss. :func:`diffmine.training.loop.train` does all that.
        """


@dataclass(frozen=True, slots=True)
class Finetuning(Task):
    """The finetuner at work, wherever the executor puts it.

    Attributes:
        folder, workspace: as :meth:`Finetuner.finetune` is given them.
    """

    inputs: Inputs
    folder: Path
    workspace: Path

    def run(self, device: str, progress: Progress) -> TrainingLog:
        return self.inputs.components.finetune.finetune(
            self.inputs.tools(device),
            self.inputs.training_set(),
            folder=self.folder,
            workspace=self.workspace,
            progress=progress,
        )
