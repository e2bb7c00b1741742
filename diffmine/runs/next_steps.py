"""What to do next with a run, each thing only where something that the run has measured calls for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from diffmine.runs.contents import Cluster
from diffmine.runs.in_sample import REMEDY, why_no_p_values
from diffmine.runs.telling import Telling
from diffmine.runs.validation_gaps import validation_gaps

if TYPE_CHECKING:
    from diffmine.runs.run import Run

FEW_PICTURES = 40
"""Pictures of a label below which more of them are asked for, where nothing sure was found of it."""
HIDDEN = 0.3
"""How far towards a full score an interval may reach that holds chance; beyond that, more pictures could tell."""
FEW_STEPS, FEW_PASSES = 600, 16
"""What ``diffmine init`` advises at least: steps, and times through the pictures."""
STILL_GROWING = 0.95
"""Share of its best value that the gap between validation losses must have reached ..."""
BY = 0.8
"""... by this share of the steps; if not, it was still growing."""
LEAST_VALIDATIONS = 4


def next_steps(run: Run, told: Telling, best: Mapping[str, Cluster]) -> Iterator[str]:
    """What to do next, a sentence each, what matters most first.

    Args:
        run: a run whose clusters are done.
        told: whether labels are told apart.
        best: label -> its best cluster that is surely typical; labels that have none are left out.
    """
    if why_no_p_values(run) is not None:
        yield f"Keep pictures from the model, so that what it finds can be tested: {REMEDY}."
    steps = [
        *_learn_more(run, told),
        *_more_pictures(run, told, best),
        *_another_size(run, told),
        *_tune(run, told, best),
    ]
    yield from steps
    if told.verdict == "no" and not steps:
        yield "Look at the labels: with these pictures and this finetuning, nothing sets them apart."


def _learn_more(run: Run, told: Telling) -> Iterator[str]:
    """Where the model was still learning labels, or has hardly begun to and does not tell them well."""
    log = run.training_log
    if log is None:
        if told.verdict == "no" and "finetune" in run.info["stages"]:
            yield "Finetune the model on the pictures ([finetune] use); it has not learned from them."
        return
    steps = int(np.max(log["step"].to_numpy()))
    if _was_still_learning(run):
        yield (
            f"Finetune for more steps than {steps:,} (finetune.steps): the gap between the validation losses without "
            "and with the label was still growing."
        )
        return
    passes = _passes(run, steps)
    if told.verdict != "yes" and passes is not None and (steps < FEW_STEPS or passes < FEW_PASSES):
        yield (
            f"Finetune for more steps (finetune.steps): {steps:,} went {passes:.0f} times through the pictures; "
            f"{max(FEW_STEPS, round(FEW_PASSES * steps / passes)):,} are the least that diffmine init advises."
        )


def _passes(run: Run, steps: int) -> float | None:
    """How often finetuning went through the pictures; None where the recipe does not say how many it takes a step."""
    batch = run.recipe.tables.get("finetune", {}).get("batch_size")
    pictures = int(run.all_records.in_split("train").sum())
    folds = len({*run.all_records.folds.tolist()} - {-1})
    learned = pictures * (folds - 1) / folds if folds > 1 else float(pictures)
    return steps * batch / learned if isinstance(batch, int) and learned else None


def _was_still_learning(run: Run) -> bool:
    """Whether the gap between the validation losses without and with the label came near its best only at the end."""
    found = validation_gaps(run)
    if len(found.gaps) < LEAST_VALIDATIONS or found.gaps.max() <= 0:
        return False
    return found.reached(STILL_GROWING) > BY * int(found.steps[-1])


def _more_pictures(run: Run, told: Telling, best: Mapping[str, Cluster]) -> Iterator[str]:
    """Where too few pictures are why nothing can be told."""
    standings = run.contents.standings.values()
    undecided = [one.label for one in standings if one.tested and not one.decidable and one.label not in best]
    if undecided:
        yield (
            f"Take more pictures, or raise scorer.null_labels: {_listed(undecided)} "
            f"{'was' if len(undecided) == 1 else 'were'} held against too few patches under wrong labels to tell."
        )
    figure = told.figure
    if told.verdict == "no" and figure and figure["high"] - figure["chance"] > HIDDEN * (1 - figure["chance"]):
        yield (
            f"Take more pictures: in {figure['count']:,}, the interval reaches up to {100 * figure['high']:.0f} %, so "
            "the labels may differ by more than this run can tell."
        )
    elif told.told:
        counts, told_of = run.all_records.counts(), {*best, *undecided}
        few = [one for one in run.contents.labels if counts.get(one, 0) < FEW_PICTURES and one not in told_of]
        if few:
            yield f"Take more pictures of {_listed(few)}: under {FEW_PICTURES}, and nothing sure was found."


def _another_size(run: Run, told: Telling) -> Iterator[str]:
    """Where surely another patch size fits what labels explain in most pictures."""
    figure = run.metrics.get("fitting_size") if told.told else None
    patches = run.recipe.tables["patches"]
    own = list(patches.get("sizes") or ()) or [patches.get("size")]
    if not figure or figure["low"] is None or not all(isinstance(one, int) for one in own):
        return
    if all(one < figure["low"] or one > figure["high"] for one in own):
        yield (
            f"Try patches of {figure['value']:.0f} px (patches.size): in most pictures they fit what the labels "
            f"explain better than {' and '.join(map(str, own))} px."
        )


def _tune(run: Run, told: Telling, best: Mapping[str, Cluster]) -> Iterator[str]:
    """Where labels are told apart, and yet nothing sure was found of some: how they are measured can be bettered."""
    standings = run.contents.standings
    missing = [label for label in run.contents.labels if label not in best and standings[label].decidable]
    if told.told and missing and _draws_noise(run):
        yield (
            f"Run `diffmine tune` on the recipe: the labels can be told apart, and yet nothing sure was found of "
            f"{_listed(missing)}; it chooses timesteps, blur, patch size and draws."
        )


def _draws_noise(run: Run) -> bool:
    """Whether the scorer draws noise, as those do that ``diffmine tune`` can help."""
    return "draws" in run.recipe.tables.get("scorer", {})


def _listed(labels: list[str], most: int = 4) -> str:
    names = ", ".join(map(repr, labels[:most]))
    return f"{names} and {len(labels) - most} more" if len(labels) > most else names
