"""The stages, in order, and how one run goes through them."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffmine.engine.attribution import origin_of
from diffmine.engine.keys import StageKeys
from diffmine.engine.opening import load_run
from diffmine.engine.publishing import RunWriter, origins, refuse_overwriting
from diffmine.engine.warning_channel import routed_warnings
from diffmine.engine.work import RunInputs, StageWork
from diffmine.errors import ArtifactError, NoRoomError, StageError
from diffmine.files.room import is_full_disk
from diffmine.interfaces import Event, Listener, Progress, Stage
from diffmine.interfaces.boundary import blaming
from diffmine.plugins.manager import PluginManager
from diffmine.plugins.registry import Registry
from diffmine.recipes.resolving import Resolved
from diffmine.runs.run import Run
from diffmine.store.artifacts import Artifact, Store


@dataclass(frozen=True, slots=True)
class Options:
    """How to run a recipe, beyond what it says.

    Attributes:
        out: the run folder.
        store: the store's folder.
        device: ``auto`` or a torch device.
        until: the last stage to run; None: all.
        fresh_from: the first of the stages to compute again, whatever is in the store; None: none.
    """

    out: Path
    store: Path
    device: str = "auto"
    until: str | None = None
    fresh_from: str | None = None


class Pipeline:
    """One recipe, one run folder, one store."""

    def __init__(
        self, recipe: Resolved, options: Options, plugins: PluginManager, registry: Registry, listener: Listener
    ) -> None:
        self.recipe, self.options, self.plugins, self.registry = recipe, options, plugins, registry
        self.listener = listener
        self.store = Store(options.store)
        self.stages = recipe.components.stages
        self._keys = StageKeys(recipe)
        self._unsaid = [str(failure) for failure in plugins.failures]

    def run(self) -> Run:
        """Go through the stages; what the store has already is reused.

        Raises:
            StageError: a stage failed; what earlier stages made is kept.
        """
        started = time.perf_counter()
        with RunWriter(self.options.out, self.store, self.recipe, self.plugins) as writer:
            artifacts: dict[str, Artifact] = {}
            wanted = list(self._wanted())
            self.listener(Event("run started", self.recipe.name, names=tuple(stage.name for stage in wanted)))
            self._unsaid += self._told("diffmine_run_started", recipe=self.recipe, run_folder=self.options.out)
            for stage in wanted:
                artifacts[stage.name] = self._complete(stage, artifacts, writer)
            writer.finish(complete=self.options.until in (None, self.stages[-1].name))
        finished = load_run(self.options.out, device=self.options.device)
        for failure in self._told("diffmine_run_finished", run=finished):
            self.listener(Event("warning", self.recipe.name, text=failure))
        self.listener(Event("run finished", self.recipe.name, seconds=time.perf_counter() - started))
        return finished

    def keys(self) -> Iterator[tuple[str, str | None]]:
        """(stage, key) of each stage as far as they follow from what is stored; the rest are None."""
        artifacts: dict[str, Artifact] = {}
        known = True
        for stage in self.stages:
            key = self._keys.of(stage, artifacts) if known else None
            yield stage.name, key
            artifact = self.store.find(stage.name, key) if key else None
            known = artifact is not None
            if artifact is not None:
                artifacts[stage.name] = artifact

    def _wanted(self) -> Iterator[Stage]:
        for stage in self.stages:
            yield stage
            if stage.name == self.options.until:
                return

    def _complete(self, stage: Stage, artifacts: Mapping[str, Artifact], writer: RunWriter) -> Artifact:
        """The stage's artifact, from the store or computed, published in the run folder."""
        started = time.perf_counter()
        progress = Progress(self.listener, run=self.recipe.name, stage=stage.name)
        self.listener(Event("stage started", self.recipe.name, stage.name))
        with self._attributed(stage):
            key = self._keys.of(stage, artifacts)
        with self.store.lock(stage.name, key):
            artifact = self._find(stage, key, progress)
            reused = artifact is not None
            if artifact is None:
                for failure in self._told("diffmine_stage_started", stage=stage.name, run_folder=self.options.out):
                    progress.warn(failure)
                artifact = self._compute(stage, key, artifacts, progress)
        seconds = time.perf_counter() - started
        for text in [*artifact.facts["warnings"], *self._unsaid_failures()]:
            progress.warn(text)
        writer.publish(artifact, seconds=seconds, reused=reused, warnings=progress.warnings)
        heard = {"artifact": artifact.path, "seconds": seconds, "reused": reused}
        for failure in self._told("diffmine_stage_finished", stage=stage.name, run_folder=self.options.out, **heard):
            progress.warn(failure)
        self.listener(Event("stage finished", self.recipe.name, stage.name, seconds=seconds, reused=reused))
        return artifact

    def _find(self, stage: Stage, key: str, progress: Progress) -> Artifact | None:
        if self._is_fresh(stage):
            self.store.discard(stage.name, key)
            return None
        try:
            return self.store.find(stage.name, key)
        except ArtifactError as error:
            progress.warn(f"{error}; it is computed again")
            self.store.discard(stage.name, key)
            return None

    def _compute(self, stage: Stage, key: str, artifacts: Mapping[str, Artifact], progress: Progress) -> Artifact:
        started = time.perf_counter()
        work = StageWork(
            inputs=RunInputs(self.recipe, {name: artifacts[name].path for name in self._keys.reads(stage, artifacts)}),
            folder=self.store.draft(stage.name, key),
            run_folder=self.options.out,
            requested_device=self.options.device,
            progress=progress,
            is_fresh=self._is_fresh(stage),
        )
        with self._attributed(stage), routed_warnings(progress.warn):
            stage.run(work)
            with blaming(stage):
                refuse_overwriting(work.folder, artifacts)
        facts = {
            "seconds": time.perf_counter() - started,
            "warnings": progress.warnings,
            "machine": platform.node(),
            "inputs": self._keys.inputs(stage, artifacts),
            "producers": self._producers(stage),
        }
        return self.store.commit(stage.name, key, facts)

    def _is_fresh(self, stage: Stage) -> bool:
        names = [one.name for one in self.stages]
        first = self.options.fresh_from
        return first is not None and names.index(stage.name) >= names.index(first)

    def _producers(self, stage: Stage) -> dict[str, list[dict[str, str]]]:
        """Who brought the stage and the components that decide its result."""
        components = self.recipe.components
        return {"stage": stage.origins(), **{table: origins(components, table) for table in stage.tables(components)}}

    @contextmanager
    def _attributed(self, stage: Stage) -> Iterator[None]:
        """Turn an exception into one that names the stage and, where one is at fault, component and plugin."""
        try:
            yield
        except Exception as error:
            if is_full_disk(error):
                raise NoRoomError(stage.name, error, str(self.store.root)) from error
            raise StageError(stage.name, error, origin_of(error, stage, self.registry)) from error

    def _told(self, hook: str, **arguments: Any) -> list[str]:
        """Call a lifecycle hook; a plugin that fails in it is a warning, not the end of the run.

        Returns:
            the failures, to be warned of.
        """
        before = len(self.plugins.failures)
        for _ in self.plugins.call_each(hook, **arguments):
            pass
        return [str(failure) for failure in self.plugins.failures[before:]]

    def _unsaid_failures(self) -> list[str]:
        """What failed of the plugins before the run began; said once, and kept out of artifacts."""
        unsaid, self._unsaid = self._unsaid, []
        return unsaid
