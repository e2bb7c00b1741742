"""The keys of a run's artifacts: digests of everything that decides what a stage makes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diffmine.files.atomic import json_digest
from diffmine.interfaces import Stage
from diffmine.recipes.resolving import Resolved
from diffmine.store.artifacts import FORMAT_FILE, Artifact, Store


class StageKeys:
    """The keys of the stages of one recipe, each given the artifacts of earlier stages."""

    def __init__(self, recipe: Resolved) -> None:
        self._recipe = recipe
        self._identities: dict[str, Any] = {}

    def of(self, stage: Stage, artifacts: Mapping[str, Artifact]) -> str:
        """The key of a stage's artifact.

        Args:
            artifacts: those of earlier stages, all that the stage reads among them.
        """
        components = self._recipe.components
        return json_digest(
            {
                "stage": stage.name,
                "version": stage.version,
                "seed": self._recipe.seed,
                "options": stage.identity()["options"],
                "fingerprint": stage.fingerprint(),
                **stage.code_identity(),
                "components": {table: self._identity(table) for table in stage.tables(components)},
                "settings": dict(stage.settings(components)),
                "inputs": self.inputs(stage, artifacts),
            }
        )[:32]

    def inputs(self, stage: Stage, artifacts: Mapping[str, Artifact]) -> dict[str, str]:
        """Digests of what the stage reads."""
        return {name: artifacts[name].digest for name in self.reads(stage, artifacts)}

    def reads(self, stage: Stage, artifacts: Mapping[str, Artifact]) -> tuple[str, ...]:
        """The earlier stages that a stage reads: all that there are where it concludes."""
        return tuple(artifacts) if stage.concludes else stage.reads(self._recipe.components)

    def _identity(self, table: str) -> Any:
        if table not in self._identities:
            self._identities[table] = [part.identity() for part in self._recipe.components.of_table(table)]
        return self._identities[table]


def stored_stages(recipe: Resolved, folder: Path) -> tuple[str, ...]:
    """The stages whose artifacts a store has already, in order; looks into the store, and changes nothing.

    A stage is known only where those that it reads are stored. What is stored is not verified, as a run will.

    Args:
        folder: the store's; it need not exist.
    """
    if not (folder / FORMAT_FILE).exists():
        return ()
    store, keys, artifacts = Store(folder), StageKeys(recipe), dict[str, Artifact]()
    components = recipe.components
    for place, stage in enumerate(components.stages):
        earlier = [one.name for one in components.stages[:place]]
        reads = earlier if stage.concludes else stage.reads(components)
        if all(name in artifacts for name in reads) and (found := store.peek(stage.name, keys.of(stage, artifacts))):
            artifacts[stage.name] = found
    return tuple(artifacts)
