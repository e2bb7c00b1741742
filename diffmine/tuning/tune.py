"""Settings for a recipe, from Python."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

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
from diffmine.tuning.terms import Terms
from diffmine.types import Picture

PICTURES, DRAWS = 84, 48
VERSION = 1
MEASURE, CHOOSE = "measure", "choose"
TUNING = "tuning"


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
    scorer = _loss_scorer(resolved)
    folder, places = Path(out) if out else Path(TUNING) / resolved.name, running.store_path(store)
    check_places(resolved, folder, places)
    hear = listener or running.usual_listener()

    def run_until(stage: str) -> Run:
        return running.run(
            path, out=folder / "run", store=store, overrides=overrides, until=stage, device=device, listener=hear
        )

    records = list(run_until("images").records.values())
    sampled = sample(records, scorer, pictures, resolved.seed)
    run = run_until("finetune")
    started = time.perf_counter()
    name = f"{resolved.name} ({TUNING})"
    hear(Event("run started", name, names=(MEASURE, CHOOSE)))
    artifact = _measured(resolved, scorer, sampled, run, Store(places), draws, torch_device(device), hear, name)
    choice = _chosen(resolved, scorer, sampled, run, artifact, hear, name)
    labels = run.labels
    forwards = sum(
        scorer.passes(len(scorer.labels_to_score(record, labels, resolved.seed))) for record in records if record.scored
    )
    before = _recipe_draws(scorer)
    tuned = Tuned(
        resolved=resolved,
        path=Path(path),
        overrides=tuple(overrides),
        choice=choice,
        folder=folder,
        forwards=round(forwards / before),
        draws_before=before,
        seconds=float(artifact.facts["seconds_each"]),
    )
    write_tuning(tuned)
    hear(Event("run finished", name, seconds=time.perf_counter() - started))
    return tuned


def _loss_scorer(resolved: Resolved) -> LossScorer:
    scorer = resolved.components.scorer
    if not isinstance(scorer, LossScorer):
        raise RecipeError(
            f"[scorer] use = {scorer.name!r} does not compare denoising losses, so there are no timesteps to choose; "
            'tune a recipe with use = "diffusion" or "contrast"'
        )
    return scorer


def _measured(
    resolved: Resolved,
    scorer: LossScorer,
    sampled: Sequence[Sampled],
    run: Run,
    store: Store,
    draws: int,
    device: str,
    listener: Listener,
    name: str,
) -> Artifact:
    """What the draws of the sample gave, from the store or computed."""
    from diffmine.tuning.measuring import measure, measuring_config

    config = measuring_config(scorer.config, draws)
    key = json_digest(
        {
            "version": VERSION,
            "seed": resolved.seed,
            "inputs": {stage: run.info["stages"][stage]["digest"] for stage in ("images", "finetune")},
            "components": [
                scorer.identity(),
                resolved.components.model.identity(),
                resolved.components.conditioning.identity(),
            ],
            "draws": draws,
            "sample": [(one.record.image_id, one.labels) for one in sampled],
        }
    )[:32]
    progress = Progress(listener, run=name, stage=MEASURE)
    listener(Event("stage started", name, MEASURE))
    started = time.perf_counter()
    with store.lock(TUNING, key):
        artifact = store.find(TUNING, key)
        if reused := artifact is not None:
            progress.start(len(sampled), "images")
        else:
            forwards = measure(
                scorer,
                config,
                sampled,
                lambda fold: run.tools(device, fold),
                lambda record: Picture(record, run.picture(record.image_id)),
                store.draft(TUNING, key),
                progress,
            )
            seconds = time.perf_counter() - started
            artifact = store.commit(TUNING, key, {"warnings": [], "seconds_each": seconds / max(1, forwards)})
    listener(Event("stage finished", name, MEASURE, seconds=time.perf_counter() - started, reused=reused))
    return artifact


def _chosen(
    resolved: Resolved,
    scorer: LossScorer,
    sampled: Sequence[Sampled],
    run: Run,
    artifact: Artifact,
    listener: Listener,
    name: str,
) -> Choice:
    from diffmine.tuning.measuring import measured

    listener(Event("stage started", name, CHOOSE))
    started = time.perf_counter()
    terms: list[Terms] = measured(sampled, artifact.path)
    choice = choose(
        terms,
        recipe_setting(scorer, resolved.components.patches),
        resolved.components.patches,
        lambda record: run.picture(record.image_id),
        resolved.seed,
        Progress(listener, run=name, stage=CHOOSE),
    )
    if doubt := _doubt(choice):
        listener(Event("warning", name, CHOOSE, text=doubt))
    listener(Event("stage finished", name, CHOOSE, seconds=time.perf_counter() - started))
    return choice


def _doubt(choice: Choice) -> str | None:
    """Why the choice may rest on chance; None where it does not."""
    low, high = choice.after.auc_interval
    if low > 0.5:
        return None
    return (
        f"own labels are not told from wrong ones (AUC {choice.after.auc:.2f}, {low:.2f} to {high:.2f} on "
        f"{choice.pictures} pictures; chance is 0.50), so these settings may be chance: finetune for more steps, or "
        "keep back more pictures"
    )


def recipe_setting(scorer: LossScorer, selector: PatchSelector) -> Setting:
    """What a recipe says of what is tuned."""
    config = scorer.config
    return Setting(config.t_min, config.t_max, config.smoothing, selector.config.size, _recipe_draws(scorer))


def _recipe_draws(scorer: LossScorer) -> int:
    """Draws for each image; of a range, the first round's."""
    return scorer.passes(1) // 2
