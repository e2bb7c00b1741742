"""What a stage is, and what it is given."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from diffmine.interfaces import ImageSource, ModelTools, Progress
from diffmine.interfaces.boundary import own_work
from diffmine.pictures.decoding import decode
from diffmine.recipes.resolving import Components, Resolved
from diffmine.runs.tables import image_records
from diffmine.store.artifacts import WORKSPACE
from diffmine.types import ImageRecord, Picture

PUBLIC = "public"
"""Subfolder of an artifact whose files are published in the run folder."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """The pictures and the model of a run, opened from its artifacts; picklable, so that workers can open it too.

    Attributes:
        recipe: the resolved recipe.
        artifacts: stage -> folder of its artifact.
    """

    recipe: Resolved
    artifacts: Mapping[str, Path]

    def records(self) -> list[ImageRecord]:
        """The records of the run, in the order of ``images.parquet``."""
        return image_records(pq.read_table(self.artifacts["images"] / PUBLIC / "images.parquet"))

    def opener(self) -> Callable[[ImageRecord], Picture]:
        """A function that opens a record's picture at the pipeline's size."""
        dataset = self.recipe.components.dataset
        source = self.source()

        def opened(record: ImageRecord) -> Picture:
            with own_work():  # components call this too, and are not to blame for a damaged picture
                return Picture(record, decode(source.read(record.path), dataset.config.image_size))

        return opened

    def source(self) -> ImageSource:
        return self.recipe.components.dataset.open(self.artifacts["images"] / "prepared")

    def tools(self, device: str) -> ModelTools:
        """The run's model, finetuned where the finetune stage has written one."""
        import torch

        components = self.recipe.components
        finetuned = self.artifacts.get("finetune", Path()) / PUBLIC / "model"
        return ModelTools(
            components.model,
            components.conditioning,
            device=torch.device(device),
            seed=self.recipe.seed,
            labels=sorted({label for record in self.records() for label in record.labels}),
            folder=finetuned if "finetune" in self.artifacts and finetuned.exists() else None,
        )


@dataclass(frozen=True)
class Work:
    """One stage at work.

    Attributes:
        inputs: pictures, model and artifacts of earlier stages.
        folder: the draft that becomes the artifact.
        run_folder: the run's folder, with what earlier stages published.
        requested_device: ``auto`` or a torch device.
        progress: told of what is done.
    """

    inputs: Inputs
    folder: Path
    run_folder: Path
    requested_device: str
    progress: Progress

    @property
    def components(self) -> Components:
        return self.inputs.recipe.components

    @property
    def seed(self) -> int:
        return self.inputs.recipe.seed

    @cached_property
    def device(self) -> str:
        """The torch device to compute on."""
        return torch_device(self.requested_device)

    @property
    def workspace(self) -> Path:
        """Kept over kills, left out of the artifact."""
        path = self.folder / WORKSPACE
        path.mkdir(exist_ok=True)
        return path

    def public(self, name: str) -> Path:
        """A file or folder to be published under ``name`` in the run folder; its parent exists."""
        path = self.folder / PUBLIC / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def write_json(self, path: Path, value: Any) -> None:
        path.write_text(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def torch_device(requested: str) -> str:
    """The device to compute on; ``auto`` is the first GPU, where there is one."""
    if requested != "auto":
        return requested
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def nothing_further(components: Components) -> dict[str, Any]:
    """No settings beyond the identities of the components in ``Stage.tables``."""
    return {}


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of the pipeline.

    Attributes:
        name: of the stage and of its folder in the store.
        version: increase it when the stage's code gives other results for the same inputs.
        tables: recipe tables whose components decide the result.
        reads: earlier stages whose artifacts decide the result.
        run: computes the artifact.
        settings: further values that decide the result.
    """

    name: str
    version: int
    tables: tuple[str, ...]
    reads: tuple[str, ...]
    run: Callable[[Work], None]
    settings: Callable[[Components], dict[str, Any]] = field(default=nothing_further)
