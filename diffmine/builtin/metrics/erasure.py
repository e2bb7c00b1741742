"""Does the label go when the best patch goes?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field, field_validator

from diffmine.analysis.annotated import Measured, mean_over_images
from diffmine.diffusion import other_labels
from diffmine.diffusion.label_evidence import has_model, label_evidence
from diffmine.interfaces import ComponentConfig, Metric
from diffmine.numerics.bootstrap import draws, percentile_interval
from diffmine.numerics.seeding import numpy_generator
from diffmine.numerics.shares import modified_wilson, ratio_of_shares
from diffmine.pictures.covering import cover, within
from diffmine.runs.tables import patches_of
from diffmine.types import Box, ImageRecord, MetricValue, Patch, Picture

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from diffmine.runs.run import Run

CHANCE = 0.5
"""Of telling the own label from one wrong one."""
VERSIONS = 3
"""A picture as it is, without its best patch, without a random one."""


class Erasure(Metric):
    """How much more often covering the best patch makes the model take a picture for another label.

    Of pictures that the model has not learned from. Each is compared under its own label and a wrong one, by the mean
    typicality of the whole picture (Li et al., *Your Diffusion Model is Secretly a Zero-Shot Classifier*, ICCV 2023):
    as it is, with its best patch painted over from around it, and with a patch of equal size anywhere painted over, all
    with the same noise. Among the pictures told right as they are, ``erasure_best`` and ``erasure_random`` are the
    shares that flip to the wrong label, in [0, 1], and ``erasure`` is their ratio, with half a flip added to both
    counts, so that it is finite; 1 is chance. Flips are few where a picture says more than one thing of its label. So
    ``evidence_lost`` tells, over all pictures, which share goes with the best patch of what speaks for the own label
    against the wrong one, and ``evidence_lost_random`` which share goes with the random one: 1 is all of it, and with
    more what is left speaks for the wrong label. It takes 9 x ``draws`` forwards a picture.

    The judge is the diffusion model of the recipe, also where the patches were found without one; then it is finetuned
    for this alone. Methods are compared by one judge where their recipes agree on model, finetuning and timesteps. Of
    a judge that tells no labels, so that the 95 % interval of the share told right reaches down to chance, nothing is
    said: what makes it change its mind is not the label.
    """

    name = "erasure"

    class Config(ComponentConfig):
        """Options of ``erasure``."""

        draws: int = Field(16, ge=2, multiple_of=2, description="(timestep, noise) draws for each picture, in pairs")
        pictures: int = Field(200, ge=1, description="pictures to cover, at most; drawn by their content")
        t_range: tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(le=1)]] | None = Field(
            None,
            description="timesteps to draw from, as shares of the training steps, the end not reached; omitted: the "
            "scorer's, or the paper's where it has none",
        )

        @field_validator("t_range")
        @classmethod
        def _rises(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
            if value is not None and value[0] >= value[1]:
                raise ValueError(f"{list(value)}: the first must be below the second, such as [0.1, 0.7]")
            return value

    config: Config

    @property
    def needs_model(self) -> bool:
        return True

    def compute(self, run: Run) -> Mapping[str, MetricValue]:
        chosen = _best_patches(run, self.config.pictures)
        if not chosen or not has_model(run):
            return {}
        trials = [picture for patch in chosen for picture in _versions(run, patch)]
        pairs = [_own_and_wrong(run, patch) for patch in chosen for _ in range(VERSIONS)]
        evidence = label_evidence(run, trials, pairs, self.config.draws, self.config.t_range)
        levels = np.stack(evidence).reshape(-1, VERSIONS, 2)
        return flips(chosen, levels)


def flips(patches: list[Patch], levels: NDArray[np.float64]) -> dict[str, MetricValue]:
    """The figures.

    Args:
        patches: the best patch of each picture.
        levels: evidence, (pictures, versions, 2): for the own label and the wrong one.
    """
    right = levels[:, :, 0] > levels[:, :, 1]
    told = [(patch, row) for patch, row in zip(patches, right, strict=True) if row[0]]
    if modified_wilson(len(told), len(patches))[0] <= CHANCE:
        return {}
    without_best, without_random = (np.array([not row[version] for _, row in told]) for version in (1, 2))
    best = [
        Measured(patch.image_id, patch.label, float(one), float(other), answers=1)
        for (patch, _), one, other in zip(told, without_best, without_random, strict=True)
    ]
    control = [Measured(one.image_id, one.label, one.chance, one.chance, answers=1) for one in best]
    ratio, (low, high) = ratio_of_shares(int(without_best.sum()), int(without_random.sum()), len(told))
    return {
        "erasure": MetricValue(ratio, low, high, chance=1.0, count=len(told)),
        **mean_over_images("erasure_best", best),
        **mean_over_images("erasure_random", control, better="none"),
        **evidence_lost(levels),
    }


def evidence_lost(levels: NDArray[np.float64]) -> dict[str, MetricValue]:
    """Of what speaks for the own label against the wrong one, summed over pictures: the share that is gone."""
    margins = levels[:, :, 0] - levels[:, :, 1]
    lost = _share_gone(margins.sum(axis=0))
    replicates = np.concatenate([_share_gone(weights @ margins) for weights in draws(len(margins), "evidence lost")])
    intervals = [percentile_interval(replicates[:, place]) for place in range(2)]
    return {
        "evidence_lost": MetricValue(float(lost[0]), *intervals[0], chance=float(lost[1]), count=len(margins)),
        "evidence_lost_random": MetricValue(float(lost[1]), *intervals[1], count=len(margins), better="none"),
    }


def _share_gone(margins: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of margins (..., VERSIONS): (..., 2), without the best patch and without the random one."""
    gone: NDArray[np.float64] = 1 - margins[..., 1:] / margins[..., :1]
    return gone


def _best_patches(run: Run, most: int) -> list[Patch]:
    """The best patch of each evaluated picture that has a label to be told from, under one of its labels."""
    best: dict[str, Patch] = {}
    for patch in patches_of(run.heldout_patches):
        if patch.selection == run.selection and len(run.labels) > len(run.records[patch.image_id].labels):
            held = best.get(patch.image_id)
            if held is None or patch.typicality > held.typicality:
                best[patch.image_id] = patch
    return [best[image_id] for image_id in sorted(best)][:most]


def _own_and_wrong(run: Run, patch: Patch) -> tuple[str, ...]:
    record = run.records[patch.image_id]
    return (patch.label, *other_labels(record, run.labels, 1, run.recipe.header.seed))


def _versions(run: Run, patch: Patch) -> Iterator[Picture]:
    record, pixels = run.records[patch.image_id], run.picture(patch.image_id)
    yield Picture(record, pixels)
    for box in (patch.box, _anywhere(record, patch.box)):
        yield Picture(record, cover(pixels, within([box], record.height, record.width)))


def _anywhere(record: ImageRecord, box: Box) -> Box:
    """A box of the same size, drawn by the picture."""
    height, width = box.y1 - box.y0, box.x1 - box.x0
    generator = numpy_generator("erasure", record.digest)
    y, x = int(generator.integers(record.height - height + 1)), int(generator.integers(record.width - width + 1))
    return Box(y, x, y + height, x + width)
