"""Finetuners: how the model learns the labels."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from diffmine.errors import ContractError
from diffmine.files.atomic import write_atomically
from diffmine.interfaces import checks
from diffmine.interfaces.boundary import returns
from diffmine.interfaces.component import Component
from diffmine.interfaces.diffusion import ModelTools
from diffmine.interfaces.execution import Task
from diffmine.interfaces.progress import Progress
from diffmine.types import BoolArray, ImageRecord, Picture

if TYPE_CHECKING:
    from diffmine.interfaces.stages import Inputs


def no_masks(record: ImageRecord) -> Mapping[str, BoolArray]:
    """For whoever has not said that it learns from masks.

    Raises:
        ContractError: always.
    """
    raise ContractError(
        f"it asks for the masks of {record.path}, but has not said that it needs any; set needs_masks = True, so that "
        "it learns anew where masks change"
    )


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """The pictures to learn from.

    Attributes:
        train: records of the train split; with folds those of other folds than the model's.
        heldout: records that the model does not learn from, for the validation loss: those of the validation split,
            or else the held-out ones, or else the model's fold; may be empty.
        picture: opens a record at the pipeline's size.
        crop: the recipe's ``dataset.crop``.
        masks: where the elements of a record of ``train`` are: label -> bool, (height, width) at the pipeline's size;
            labels that are not annotated there are absent. Only for a component that ``needs_masks``, and never of
            other records: that is a ContractError.
    """

    train: Sequence[ImageRecord]
    heldout: Sequence[ImageRecord]
    picture: Callable[[ImageRecord], Picture]
    crop: Literal["none", "center", "random"]
    masks: Callable[[ImageRecord], Mapping[str, BoolArray]] = no_masks


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
    """The finetuner at work on one model, wherever the executor puts it.

    Attributes:
        folder, workspace: as :meth:`Finetuner.finetune` is given them.
        fold: the training pictures that the model does not learn from; None: it learns from all.
    """

    inputs: Inputs
    folder: Path
    workspace: Path
    fold: int | None = None

    def log(self) -> TrainingLog | None:
        """What the training told, where it is finished; None: it is not."""
        return json.loads(self._log_file.read_text(encoding="utf-8")) if self._log_file.exists() else None

    def finish(self, log: TrainingLog) -> None:
        """Note in the workspace that the model is trained, so that a run that was killed does not train it again."""
        write_atomically(self._log_file, json.dumps([dict(row) for row in log]).encode())

    @property
    def _log_file(self) -> Path:
        return self.workspace / "log.json"

    def run(self, device: str, progress: Progress) -> TrainingLog:
        return self.inputs.components.finetune.finetune(
            self.inputs.tools(device),
            self.inputs.training_set(self.fold),
            folder=self.folder,
            workspace=self.workspace,
            progress=progress,
        )


def finetunings(inputs: Inputs, folder: Path, workspace: Path) -> Iterator[Finetuning]:
    """The trainings of a run, one for each model.

    Args:
        folder: receives the model or, with folds, a folder ``fold-0`` and so on for each.
        workspace: as of :class:`Finetuning`; likewise.
    """
    for fold in inputs.folds:
        name = "." if fold is None else f"fold-{fold}"
        for path in (folder, workspace):
            (path / name).mkdir(parents=True, exist_ok=True)
        yield Finetuning(inputs, folder / name, workspace / name, fold)
