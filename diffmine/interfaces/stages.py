"""Stages: the steps of a run, each from the artifacts of earlier ones to one of its own."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from numpy.typing import NDArray

from diffmine.interfaces.component import Component
from diffmine.interfaces.progress import Progress
from diffmine.types import ImageRecord, Picture

if TYPE_CHECKING:
    from diffmine.interfaces.diffusion import ModelTools
    from diffmine.interfaces.execution import Job, Task
    from diffmine.interfaces.finetuning import TrainingSet
    from diffmine.recipes.resolving import Components
    from diffmine.runs.run import Run


class Inputs(Protocol):
    """The pictures and the model of a run; picklable, so that the jobs of workers can carry it."""

    @property
    def components(self) -> Components:
        """The configured components of the recipe, by table."""

    @property
    def seed(self) -> int:
        """The run's seed."""

    def records(self, rows: Sequence[int] | NDArray[Any] | None = None) -> Sequence[ImageRecord]:
        """The pictures of the run, in the order of ``images.parquet``; a record is made when it is asked for.

        Args:
            rows: numbers of those that are wanted, so that a worker reads no others; None: all.
        """

    def opener(self) -> Callable[[ImageRecord], Picture]:
        """A function that opens a picture at the pipeline's size."""

    @property
    def folds(self) -> tuple[int | None, ...]:
        """The folds of the training pictures, for each of which there is a model; None: one model, and no folds."""

    def training_set(self, fold: int | None = None, *, masks: bool = False) -> TrainingSet:
        """The pictures to learn from, and those held out.

        Args:
            fold: of the model that learns from them; None: the first where there are folds.
            masks: whether the masks of the former can be read; the tables ``dataset`` and ``training`` then decide the
                result too.
        """

    def tools(self, device: str, fitted: Path | None = None, fold: int | None = None) -> ModelTools:
        """The run's model, finetuned where the run has finetuned it; loaded when first used.

        Args:
            device: a torch device.
            fitted: becomes ``ModelTools.fitted``.
            fold: which of the models, see ``ImageRecord.fold``; None: the first where there are folds.
        """


class Work(Protocol):
    """One stage at work: what it reads from and writes to.

    Attributes:
        folder: the draft that becomes the stage's artifact; kept when the run is killed, and given again.
        progress: told of what is done.
    """

    @property
    def inputs(self) -> Inputs:
        """What the jobs of workers may carry."""

    @property
    def folder(self) -> Path: ...

    @property
    def progress(self) -> Progress: ...

    @property
    def components(self) -> Components:
        """The configured components of the recipe, by table."""

    @property
    def seed(self) -> int:
        """The run's seed."""

    @property
    def device(self) -> str:
        """The torch device to compute on."""

    @property
    def run(self) -> Run:
        """The run as far as it has come, opened from its folder; only what the stages that this one ``reads`` made can
        be read of it, so that nothing decides a result unseen.
        """

    def run_of(self, stages: Sequence[str]) -> Run:
        """The same, with the results of some of the stages that this one ``reads``."""

    def remembered(self, decided_by: Any, stages: Sequence[str], compute: Callable[[], Any]) -> Any:
        """A value for JSON that is computed once, for as long as what decides it stays, whatever the stage's own key.

        Args:
            decided_by: what decides it besides the run's seed and the artifacts of ``stages``, for JSON.
            stages: those of the stages that this one ``reads`` which decide it.
            compute: computes it; where it warns of something, its value is not kept.
        """

    @property
    def workspace(self) -> Path:
        """A folder for checkpoints: kept when the run is killed, left out of the artifact."""

    def records(self, rows: Sequence[int] | NDArray[Any] | None = None) -> Sequence[ImageRecord]:
        """The pictures of the run, in the order of ``images.parquet``; a record is made when it is asked for.

        Args:
            rows: numbers of those that are wanted, so that a worker reads no others; None: all.
        """

    def opener(self) -> Callable[[ImageRecord], Picture]:
        """A function that opens a picture at the pipeline's size."""

    def training_set(self, fold: int | None = None, *, masks: bool = False) -> TrainingSet:
        """The pictures to learn from, and those held out; see ``Inputs.training_set``."""

    def tools(self, fold: int | None = None) -> ModelTools:
        """The run's model, finetuned where the run has finetuned it, and loaded when first used; ``fold`` as of
        ``Inputs.tools``.
        """

    def artifact(self, stage: str) -> Path:
        """The folder of an earlier stage's artifact, for one that this stage ``reads``."""

    def published(self, stage: str, name: str) -> Path:
        """A file that an earlier stage published, for one that this stage ``reads``."""

    def public(self, name: str) -> Path:
        """A file or folder to be published under ``name`` in the run folder; its parent exists.

        No two stages publish a file of one name.
        """

    def process(self, job: Job) -> None:
        """Have the recipe's executor process the shards of a job that an earlier attempt did not finish."""

    def run_task(self, task: Task) -> Any:
        """Have the recipe's executor run a task, and return what it returns."""

    def write_json(self, path: Path, value: Any) -> None:
        """Write a value that JSON can hold: no NaN, no infinity."""


class Stage(Component):
    """A step of a run.

    A stage that is not ``always`` part of a run is switched on by a table of its name in the recipe, which holds its
    options: ``[translate]``. The engine stores what it writes to ``work.folder`` under a key of everything that decides
    it, publishes what it puts at ``work.public(...)`` in the run folder, and does not run it again while the key stays.

    Class attributes:
        always: whether every recipe has it, without a table.
        concludes: whether it reads what every other stage has made, as metrics and reports do; it then comes after
            them.
    """

    always: ClassVar[bool] = False
    concludes: ClassVar[bool] = False

    def tables(self, components: Components) -> tuple[str, ...]:
        """Recipe tables whose components decide the result, besides the stage's own options."""
        return ()

    def reads(self, components: Components) -> tuple[str, ...]:
        """Earlier stages whose artifacts decide the result; not needed where the stage ``concludes``."""
        return ()

    def settings(self, components: Components) -> Mapping[str, Any]:
        """Single values from other tables that decide the result too."""
        return {}

    def wanted(self, components: Components) -> bool:
        """Whether a recipe with these components has any use for this stage."""
        return True

    def passes(self, components: Components, images: Mapping[str, int]) -> int:
        """Forwards of the diffusion model, for estimates of cost; default: none.

        Args:
            components: the configured components of the recipe, by table.
            images: label -> pictures of ``[dataset]``.
        """
        return 0

    @abstractmethod
    def run(self, work: Work) -> None:
        """Compute the artifact."""
