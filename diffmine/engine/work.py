"""What a stage is given: the run's pictures, model and earlier artifacts, and a draft to write to."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffmine.engine.devices import torch_device
from diffmine.engine.opening import load_run
from diffmine.engine.shards import AttendedTask, process
from diffmine.errors import ContractError
from diffmine.files.names import model_folder, prepared_folder
from diffmine.interfaces import ImageSource, Job, ModelTools, Progress, Task, TrainingSet
from diffmine.interfaces.boundary import own_work
from diffmine.interfaces.finetuning import no_masks
from diffmine.pictures.decoding import decode, resize_mask
from diffmine.recipes.resolving import Components, Resolved
from diffmine.runs.axis import Axis, axis_of
from diffmine.runs.hierarchy import Parents, parents_of
from diffmine.runs.kinship import with_kin
from diffmine.runs.records import Records, RecordsById, read_labels, read_records
from diffmine.runs.run import Run
from diffmine.store.artifacts import PUBLIC, WORKSPACE, Artifact
from diffmine.store.remembering import Remembered
from diffmine.types import BoolArray, ImageRecord, Origin, Picture


@dataclass(frozen=True, slots=True)
class RunInputs:
    """The pictures and the model of a run, opened from its artifacts; see :class:`diffmine.interfaces.Inputs`.

    Attributes:
        recipe: the resolved recipe.
        artifacts: stage -> folder of its artifact.
    """

    recipe: Resolved
    artifacts: Mapping[str, Path]

    @property
    def components(self) -> Components:
        return self.recipe.components

    @property
    def seed(self) -> int:
        return self.recipe.seed

    def records(self, rows: Sequence[int] | NDArray[Any] | None = None) -> Records:
        return with_kin(read_records(self._images, rows), self._axis, self._parents)

    @property
    def _images(self) -> Path:
        return self.artifacts["images"] / PUBLIC / "images.parquet"

    @property
    def _axis(self) -> Axis | None:
        config = self.components.dataset.config
        return None if config.order is None else axis_of(read_labels(self._images), config.order, config.neighbours)

    @property
    def _parents(self) -> Parents:
        hierarchy = self.components.dataset.config.hierarchy
        return {} if hierarchy is None else parents_of(read_records(self._images), hierarchy)

    def opener(self) -> Callable[[ImageRecord], Picture]:
        sources = {origin: self._source(origin) for origin in self.components.datasets}
        sizes = {origin: dataset.config.image_size for origin, dataset in self.components.datasets.items()}

        def opened(record: ImageRecord) -> Picture:
            with own_work():  # components call this too, and are not to blame for a damaged picture
                return Picture(record, decode(sources[record.origin].read(record.path), sizes[record.origin]))

        return opened

    def _source(self, origin: Origin) -> ImageSource:
        return self.components.datasets[origin].open(prepared_folder(self.artifacts["images"], origin))

    @property
    def folds(self) -> tuple[int | None, ...]:
        return self.components.folds

    def training_set(self, fold: int | None = None, *, masks: bool = False) -> TrainingSet:
        fold = self.folds[0] if fold is None else fold
        records = self.records()
        train = records.in_split("train")
        left_out = train & (records.folds == fold) if fold is not None else np.zeros_like(train)
        unseen = (records.in_split("validation"), records.in_split("heldout"), left_out)
        learned = records.where(train & ~left_out)
        return TrainingSet(
            train=learned,
            heldout=records.where(next((rows for rows in unseen if rows.any()), left_out)),
            picture=self.opener(),
            crop=self.components.trained_on.config.crop,
            masks=self._masks_of(learned) if masks else no_masks,
        )

    def _masks_of(self, learned: Records) -> Callable[[ImageRecord], Mapping[str, BoolArray]]:
        """What reads the masks of these pictures, and of no others."""
        sources = {origin: self._source(origin) for origin in self.components.datasets}
        allowed = RecordsById(learned)

        def masks(record: ImageRecord) -> Mapping[str, BoolArray]:
            if record.image_id not in allowed:
                raise ContractError(
                    f"it asks for the masks of {record.path}, which it is not to learn from; masks of the records in "
                    "data.train alone may be read"
                )
            found = sources[record.origin].masks(record)
            return {label: resize_mask(mask, record.width, record.height) for label, mask in found.items()}

        return masks

    def tools(self, device: str, fitted: Path | None = None, fold: int | None = None) -> ModelTools:
        fold = self.folds[0] if fold is None else fold
        axis = self._axis
        finetuned = self.artifacts.get("finetune", Path()) / PUBLIC / model_folder(fold)
        return ModelTools(
            self.components.model,
            self.components.conditioning,
            device=device,
            seed=self.seed,
            labels=read_labels(self._images),
            folder=finetuned if "finetune" in self.artifacts and finetuned.exists() else None,
            fitted=fitted,
            related=axis.related if axis else None,
            parents=self._parents,
        )


@dataclass(frozen=True)
class StageWork:
    """One stage at work, see :class:`diffmine.interfaces.Work`.

    Attributes:
        inputs: pictures, model and artifacts of earlier stages.
        folder: the draft that becomes the artifact.
        run_folder: the run's folder, with what earlier stages published.
        requested_device: ``auto`` or a torch device.
        progress: told of what is done.
        is_fresh: whether nothing shall be taken from the store that was computed before.
    """

    inputs: RunInputs
    folder: Path
    run_folder: Path
    requested_device: str
    progress: Progress
    is_fresh: bool = False

    @property
    def components(self) -> Components:
        return self.inputs.components

    @property
    def seed(self) -> int:
        return self.inputs.seed

    @cached_property
    def device(self) -> str:
        return torch_device(self.requested_device)

    @property
    def run(self) -> Run:
        return load_run(self.run_folder, device=self.requested_device, stages=self.inputs.artifacts)

    def run_of(self, stages: Sequence[str]) -> Run:
        for stage in stages:
            self.artifact(stage)  # refuses what the stage does not read
        return load_run(self.run_folder, device=self.requested_device, stages=stages)

    def remembered(self, decided_by: Any, stages: Sequence[str], compute: Callable[[], Any]) -> Any:
        artifacts = {stage: Artifact(stage, path.name, path) for stage in stages if (path := self.artifact(stage))}
        inputs = {stage: artifact.digest for stage, artifact in artifacts.items()}
        memory = Remembered(artifacts[stages[0]].path.parent.parent)
        key = {"decided by": decided_by, "seed": self.seed, "inputs": inputs}
        if self.is_fresh or (value := memory.find(key)) is None:
            warned = len(self.progress.warnings)
            value = compute()
            if len(self.progress.warnings) == warned:
                memory.keep(key, value)
        return value

    @property
    def workspace(self) -> Path:
        path = self.folder / WORKSPACE
        path.mkdir(exist_ok=True)
        return path

    def records(self, rows: Sequence[int] | NDArray[Any] | None = None) -> Records:
        return self.inputs.records(rows)

    def opener(self) -> Callable[[ImageRecord], Picture]:
        return self.inputs.opener()

    def training_set(self, fold: int | None = None, *, masks: bool = False) -> TrainingSet:
        return self.inputs.training_set(fold, masks=masks)

    def tools(self, fold: int | None = None) -> ModelTools:
        return self.inputs.tools(self.device, fold=fold)

    def artifact(self, stage: str) -> Path:
        if stage not in self.inputs.artifacts:
            known = ", ".join(self.inputs.artifacts) or "none"
            raise ContractError(
                f"it asks for the artifact of the stage {stage!r}; those that it says it reads: {known}"
            )
        return self.inputs.artifacts[stage]

    def published(self, stage: str, name: str) -> Path:
        return self.artifact(stage) / PUBLIC / name

    def public(self, name: str) -> Path:
        if PurePath(name).is_absolute() or ".." in PurePath(name).parts:
            raise ContractError(f"it publishes {name!r}, which lies outside the run folder; name a file inside")
        path = self.folder / PUBLIC / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def process(self, job: Job) -> None:
        process(job, self.components.executor, device=self.device, progress=self.progress)

    def run_task(self, task: Task) -> Any:
        return self.components.executor.run_task(AttendedTask(task), device=self.device, progress=self.progress)

    def write_json(self, path: Path, value: Any) -> None:
        path.write_text(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
