"""A finished (or half finished) run, opened: the public format as tables, arrays and pictures.

This is what metrics and reports read, and what ``diffmine.load_run`` returns.
"""

from __future__ import annotations

import copy
import csv
import json
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
from safetensors import safe_open

from diffmine.errors import ArtifactError, DataError, DiffmineWarning, reason, said
from diffmine.files.names import RUN_FILE, prepared_folder
from diffmine.interfaces import (
    Clusterer,
    Column,
    Component,
    Dataset,
    ImageSource,
    PatchSelector,
    Projection,
    Quantity,
    View,
)
from diffmine.interfaces.boundary import blaming, culprit_of
from diffmine.numerics.upsampling import upsample
from diffmine.pictures.decoding import decode, resize_mask
from diffmine.plugins.explaining import shortened
from diffmine.recipes.reading import Recipe, load_recipe
from diffmine.runs.axis import Axis, axis_of_table
from diffmine.runs.contents import Contents
from diffmine.runs.hierarchy import Parents, parents_of
from diffmine.runs.kinship import with_kin
from diffmine.runs.life import ELEMENTS_FILE, LIFE_FILE, MEMBERS_FILE, STAGE, Life, life_of
from diffmine.runs.notes import NOTES_FILE, Notes, read_notes
from diffmine.runs.records import Records, RecordsById
from diffmine.runs.services import Services
from diffmine.runs.tables import EVIDENCE, completed
from diffmine.runs.typicality_maps import DRAWS_FILE, TypicalityMaps
from diffmine.types import BoolArray, ByteArray, Description, Flag, FloatArray, ImageRecord, Origin, Word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from diffmine.drawing.figures import Drawing
    from diffmine.interfaces import ModelTools
    from diffmine.runs.answer import Answer

C = TypeVar("C", bound=Component)
R = TypeVar("R")

FORMAT = 1
RECIPE_FILE = "recipe.toml"
FLAGS_FILE = "flags.json"
DESCRIPTIONS_FILE = "descriptions.json"
INFO: Mapping[str, type] = {"name": str, "store": str, "stages": dict, "warnings": list}
"""What every ``run.json`` says, with the type of it."""


