"""The stages, in order, and how one run goes through them."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from diffmine.engine.attribution import origin_of
from diffmine.engine.opening import load_run
from diffmine.engine.warning_channel import routed_warnings
from diffmine.engine.work import Inputs, Stage, Work
from diffmine.errors import ArtifactError, StageError
from diffmine.files.atomic import json_digest
from diffmine.interfaces import Component, Progress, Silent
from diffmine.plugins.manager import PluginManager
from diffmine.plugins.registry import Registry
from diffmine.recipes.resolving import Components, Resolved
from diffmine.runs.run import Run
from diffmine.runs.writing import RunWriter
from diffmine.stages import clusters, features, finetune, images, metrics, patches, report, typicality
from diffmine.store.artifacts import Artifact, Store

STAGES: tuple[Stage, ...] = (
    images.STAGE,
    finetune.STAGE,
    typicality.STAGE,
    patches.STAGE,
    features.STAGE,
    clusters.STAGE,
    metrics.STAGE,
    report.STAGE,
)


class Watcher(Protocol):
    """Told how a run goes; the console shows it."""

    def stage_started(self, stage: str) -> Progress:
        """A stage begins to compute; what is returned shows its progress."""

    def stage_finished(self, stage: str, seconds: float, reused: bool) -> None:
        """A stage is complete."""


class NobodyWatches:
    """A watcher that shows nothing."""

    def stage_started(self, stage: str) -> Progress:
        return Silent()

    def stage_finished(self, stage: str, seconds: float, reused: bool) -> None: ...


@dataclass(frozen=True, slots=True)
class Options:
    """How to run a recipe, beyond what it says.

    Attributes:
        out: the run folder.
        store: the store's folder.
        device: ``auto`` or a torch device.
        until: the last stage to run.
        fresh: compute every stage again, whatever is in the store.
    """

    out: Path
    store: Path
    device: str = "auto"
    until: str = STAGES[-1].name
    fresh: bool = False


@dataclass
class Recorder:
    """Passes progress on, and keeps the warnings for ``run.json``."""

    shown: Progress
    warnings: list[str] = field(default_factory=list)

    def start(self, total: int, unit: str) -> None:
        self.shown.start(total, unit)

    def advance(self, amount: int = 1) -> None:
        self.shown.advance(amount)

    def status(self, text: str) -> None:
        self.shown.status(text)

    def warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)
            self.shown.warn(text)


class Pipeline:
    """One recipe, one run folder, one store."""

    def __init__(
        self, recipe: Resolved, options: Options, plugins: PluginManager, registry: Registry, watcher: Watcher
    ) -> None:
        self.recipe, self.options, self.plugins, self.registry, self.watcher = (
            recipe,
            options,
            plugins,
            registry,
            watcher,
        )
        self.store = Store(options.store)
        self._identities: dict[str, Any] = {}

    def run(self) -> Run:
        """Go through the stages; what the store has already is reused.

        Raises:
            StageError: a stage failed; what earlier stages made is kept.
        """
        with RunWriter(self.options.out, self.store, self.recipe, self._plugin_versions()) as writer:
            artifacts: dict[str, Artifact] = {}
            for stage in self._wanted():
                artifacts[stage.name] = self._complete(stage, artifacts, writer)
            writer.finish(complete=self.options.until == STAGES[-1].name)
        return load_run(self.options.out)

    def keys(self) -> Iterator[tuple[str, str | None]]:
        """(stage, key) of each stage as far as they follow from what is stored; the rest are None."""
        artifacts: dict[str, Artifact] = {}
        known = True
        for stage in STAGES:
            key = self._key(stage, artifacts) if known else None
            yield stage.name, key
            artifact = self.store.find(stage.name, key) if key else None
            known = artifact is not None
            if artifact is not None:
                artifacts[stage.name] = artifact

    def _wanted(self) -> Iterator[Stage]:
        for stage in STAGES:
            yield stage
            if stage.name == self.options.until:
                return

    def _complete(self, stage: Stage, artifacts: Mapping[str, Artifact], writer: RunWriter) -> Artifact:
        """The stage's artifact, from the store or computed, published in the run folder."""
        started = time.perf_counter()
        with self._attributed(stage):
            key = self._key(stage, artifacts)
        recorder = Recorder(self.watcher.stage_started(stage.name))
        self._tell("diffmine_stage_started", recorder, stage=stage.name, run_folder=self.options.out)
        with self.store.lock(stage.name, key):
            artifact = self._find(stage, key, recorder)
            reused = artifact is not None
            if artifact is None:
                artifact = self._compute(stage, key, artifacts, recorder)
        seconds = time.perf_counter() - started
        for text in artifact.facts["warnings"]:
            recorder.warn(text)
        writer.publish(artifact, seconds=seconds, reused=reused, warnings=recorder.warnings)
        self._tell(
            "diffmine_stage_finished",
            recorder,
            stage=stage.name,
            run_folder=self.options.out,
            artifact=artifact.path,
            seconds=seconds,
            reused=reused,
        )
        self.watcher.stage_finished(stage.name, seconds, reused)
        return artifact

    def _find(self, stage: Stage, key: str, recorder: Recorder) -> Artifact | None:
        if self.options.fresh:
            self.store.discard(stage.name, key)
            return None
        try:
            return self.store.find(stage.name, key)
        except ArtifactError as error:
            recorder.warn(f"{error}; it is computed again")
            self.store.discard(stage.name, key)
            return None

    def _compute(self, stage: Stage, key: str, artifacts: Mapping[str, Artifact], recorder: Recorder) -> Artifact:
        started = time.perf_counter()
        work = Work(
            inputs=Inputs(self.recipe, {name: artifact.path for name, artifact in artifacts.items()}),
            folder=self.store.draft(stage.name, key),
            run_folder=self.options.out,
            requested_device=self.options.device,
            progress=recorder,
        )
        with self._attributed(stage), routed_warnings(recorder.warn):
            stage.run(work)
        facts = {
            "seconds": time.perf_counter() - started,
            "warnings": recorder.warnings,
            "machine": platform.node(),
            "inputs": {name: artifacts[name].digest for name in stage.reads},
        }
        return self.store.commit(stage.name, key, facts)

    def _key(self, stage: Stage, artifacts: Mapping[str, Artifact]) -> str:
        return json_digest(
            {
                "stage": stage.name,
                "version": stage.version,
                "seed": self.recipe.seed,
                "components": {table: self._identity(table) for table in stage.tables},
                "settings": stage.settings(self.recipe.components),
                "inputs": {name: artifacts[name].digest for name in stage.reads},
            }
        )[:32]

    def _identity(self, table: str) -> Any:
        if table not in self._identities:
            self._identities[table] = [part.identity() for part in _components_of(self.recipe.components, table)]
        return self._identities[table]

    @contextmanager
    def _attributed(self, stage: Stage) -> Iterator[None]:
        """Turn an exception into one that names the stage and, where one is at fault, component and plugin."""
        try:
            yield
        except Exception as error:
            raise StageError(stage.name, error, origin_of(error, self.registry)) from error

    def _tell(self, hook: str, recorder: Recorder, **arguments: Any) -> None:
        """Call a lifecycle hook; a plugin that fails in it is a warning, not the end of the run."""
        before = len(self.plugins.failures)
        for _ in self.plugins.call_each(hook, **arguments):
            pass
        for failure in self.plugins.failures[before:]:
            recorder.warn(f"plugin {failure.plugin!r} failed in {failure.where}: {failure.cause}")

    def _plugin_versions(self) -> dict[str, str]:
        return {name: f"{source.distribution} {source.version}" for name, source in self.plugins.sources.items()}


def _components_of(components: Components, table: str) -> Sequence[Component]:
    found = getattr(components, table)
    return found if isinstance(found, tuple) else (found,)
