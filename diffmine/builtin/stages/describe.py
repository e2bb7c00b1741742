"""Stage ``describe``: words for clusters."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from diffmine.interfaces import Stage, Work
from diffmine.runs.run import DESCRIPTIONS_FILE
from diffmine.types import Description

if TYPE_CHECKING:
    from diffmine.recipes.resolving import Components


class Describe(Stage):
    """Words for clusters."""

    name = "describe"
    always = True

    def tables(self, components: Components) -> tuple[str, ...]:
        return ("describers", "dataset")

    def reads(self, components: Components) -> tuple[str, ...]:
        trained = ("finetune",) if components.needs_model else ()
        return ("images", *trained, "typicality", "patches", "features", "clusters")

    def wanted(self, components: Components) -> bool:
        """Only where a describer is named."""
        return bool(components.describers)

    def run(self, work: Work) -> None:
        """Write ``descriptions.json``: for each cluster what each describer calls it."""
        clustered = work.run
        found: list[Description] = []
        work.progress.start(len(work.components.describers), "describers")
        for describer in work.components.describers:
            words = clustered.attempt(describer, lambda one: one.words(clustered)) or []
            found += [replace(one, source=describer.use) for one in words]
            work.progress.advance()
        work.write_json(work.public(DESCRIPTIONS_FILE), [asdict(one) for one in found])
