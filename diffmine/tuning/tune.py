"""Settings for a recipe, from Python."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from diffmine.diffusion import LossScorer
from diffmine.engine import running
from diffmine.engine.devices import torch_device
from diffmine.engine.places import check_places
from diffmine.errors import RecipeError
from diffmine.files.atomic import json_digest
from diffmine.interfaces import Event, Listener, PatchSelector, Progress
from diffmine.plugins.registry import registry
from diffmine.recipes.reading import load_recipe
from diffmine.recipes.resolving import Resolved, resolve
from diffmine.runs.run import Run
from diffmine.store.artifacts import Artifact, Store
from diffmine.tuning.choosing import Choice, choose
from diffmine.tuning.sample import Sampled, sample
from diffmine.tuning.separation import Setting
from diffmine.types import ByteArray, ImageRecord, Picture

PICTURES, DRAWS = 84, 48
VERSION = 1
MEASURE, CHOOSE = "measure", "choose"
TUNING = "tuning"
CHANCE = 0.5


@dataclass(frozen=True, slots=True)
class Tuned:
    """What came of tuning a recipe.

    Attributes:
        resolved: the recipe as it was, every default filled in.
        path: its file.
        overrides: settings that went over it.
        choice: what was chosen, and why.
        folder: holds ``recipe.toml``, the tables and the plot.
        forwards: of the network, to score the run's pictures with one draw.
        draws_before: what the recipe says; of a range, the first round's.
        seconds: of one forward, measured here.
    """

    resolved: Resolved
    path: Path
    overrides: tuple[str, ...]
    choice: Choice
    folder: Path
    forwards: int
    draws_before: int
    seconds: float


def tune(
    path: str | Path,
    *,
    out: str | Path | None = None,
    store: str | Path | None = None,
    overrides: Sequence[str] = (),
    device: str = "auto",
    pictures: int = PICTURES,
    draws: int = DRAWS,
    listener: Listener | None = None,
) -> Tuned:
    """Finetune as a recipe says, then choose timesteps, blur, patch size and draws on pictures the model has not seen.

    The finetuned model and what is measured are kept in the store: the same call goes on after an interruption, and a
    run of the recipe reuses the model.

    Args:
        path: a recipe file.
        out: receives the results and a run folder; default ``tuning/NAME``.
        store: as for :func:`diffmine.run`.
        overrides: settings that go over the recipe's, such as ``finetune.steps=900``.
        device: as for :func:`diffmine.run`.
        pictures: at most so many are denoised.
        draws: of each, under its own labels and a wrong one; even, at least 40.
        listener: as for :func:`diffmine.run`.
    Raises:
        RecipeError: the recipe is wrong, or its scorer does not compare denoising losses; nothing was computed.
        DataError: no pictures are kept back, or there is one label only; nothing was finetuned.
    """
    from diffmine.tuning.writing import write_tuning

    if draws < 40 or draws % 2:
        raise RecipeError(f"draws = {draws}: must be even and at least 40, so that each range of timesteps has some")
    resolved = resolve(load_recipe(path, overrides), registry())
    scorer = loss_scorer(resolved)
    folder, places = Path(out) if out else Path(TUNING) / resolved.name, running.store_path(store)
    check_places(resolved, folder, places)
    hear = listener or running.usual_listener()

    def run_until(stage: str) -> Run:
        return running.run(
            path, out=folder / "run", store=store, overrides=overrides, until=stage, device=device, listener=hear
        )

    records = run_until("images").all_records
    sampled = sample(records, scorer, pictures, resolved.seed)
    run = run_until("finetune")
    work = TuningWork(resolved, scorer, sampled, run, hear)
    started = time.perf_counter()
    hear(Event("run started", work.name, names=(MEASURE, CHOOSE)))
    artifact = work.measured(Store(places), draws, torch_device(device))
    choice = work.chosen(artifact)
    before = recipe_draws(scorer)
    tuned = Tuned(
        resolved=resolved,
        path=Path(path),
        overrides=tuple(overrides),
        choice=choice,
        folder=folder,
        forwards=round(work.forwards(records) / before),
        draws_before=before,
        seconds=float(artifact.facts["seconds_each"]),
    )
    write_tuning(tuned)
    hear(Event("run finished", work.name, seconds=time.perf_counter() - started))
    return tuned


@dataclass(frozen=True, slots=True)
class TuningWork:
    """The two steps of a tuning, once there is a model.

    Attributes:
        resolved: the recipe.
        scorer: its scorer.
        sampled: the pictures to choose on.
        run: has the pictures and the model.
        listener: hears the steps as stages.
    """

    resolved: Resolved
    scorer: LossScorer
    sampled: Sequence[Sampled]
    run: Run
    listener: Listener

    @property
    def name(self) -> str:
        """The run of the two steps, for their events."""
        return f"{self.resolved.name} ({TUNING})"

    def measured(self, store: Store, draws: int, device: str) -> Artifact:
        """What the draws of the sample gave, from the store or computed; an interrupted measurement goes on."""
        from diffmine.tuning.measuring import measure, measuring_config

        config, key = measuring_config(self.scorer.config, draws), self._key(draws)
        with self._stage(MEASURE) as (progress, finished), store.lock(TUNING, key):
            artifact = store.find(TUNING, key)
            finished["reused"] = artifact is not None
            if artifact is None:
                started = time.perf_counter()
                tools, folder = partial(self.run.tools, device), store.draft(TUNING, key)
                forwards = measure(self.scorer, config, self.sampled, tools, self._picture, folder, progress)
                each = (time.perf_counter() - started) / max(1, forwards)
                artifact = store.commit(TUNING, key, {"warnings": [], "seconds_each": each})
        return artifact

    def chosen(self, artifact: Artifact) -> Choice:
        """The choice, with a warning where it may be chance."""
        from diffmine.tuning.measuring import measured

        selector = self.resolved.components.patches
        with self._stage(CHOOSE) as (progress, _):
            terms = measured(self.sampled, artifact.path)
            recipe = recipe_setting(self.scorer, selector)
            choice = choose(terms, recipe, selector, self._pixels, self.resolved.seed, progress)
            if doubt := _doubt(choice):
                progress.warn(doubt)
        return choice

    def forwards(self, records: Sequence[ImageRecord]) -> int:
        """Forwards of the network to score a run's pictures as the recipe says."""
        labels = self.run.labels
        wanted = (
            self.scorer.labels_to_score(record, labels, self.resolved.seed) for record in records if record.scored
        )
        return sum(self.scorer.passes(len(one)) for one in wanted)

    def _key(self, draws: int) -> str:
        components = self.resolved.components
        decides = {
            "version": VERSION,
            "seed": self.resolved.seed,
            "inputs": {stage: self.run.info["stages"][stage]["digest"] for stage in ("images", "finetune")},
            "components": [one.identity() for one in (self.scorer, components.model, components.conditioning)],
            "draws": draws,
            "sample": [(one.record.image_id, one.labels) for one in self.sampled],
        }
        return json_digest(decides)[:32]

    @contextmanager
    def _stage(self, name: str) -> Iterator[tuple[Progress, dict[str, Any]]]:
        """Tell of a step as of a stage; what is put into the dictionary is told when it has finished."""
        self.listener(Event("stage started", self.name, name))
        started, finished = time.perf_counter(), dict[str, Any]()
        yield Progress(self.listener, run=self.name, stage=name), finished
        self.listener(Event("stage finished", self.name, name, seconds=time.perf_counter() - started, **finished))

    def _picture(self, record: ImageRecord) -> Picture:
        return Picture(record, self._pixels(record))

    def _pixels(self, record: ImageRecord) -> ByteArray:
        return self.run.picture(record.image_id)


