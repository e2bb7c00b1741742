"""How much a whole picture speaks for labels, with equal noise for pictures that are to be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from diffmine.diffusion.loss_scorer import LossConfig
from diffmine.types import Picture

if TYPE_CHECKING:
    from diffmine.interfaces import ModelTools
    from diffmine.runs.run import Run


def has_model(run: Run) -> bool:
    """Whether a run has a diffusion model to ask."""
    return "finetune" in run.info["stages"]


def evidence_config(scorer: Mapping[str, Any], draws: int) -> LossConfig:
    """So many antithetic draws, one in each part of the timesteps of the run's scorer, or of the paper's.

    Args:
        scorer: the recipe's ``[scorer]``, such as ``Component.describe`` gives it.
        draws: even.
    """
    chosen = {name: scorer[name] for name in ("t_min", "t_max", "weighting", "batch_size") if name in scorer}
    return LossConfig(draws=draws, timesteps="stratified", antithetic=True, **chosen)


def label_evidence(
    run: Run,
    pictures: Sequence[Picture],
    labels: Sequence[Sequence[str]],
    draws: int,
    t_range: tuple[float, float] | None = None,
) -> list[NDArray[np.float64]]:
    """The mean typicality of each picture under each of its labels.

    Li et al., *Your Diffusion Model is Secretly a Zero-Shot Classifier* (ICCV 2023): of several labels, the picture's
    is the one with the highest. The noise follows from the digest of the record, so that pictures with the same record
    (one as it is, one with a part covered) see the same noise, and their difference is due to what was covered.

    Args:
        run: a run with a diffusion model; of several, each picture's is the one of its fold.
        pictures: any; several may have the same record.
        labels: for each picture, what to denoise it under.
        draws: even; forwards are draws x (1 + labels) a picture.
        t_range: shares of the training steps, the end not reached, where they are not to be the scorer's.
    Returns:
        for each picture float64, (labels,).
    """
    given = {} if t_range is None else {"t_min": t_range[0], "t_max": t_range[1]}
    config = evidence_config({**run.recipe.tables.get("scorer", {}), **given}, draws)
    levels: dict[int, NDArray[np.float64]] = {}
    for fold in {picture.record.fold for picture in pictures}:
        rows = [row for row, picture in enumerate(pictures) if picture.record.fold == fold]
        found = evidence_by(
            run.tools(fold=fold), config, [pictures[row] for row in rows], [labels[row] for row in rows]
        )
        levels.update(zip(rows, found, strict=True))
    return [levels[row] for row in range(len(pictures))]


def evidence_by(
    tools: ModelTools, config: LossConfig, pictures: Sequence[Picture], labels: Sequence[Sequence[str]]
) -> list[NDArray[np.float64]]:
    """:func:`label_evidence` by one model, for stages, which have no finished run.

    Args:
        tools: the model.
        config: the draws, see :func:`evidence_config`.
        pictures: as for :func:`label_evidence`.
        labels: likewise.
    """
    from diffmine.diffusion.scoring import LossScoring, gain_over_null
    from diffmine.interfaces import Progress

    # Results are told apart by the image's id; the noise follows from the digest, which stays.
    told_apart = [
        Picture(replace(picture.record, image_id=str(row)), picture.pixels) for row, picture in enumerate(pictures)
    ]
    maps = LossScoring(tools, config, gain_over_null).score(told_apart, labels, Progress())
    return [np.array([one.mean.mean(dtype=np.float64) for one in of_picture]) for of_picture in maps]
