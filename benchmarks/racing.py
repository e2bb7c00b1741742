"""Draws where they matter: the patches that a race keeps, against those that the most draws for everyone would keep.

    python benchmarks/racing.py RUN [--pictures 1200] [--keep 100] [--first 4] [--most 100] [--risk 0.5]

RUN is a finished quickstart; its model scores faces drawn with another seed as the run scored its own, and one patch a
face is placed as the run placed its own. As a draw depends on
its number alone, scoring each face once to the most draws, round by round, gives both the fixed run and every race.
The ceiling is the overlap of two fixed runs that share no draw.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np

import diffmine
from diffmine.builtin.scorers.diffusion import Diffusion
from diffmine.builtin.selectors.top import Top
from diffmine.builtin.stages.race import Race
from diffmine.interfaces import ModelTools, Progress
from diffmine.runs.records import Records
from diffmine.types import Picture, TypicalityMap

SEEDS = (101, 102)
"""Of the faces, and of the second fixed run's draws."""
RECIPE = Path(__file__).parent.parent / "recipes" / "quickstart.toml"
Rounds = Mapping[int, Mapping[str, TypicalityMap]]
"""Draws -> image_id -> its map under its own label."""


class Maps:
    """The maps of one round, as a race reads them."""

    def __init__(self, maps: Mapping[str, TypicalityMap], stride: int) -> None:
        self._maps, self.stride = maps, stride

    def roles(self, image_id: str) -> dict[str, str]:
        """One own map a picture."""
        return {self._maps[image_id].label: "own"}

    def load(self, image_id: str, label: str) -> TypicalityMap:
        """The only one."""
        return self._maps[image_id]


def scored(scorer: Diffusion, tools: ModelTools, pictures: Sequence[Picture]) -> tuple[Rounds, int]:
    """Every picture's maps after every round."""
    scoring = scorer.open(tools)
    maps = scoring.score(pictures, [one.record.labels[:1] for one in pictures], Progress())
    rounds = {scorer.rounds[0]: {one.image_id: one for (one,) in maps}}
    for draws in scorer.rounds[1:]:
        maps = scoring.refine(pictures, maps, draws, Progress())
        rounds[draws] = {one.image_id: one for (one,) in maps}
    return rounds, scoring.stride


def kept(race: Race, records: Records, keep: int) -> dict[str, set[str]]:
    """Label -> the pictures whose patches are kept."""
    pools = {pool.label: runners for pool, runners in race.pools().items() if pool.table == "selected"}
    best = {label: runners[np.argsort(-runners["value"], kind="stable")][:keep] for label, runners in pools.items()}
    return {label: {records[row].image_id for row in runners["row"]} for label, runners in best.items()}


def overlap(one: Mapping[str, set[str]], other: Mapping[str, set[str]]) -> float:
    """Mean over labels of the share of kept pictures that both keep."""
    return sum(len(one[label] & other[label]) / len(one[label]) for label in one) / len(one)


def raced(scorer: Diffusion, selector: Top, records: Records, rounds: Rounds, stride: int) -> Race:
    """The race that would have been run."""
    work = SimpleNamespace(components=SimpleNamespace(scorer=scorer, patches=selector), seed=0, opener=lambda: None)
    active = np.arange(len(records))
    race = Race(work, records, active)
    for draws in scorer.rounds:
        active = race.after(Maps(rounds[draws], stride), draws, active)  # type: ignore[arg-type]
        if not len(active):
            break
    return race


def options_of(table: Mapping[str, object]) -> dict[str, object]:
    """The options of a recipe's table."""
    return {name: value for name, value in table.items() if name not in ("use", "controls")}


def say(what: str, same: float, fresh: float) -> None:
    """Overlap with the run of the most draws, of the same draws and of draws of their own."""
    print(f"{what:30s} {same:.3f} with the same draws, {fresh:.3f} with fresh ones")


def main() -> None:
    """Print one line for the ceiling and for each way to spend draws."""
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    for name, default in (("pictures", 1200), ("keep", 100), ("first", 4), ("most", 100)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--risk", type=float, default=0.5)
    parser.add_argument("--antithetic", action="store_true")
    told = parser.parse_args()
    run = diffmine.load_run(told.run)
    tools, tables = run.tools(), run.recipe.tables
    with tempfile.TemporaryDirectory() as folder:
        drawn = diffmine.run(
            RECIPE,
            out=Path(folder) / "run",
            store=Path(folder) / "store",
            overrides=[
                f"seed={SEEDS[0]}",
                f"dataset.per_label={told.pictures // 6}",
                "dataset.holdout=0",
                "dataset.mine=all",
            ],
            until="images",
        )
        records = drawn.all_records
        pictures = [Picture(record, drawn.picture(record.image_id)) for record in records]
    spent = {"draws": (told.first, told.most), "antithetic": told.antithetic, "risk": told.risk}
    scorer = Diffusion(Diffusion.Config.model_validate(options_of(tables["scorer"]) | spent))
    kept_patches = {"per_image": 1, "per_label": told.keep}
    selector = Top(Top.Config.model_validate(options_of(tables["patches"]) | kept_patches))
    rounds, stride = scored(scorer, tools, pictures)
    tools.seed = SEEDS[1]
    fresh, _ = scored(scorer, tools, pictures)

    def fixed(found: Rounds, draws: int) -> dict[str, set[str]]:
        alone = Diffusion(Diffusion.Config(draws=draws, antithetic=told.antithetic))
        return kept(raced(alone, selector, records, found, stride), records, told.keep)

    best, other = fixed(rounds, told.most), fixed(fresh, told.most)
    say(f"{told.most} draws for everyone", 1.0, overlap(best, other))
    for draws in scorer.rounds[:-1]:
        mine, theirs = fixed(rounds, draws), fixed(fresh, draws)
        say(f"{draws} draws for everyone", overlap(best, mine), overlap(best, theirs))
    race, fresh_race = (raced(scorer, selector, records, found, stride) for found in (rounds, fresh))
    mine, theirs, report = kept(race, records, told.keep), kept(fresh_race, records, told.keep), race.report()
    say(f"{report['mean']:.1f} draws in the mean, raced", overlap(best, mine), overlap(best, theirs))
    print(report)


if __name__ == "__main__":
    main()