def _doubt(choice: Choice) -> str | None:
    """Why the choice may rest on chance; None where it does not."""
    low, high = choice.after.auc_interval
    if low > CHANCE:
        return None
    return (
        f"own labels are not told from wrong ones (AUC {choice.after.auc:.2f}, {low:.2f} to {high:.2f} on "
        f"{choice.pictures} pictures; chance is {CHANCE:.2f}), so these settings may be chance: finetune for more "
        "steps, or keep back more pictures"
    )


def loss_scorer(resolved: Resolved) -> LossScorer:
    """The recipe's scorer, if it compares denoising losses.

    Raises:
        RecipeError: it does something else.
    """
    scorer = resolved.components.scorer
    if not isinstance(scorer, LossScorer):
        raise RecipeError(
            f"[scorer] use = {scorer.name!r} does not compare denoising losses, so there are no timesteps to choose; "
            'tune a recipe with use = "diffusion" or "contrast"'
        )
    return scorer


def recipe_setting(scorer: LossScorer, selector: PatchSelector) -> Setting:
    """What a recipe says of what is tuned."""
    config = scorer.config
    return Setting(config.t_min, config.t_max, config.smoothing, selector.config.size, recipe_draws(scorer))


def recipe_draws(scorer: LossScorer) -> int:
    """Draws for each image; of a range, the first round's."""
    return scorer.passes(1) // 2
