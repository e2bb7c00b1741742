"""The hooks that a plugin may implement; these docstrings are the manual.

Registration hooks *discover*: they return component classes and do nothing else. The work is done by the plain
methods of those classes (see ``diffmine.interfaces``). A plugin is a module or object with functions of these names,
marked with ``@diffmine.hookimpl``, named in the entry-point group ``diffmine`` of its distribution::

    [project.entry-points.diffmine]
    my-plugin = "my_package.my_module"

A plugin that needs more than the first version of this interface says so in that module, before its imports, with
``diffmine_interface = "1.2"``; see ``diffmine.interfaces.INTERFACE_VERSION``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    import click

    from diffmine.interfaces import (
        Check,
        Clusterer,
        Column,
        ConditioningEncoder,
        Dataset,
        Describer,
        DiffusionModel,
        Executor,
        Exporter,
        FeatureExtractor,
        Figure,
        Finetuner,
        Metric,
        PatchSelector,
        Projection,
        Report,
        Stage,
        TypicalityScorer,
        View,
    )
    from diffmine.recipes.resolving import Resolved
    from diffmine.runs.run import Run

PROJECT = "diffmine"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def diffmine_register_datasets() -> Sequence[type[Dataset]]:  # type: ignore[empty-body]
    """Datasets for ``[dataset]``: where labelled pictures come from."""


@hookspec
def diffmine_register_diffusion_models() -> Sequence[type[DiffusionModel]]:  # type: ignore[empty-body]
    """Diffusion models for ``[model]``."""


@hookspec
def diffmine_register_conditioning_encoders() -> Sequence[type[ConditioningEncoder]]:  # type: ignore[empty-body]
    """Conditioning encoders for ``[conditioning]``: from a label to what the model is told."""


@hookspec
def diffmine_register_finetuners() -> Sequence[type[Finetuner]]:  # type: ignore[empty-body]
    """Finetuners for ``[finetune]``: how the model learns the labels."""


@hookspec
def diffmine_register_typicality_scorers() -> Sequence[type[TypicalityScorer]]:  # type: ignore[empty-body]
    """Typicality scorers for ``[scorer]``: how typical each place of a picture is of its label."""


@hookspec
def diffmine_register_patch_selectors() -> Sequence[type[PatchSelector]]:  # type: ignore[empty-body]
    """Patch selectors for ``[patches]``: which patches of a picture to keep."""


@hookspec
def diffmine_register_feature_extractors() -> Sequence[type[FeatureExtractor]]:  # type: ignore[empty-body]
    """Feature extractors for ``[features]``: a vector for each patch."""


@hookspec
def diffmine_register_projections() -> Sequence[type[Projection]]:  # type: ignore[empty-body]
    """Projections for ``[projection]``: fewer dimensions before clustering."""


@hookspec
def diffmine_register_clusterers() -> Sequence[type[Clusterer]]:  # type: ignore[empty-body]
    """Clusterers for ``[clusterer]``: which patches of a label show the same element."""


@hookspec
def diffmine_register_metrics() -> Sequence[type[Metric]]:  # type: ignore[empty-body]
    """Metrics for ``[metrics]``: figures that judge a run."""


@hookspec
def diffmine_register_describers() -> Sequence[type[Describer]]:  # type: ignore[empty-body]
    """Describers for ``[describers]``: words for clusters."""


@hookspec
def diffmine_register_checks() -> Sequence[type[Check]]:  # type: ignore[empty-body]
    """Checks for ``[checks]``: what a person should be warned of in a finished run."""


@hookspec
def diffmine_register_stages() -> Sequence[type[Stage]]:  # type: ignore[empty-body]
    """Stages: further steps of a run, each switched on by a recipe's table of its name."""


@hookspec
def diffmine_register_figures() -> Sequence[type[Figure]]:  # type: ignore[empty-body]
    """Kinds of figures, for ``diffmine figure --kind`` and ``run.figure``."""


@hookspec
def diffmine_register_exporters() -> Sequence[type[Exporter]]:  # type: ignore[empty-body]
    """Formats in which ``diffmine show`` exports patches."""


@hookspec
def diffmine_register_columns() -> Sequence[type[Column]]:  # type: ignore[empty-body]
    """Further columns of the tables of patches that are shown and exported."""


@hookspec
def diffmine_register_views() -> Sequence[type[View]]:  # type: ignore[empty-body]
    """Further pages of the explorer."""


@hookspec
def diffmine_register_executors() -> Sequence[type[Executor]]:  # type: ignore[empty-body]
    """Executors for ``[executor]``: where the heavy stages run."""


@hookspec
def diffmine_register_reports() -> Sequence[type[Report]]:  # type: ignore[empty-body]
    """Reports for ``[report]``: what people look at when a run is done."""


@hookspec
def diffmine_register_commands(cli: click.Group) -> None:
    """Add commands to the command line: ``cli.add_command(...)``. Called at every start, so it must be quick.

    A command that is there already, diffmine's or another plugin's, cannot be replaced; an attempt is a failure of the
    plugin. Import what a command needs inside it.
    """


@hookspec
def diffmine_run_started(recipe: Resolved, run_folder: Path) -> None:
    """A run begins; nothing is computed yet. An exception here is reported as a warning and does not stop the run.

    Args:
        recipe: the resolved recipe, with its components.
        run_folder: the run's folder.
    """


@hookspec
def diffmine_run_finished(run: Run) -> None:
    """All stages of a run are complete. An exception here is reported as a warning.

    Args:
        run: the run, opened.
    """


@hookspec
def diffmine_stage_started(stage: str, run_folder: Path) -> None:
    """A stage begins to compute; not called for one that is taken from the store.

    An exception here is reported as a warning and does not stop the run.

    Args:
        stage: its name: ``images``, ``finetune``, ``typicality``, ``patches``, ``features``, ``clusters``,
            ``metrics``, ``describe``, ``checks``, ``report``, or one that a plugin adds.
        run_folder: the run's folder.
    """


@hookspec
def diffmine_stage_finished(stage: str, run_folder: Path, artifact: Path, seconds: float, reused: bool) -> None:
    """A stage is complete. An exception here is reported as a warning and does not stop the run.

    Args:
        stage: as in ``diffmine_stage_started``.
        run_folder: the run's folder.
        artifact: the folder of the stage's artifact in the store; do not change it.
        seconds: how long it took.
        reused: whether it was in the store already.
    """