class Run:
    """A run folder; :func:`diffmine.load_run` opens one.

    Args:
        path: the folder.
        services: what the run needs of installed components.
        stages: the stages whose results can be read; None: all.
    Attributes:
        path: the folder.
        info: the content of ``run.json``, of those stages.
    """

    _is_whole = True

    def __init__(self, path: Path, services: Services, *, stages: Collection[str] | None = None) -> None:
        self.path, self._services = path, services
        self._datasets: dict[Origin, Dataset] = {}
        self._sources: dict[Origin, ImageSource] = {}
        self._is_whole = stages is None
        info = _read_info(path)
        seen = {name: entry for name, entry in info["stages"].items() if stages is None or name in stages}
        self.info: Mapping[str, Any] = {**info, "stages": seen}
        self._unseen = {
            name: stage
            for stage, entry in info["stages"].items()
            if stage not in seen
            for name in entry.get("published", ())
        }

    def __repr__(self) -> str:
        return f"<Run {self.info['name']!r} in {self.path}>"

    @cached_property
    def recipe(self) -> Recipe:
        """The recipe as it was resolved, every default filled in."""
        return load_recipe(self.path / RECIPE_FILE)

    @cached_property
    def images(self) -> pa.Table:
        """``images.parquet``, see :data:`diffmine.runs.tables.IMAGES`."""
        return self._table("images.parquet").combine_chunks()  # which the records share

    @cached_property
    def selected_patches(self) -> pa.Table:
        """``selected_patches.parquet``: patches of the mined images before they are clustered."""
        return self._table("selected_patches.parquet")

    @cached_property
    def patches(self) -> pa.Table:
        """``patches.parquet``: selected patches with clusters, see :data:`diffmine.runs.tables.CLUSTERED_PATCHES`."""
        return self._table("patches.parquet")

    @cached_property
    def heldout_patches(self) -> pa.Table:
        """``heldout_patches.parquet``: the same selection on the images that figures are told of, never clustered; with
        folds, or where held-out images are mined, images can be in both tables.
        """
        return self._table("heldout_patches.parquet")

    @cached_property
    def validation_patches(self) -> pa.Table:
        """``validation_patches.parquet``: the same on images for validation; no rows where the run has none."""
        name = "validation_patches.parquet"
        return self._table(name) if (self.path / name).exists() else self.heldout_patches.slice(0, 0)

    @cached_property
    def evidence(self) -> pa.Table:
        """``evidence.parquet``: what the patches of each label were held against, see
        :data:`diffmine.runs.tables.EVIDENCE`; no rows in runs of earlier versions.
        """
        name = "evidence.parquet"
        return self._table(name) if (self.path / name).exists() else EVIDENCE.empty_table()

    @cached_property
    def clusters(self) -> pa.Table:
        """``clusters.parquet``, see :data:`diffmine.runs.tables.CLUSTERS`."""
        return self._table("clusters.parquet")

    @cached_property
    def life(self) -> Life | None:
        """The elements that run through all labels, and their shares along the labels' order; None where the recipe has
        no ``[life]``.
        """
        if STAGE not in self.info["stages"]:
            return None
        elements, steps, members = (self._table(name) for name in (ELEMENTS_FILE, LIFE_FILE, MEMBERS_FILE))
        return life_of(elements, steps, members, self)

    @cached_property
    def metrics(self) -> dict[str, dict[str, Any]]:
        """``metrics.json``: name -> value, low, high, chance, count, per_label."""
        with self._reading("metrics.json") as path:
            return dict(json.loads(path.read_text(encoding="utf-8")))

    @cached_property
    def flags(self) -> list[Flag]:
        """``flags.json``: the warnings and notes about single clusters; none before they were looked for."""
        if "checks" not in self.info["stages"] or not (self.path / FLAGS_FILE).exists():
            return []
        with self._reading(FLAGS_FILE) as path:
            rows = json.loads(path.read_text(encoding="utf-8"))
            return [Flag(**{"severity": "warning", **row}) for row in rows]

    @cached_property
    def descriptions(self) -> list[Description]:
        """``descriptions.json``: what describers call each cluster; none where the recipe names no describer."""
        if "describe" not in self.info["stages"] or not (self.path / DESCRIPTIONS_FILE).exists():
            return []
        with self._reading(DESCRIPTIONS_FILE) as path:
            return [
                Description(row["label"], row["cluster"], tuple(Word(*word) for word in row["words"]), row["source"])
                for row in json.loads(path.read_text(encoding="utf-8"))
            ]

    @cached_property
    def notes(self) -> Notes | None:
        """``notes.json``: what people say of clusters; None where there are none, or they are on clusters that the run
        had before. Stages see none: what is computed does not depend on them.
        """
        if not self._is_whole or (found := read_notes(self.path)) is None:
            return None
        if found.clusters_digest != self.info["stages"].get("clusters", {}).get("digest"):
            warnings.warn(
                f"{self.path / NOTES_FILE} is about clusters that the run had before; it is kept, and not used",
                DiffmineWarning,
                stacklevel=2,
            )
            return None
        return found

    def as_computed(self) -> Run:
        """The same run, as if people had said nothing of its clusters."""
        other = copy.copy(self)
        for name in ("contents", "answer"):
            other.__dict__.pop(name, None)
        other.__dict__["notes"] = None
        return other

    @cached_property
    def draws_spent(self) -> dict[str, Any] | None:
        """``draws.json``: how many draws pictures had; None where all had equally many."""
        stage = self.info["stages"].get("typicality", {})
        if not (self.path / DRAWS_FILE).exists() or DRAWS_FILE not in stage.get("published", ()):
            return None
        with self._reading(DRAWS_FILE) as path:
            found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return found

    @cached_property
    def training_log(self) -> pa.Table | None:
        """``training.csv`` (step, loss, ...; with folds, which fold), or None where nothing was finetuned."""
        path = self.path / "training.csv"
        if not path.exists():
            return None
        from pyarrow import csv as arrow_csv

        return arrow_csv.read_csv(path)

    @cached_property
    def skipped(self) -> list[dict[str, str]]:
        """``skipped.csv``: path and cause of each picture that was left out."""
        with (self.path / "skipped.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    @cached_property
    def records(self) -> Mapping[str, ImageRecord]:
        """image_id -> record, which is made when it is asked for."""
        return RecordsById(with_kin(self._read, self.axis, self.parents))

    @cached_property
    def all_records(self) -> Records:
        """The records in the order of ``images``, with what is asked of all of them at once as arrays."""
        return Records.of(self.records.values())

    @property
    def _read(self) -> Records:
        return Records(completed(self.images))

    @cached_property
    def parents(self) -> Parents:
        """Label -> the label above it, None of a root; empty where ``[dataset] hierarchy`` names none."""
        return parents_of(self._read, self.recipe.tables.get("dataset", {}).get("hierarchy"))

    @cached_property
    def axis(self) -> Axis | None:
        """The labels in the order that ``[dataset] order`` gives them; None where it gives none."""
        return axis_of_table(self._read.labels, self.recipe.tables.get("dataset", {}))

    @cached_property
    def labels(self) -> list[str]:
        """Every label of the run: in the order that the recipe gives them, else sorted."""
        return list(self.axis.labels) if self.axis else self._read.labels

    @cached_property
    def in_sample(self) -> dict[str, int]:
        """Label -> how many of its mined images the model that scores them has learned from.

        Their patches have no p-values: a model that has learned from a picture may know it by heart.
        """
        return self.all_records.counts(self.all_records.mined & self.all_records.in_sample)

    @cached_property
    def selector(self) -> PatchSelector:
        """The run's patch selector, configured."""
        return self._services.selector(self)

    @cached_property
    def projection(self) -> Projection:
        """The run's projection, configured."""
        return self._services.projection(self)

    @cached_property
    def clusterer(self) -> Clusterer:
        """The run's clusterer, configured."""
        return self._services.clusterer(self)

    @property
    def selection(self) -> str:
        """The ``selection`` of the patches that the run's own selector chose; the others are controls."""
        return str(self.recipe.tables["patches"]["use"]).rpartition(":")[2]

    @cached_property
    def contents(self) -> Contents:
        """The patches by label, selection and cluster."""
        return Contents(self)

    @cached_property
    def answer(self) -> Answer:
        """What the run found, in three sentences, and what to do next."""
        from diffmine.runs.answer import answer

        return answer(self)

    @cached_property
    def features(self) -> FloatArray:
        """Features of ``patches``, float32, row for row."""
        return self._features("patches")

    @cached_property
    def heldout_features(self) -> FloatArray:
        """Features of ``heldout_patches``, float32, row for row."""
        return self._features("heldout")

    @cached_property
    def maps(self) -> TypicalityMaps:
        """The stored typicality maps."""
        return TypicalityMaps(self.artifact("typicality"))

    @cached_property
    def quantity(self) -> Quantity:
        """What the values of the typicality maps are, and their unit, as the run's scorer says."""
        return self._services.quantity(self)

    @property
    def stride(self) -> int:
        """Image pixels to one cell of a typicality map."""
        return self.maps.stride

    def typicality(self, image_id: str, label: str) -> tuple[FloatArray, FloatArray | None]:
        """Mean typicality and its standard error on the latent grid, each float32, (h, w); None where it has none.

        Raises:
            KeyError: the image was not scored under this label.
        """
        one = self.maps.load(image_id, label)
        return one.mean, one.stderr

    def influence(self, image_id: str, label: str) -> tuple[FloatArray, FloatArray | None]:
        """How far the label moves what the model predicts, and its standard error, as :meth:`typicality`.

        Raises:
            DataError: the run's scorer gives no influence.
            KeyError: the image was not scored under this label.
        """
        one = self.maps.load(image_id, label)
        if one.influence is None:
            raise DataError(f"the maps of {self.path} have no influence; those of the scorer 'diffusion' have")
        return one.influence, one.influence_stderr

    def placing(self, image_id: str, label: str) -> FloatArray:
        """The map that decided where the run's patches lie, float32, (h, w): typicality, or what the recipe says.

        Raises:
            KeyError: the image was not scored under this label.
        """
        return self.selector.placing(self.maps.load(image_id, label))

    def typicality_image(self, image_id: str, label: str) -> FloatArray:
        """Mean typicality upsampled to the picture, float32, (height, width)."""
        return self._at_image_size(image_id, self.maps.load(image_id, label).mean)

    def influence_image(self, image_id: str, label: str) -> FloatArray:
        """Influence upsampled to the picture, float32, (height, width); see :meth:`influence`."""
        return self._at_image_size(image_id, self.influence(image_id, label)[0])

    def placing_image(self, image_id: str, label: str) -> FloatArray:
        """The map that decided where patches lie, upsampled to the picture, float32, (height, width)."""
        return self._at_image_size(image_id, self.placing(image_id, label))

    def images_by_typicality(self, label: str) -> list[tuple[str, float]]:
        """The mined pictures that carry a label, each with the mean typicality over all of it, the most typical first.

        Every map of the label is read.
        """
        carriers = self.all_records.where(self.all_records.mined & self.all_records.carrying(label))
        means = [(one.image_id, float(self.typicality_image(one.image_id, label).mean())) for one in carriers]
        return sorted(means, key=lambda one: (-one[1], one[0]))

    def scored_labels(self, image_id: str) -> list[str]:
        """The labels under which an image was scored, sorted: its own, and any others the scorer added."""
        return self.maps.labels(image_id)

    def picture(self, image_id: str) -> ByteArray:
        """The picture at the pipeline's size, uint8, (height, width, 3)."""
        record = self.records[image_id]
        return decode(self._source(record).read(record.path), self._dataset(record.origin).config.image_size)

    def masks(self, image_id: str) -> dict[str, BoolArray]:
        """label -> where its element is, bool, (height, width) at the pipeline's size; empty where unknown."""
        record = self.records[image_id]
        masks = self._source(record).masks(record)
        return {label: resize_mask(mask, record.width, record.height) for label, mask in masks.items()}

    def boxes(self, image_id: str) -> dict[str, BoolArray]:
        """label -> where boxes were drawn around its element, as :meth:`masks`; empty where the dataset has none."""
        record = self.records[image_id]
        boxes = self._source(record).boxes(record)
        return {label: resize_mask(mask, record.width, record.height) for label, mask in boxes.items()}

    def figure(
        self,
        kind: str = "grid",
        labels: Sequence[str] | None = None,
        *,
        before: Run | None = None,
        rows: int | None = None,
        columns: int | None = None,
    ) -> Drawing:
        """A figure that a notebook shows and ``save`` writes as PNG, PDF or SVG.

        Args:
            kind: ``grid`` (the best clusters, their members as rows), ``strips`` (best patches against the controls),
                ``typicality`` (whole pictures, white where not typical, and heat maps), ``influence`` (heat maps of it
                beside those of typicality), ``whole`` (whole pictures, by the mean over all of each), ``paper`` (grid,
                maps and metrics in a column), ``life`` (elements along the labels' order), or what a plugin draws.
            labels: which labels, each a panel; None: all.
            before: an earlier run over the same pictures, such as the base model's: its typicality beside this run's,
                whatever ``kind`` says.
            rows: clusters or lines; None: what fits a paper's column.
            columns: crops in each row; None: what fits a paper's column.
        Raises:
            RecipeError: there is no such kind or label.
            DataError: the earlier run has not scored the same pictures.
        """
        return self._services.figure(self, kind, labels, before=before, rows=rows, columns=columns)

    def columns(self) -> list[Column]:
        """What plugins know of patches, beyond ``patches.parquet``: further columns of every table of patches."""
        return self._services.columns()

    def views(self) -> list[View]:
        """What plugins show of runs, beyond the pages of the explorer: further pages of it."""
        return self._services.views()

    def attempt(self, component: C, work: Callable[[C], R]) -> R | None:
        """What ``work`` makes of a component that shows this run in one more way.

        Returns:
            its result; None where it fails, with a warning that names the component and its plugin, so that nothing
            else is lost.
        """
        try:
            with blaming(component):
                return work(component)
        except Exception as error:
            plugin = f" of plugin {component.provenance.plugin!r}" if component.provenance else ""
            warnings.warn(
                f"{culprit_of(error) or component.name}{plugin} failed, and is left out: {said(error)}",
                DiffmineWarning,
                stacklevel=2,
            )
            return None

    def tools(self, device: str | None = None, fold: int | None = None) -> ModelTools:
        """The run's model and conditioning encoder, finetuned where the run has finetuned them; loaded when first used.

        Args:
            device: ``auto`` or a torch device; None: the one that the run computes on, or was opened for.
            fold: which of the models, see ``ImageRecord.fold``; None: the first where there are folds.
        """
        return self._services.tools(self, device, fold)

    def show(self, label: str) -> Drawing:
        """The best clusters of one label, as rows of crops."""
        return self.figure("grid", [label])

    def _repr_html_(self) -> str | None:
        """The summary that a notebook shows; None before there are clusters."""
        if not (self.path / "clusters.parquet").exists():
            return None
        return self._services.summary(self)

    def maker(self, use: str, table: str) -> str | None:
        """The distribution, with its version, of a component when the run was made: ``diffmine-affinity 0.2.0``.

        Args:
            use: how the recipe names the component.
            table: the recipe's table; a component inside another one is found in any.
        """
        recorded: Mapping[str, list[Mapping[str, str]]] = self.info.get("components", {})
        everywhere = [*recorded.get(table, []), *(one for entries in recorded.values() for one in entries)]
        for entry in everywhere:
            if entry["use"] == use:
                return f"{entry['distribution']} {entry['version']}"
        return None

    def artifact(self, stage: str) -> Path:
        """The folder of a stage's artifact in the store.

        Raises:
            ArtifactError: the stage has not run, or its artifact is no longer in the store.
        """
        entry = self.info["stages"].get(stage)
        if entry is None:
            raise ArtifactError(
                f"{self.path}: the stage {stage!r} has not run yet, or is none that the stage at work says it reads; "
                "run the recipe to go on"
            )
        path = Path(self.info["store"], stage, entry["key"])
        if not path.exists():
            raise ArtifactError(
                f"{path} is not in the store any more; run {self.path / RECIPE_FILE} again to remake it"
            )
        return path

    def _at_image_size(self, image_id: str, grid: FloatArray) -> FloatArray:
        record = self.records[image_id]
        return upsample(grid, self.stride, record.height, record.width)

    def _dataset(self, origin: Origin) -> Dataset:
        if origin not in self._datasets:
            self._datasets[origin] = self._services.dataset(self, origin)
        return self._datasets[origin]

    def _source(self, record: ImageRecord) -> ImageSource:
        """Where a picture is read, and what marks its elements."""
        origin = record.origin
        if origin not in self._sources:
            folder = prepared_folder(self.artifact("images"), origin)
            self._sources[origin] = self._dataset(origin).open(folder)
        return self._sources[origin]

    def _features(self, name: str) -> FloatArray:
        with safe_open(self.artifact("features") / "features.safetensors", "np") as tensors:
            features: FloatArray = tensors.get_tensor(name)
        return features

    def file(self, name: str) -> Path:
        """Where a published file of the run lies, such as the table of a plugin's stage.

        Raises:
            ArtifactError: there is none; or a stage asks for what another has made that it does not say it reads.
        """
        if name in self._unseen:
            raise ArtifactError(
                f"{name} is what the stage {self._unseen[name]!r} made, which this stage does not read; add the name "
                "to what its reads() returns, so that it is run again when that changes"
            )
        path = self.path / name
        if not path.exists():
            raise ArtifactError(f"{path} is missing; run the recipe again to finish the run")
        return path

    def _table(self, name: str) -> pa.Table:
        with self._reading(name) as path:
            return pq.read_table(path)

    @contextmanager
    def _reading(self, name: str) -> Iterator[Path]:
        """Turn what goes wrong with a file of the folder into an error that names it."""
        path = self.file(name)
        try:
            yield path
        except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
            raise ArtifactError(f"{path} is damaged: {reason(error)}; run the recipe again") from error


def _read_info(folder: Path) -> Mapping[str, Any]:
    """``run.json``, checked to be what the rest of the program takes it for."""
    try:
        info = json.loads((folder / RUN_FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise ArtifactError(f"{folder} is not a run folder: it has no {RUN_FILE}") from None
    except OSError as error:
        raise ArtifactError(f"{shortened(str(folder))} cannot be read: {reason(error)}") from None
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"{folder / RUN_FILE} is damaged: {error}; run the recipe again") from None
    if not isinstance(info, dict):
        raise ArtifactError(f"{folder / RUN_FILE} is damaged: it is no table of values; run the recipe again")
    if info.get("format") != FORMAT:
        raise ArtifactError(
            f"{folder} has run format {info.get('format')}, this diffmine reads {FORMAT}; run its recipe again"
        )
    for name, kind in INFO.items():
        if not isinstance(info.get(name), kind):
            raise ArtifactError(f"{folder / RUN_FILE} is damaged: it does not say its {name!r}; run the recipe again")
    for stage, entry in info["stages"].items():
        if not (isinstance(entry, dict) and all(isinstance(entry.get(key), str) for key in ("key", "digest"))):
            raise ArtifactError(f"{folder / RUN_FILE} is damaged: its stage {stage!r} has no key; run the recipe again")
    return info
