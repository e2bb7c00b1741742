"""Do typical patches tell labels apart?"""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field

from diffmine.analysis.annotated import Measured, mean_over_images
from diffmine.errors import DiffmineWarning
from diffmine.interfaces import ComponentConfig, Metric
from diffmine.numerics.seeding import derive_seed, numpy_generator
from diffmine.runs.contents import selected_rows
from diffmine.types import FloatArray, ImageRecord, MetricValue

if TYPE_CHECKING:
    from diffmine.runs.run import Run

CONTROL = "random"
PARTS = 5
DEALS = 5
"""How often the labels are dealt out anew to see what chance gives."""


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows of a table of patches with the image and the label of each."""

    rows: list[int]
    images: list[str]
    labels: list[str]

    @classmethod
    def of(cls, patches: pa.Table, selection: str) -> _Rows:
        """Those of a selection, in an order that does not depend on the table's."""
        rows = [row for found in selected_rows(patches, selection).values() for row in found.tolist()]
        images, labels = patches["image_id"].to_pylist(), patches["label"].to_pylist()
        return cls(rows, [images[row] for row in rows], [labels[row] for row in rows])

    def only(self, kept: Sequence[bool]) -> _Rows:
        """Those that are kept."""
        return _Rows(
            list(compress(self.rows, kept)), list(compress(self.images, kept)), list(compress(self.labels, kept))
        )


class LabelPredictability(Metric):
    """Accuracy of a linear classifier on patch features, and what typical patches gain over random ones.

    A ridge classifier (scikit-learn's ``RidgeClassifier``, labels weighted equally) learns the label of a patch from
    the features of mined patches; a held-out image is given the label of the largest mean decision value over its
    patches, which is right when the image carries it. One figure for each selection: ``label_predictability`` for the
    run's own, ``label_predictability_random`` and the like for its controls. Held-out patches are selected under the
    image's own label, as in training, so the figure compares selections; it is not the accuracy to expect on unlabelled
    pictures. Images that are mined themselves are judged by what was learned from others: those of other folds, or,
    without cross-fitting, of other parts out of five. Chance is the accuracy after learning labels dealt out anew to
    the mined images. In [0, 1].

    Accuracy alone proves nothing: features that were computed under the label, as DIFT's are in the paper, know the
    answer, whatever the patch shows. What counts is ``label_predictability_gain``: how much more often the run's own
    patches are right than random ones of the same image, in [-1, 1]; chance is 0. Where random patches predict the
    label and the own ones gain nothing over them (the interval of the gain holds 0), or where there are no random
    patches to compare with, there is no figure but a warning that says so.
    """

    name = "label_predictability"
    version = 3

    class Config(ComponentConfig):
        """Options of ``label_predictability``."""

        ridge: float = Field(1.0, gt=0, description="penalty on squared weights, for features of unit norm")

    config: Config

    def compute(self, run: Run) -> Mapping[str, MetricValue]:
        judged = {name: found for name in run.contents.selections if (found := self._judge(run, name))}
        if run.selection not in judged:
            return {}
        if CONTROL not in judged:
            self._warn('it needs random patches to compare with; add "random" to patches.controls')
            return {}
        gain = mean_over_images(f"{self.name}_gain", list(_gains(judged[run.selection], judged[CONTROL])))
        figures: dict[str, MetricValue] = {}
        for selection, found in sorted(judged.items()):
            own = selection == run.selection
            figures |= mean_over_images(
                self.name if own else f"{self.name}_{selection}", found, "higher" if own else "none"
            )
        random = figures[f"{self.name}_{CONTROL}"]
        if not _is_above(gain.get(f"{self.name}_gain"), 0.0) and _is_above(random, random.chance):
            self._warn(
                f"not shown: random patches predict the label nearly as well ({random.value:.2f}) as the selected ones "
                f"({figures[self.name].value:.2f}); the features may know the label, as dift's do unless "
                "features.condition = 'null', or the whole picture shows it"
            )
            return {}
        return {**figures, **gain}

    def _warn(self, why: str) -> None:
        warnings.warn(f"{self.name}: {why}", DiffmineWarning, stacklevel=4)

    def _judge(self, run: Run, selection: str) -> list[Measured]:
        """Whether each held-out image's label is told from its patches of a selection; by image."""
        seen, unseen = (_Rows.of(patches, selection) for patches in (run.patches, run.heldout_patches))
        judged: list[Measured] = []
        mined = set(seen.images)
        part = {name: _part(run.records[name], name in mined) for name in unseen.images}
        for one in sorted(set(part.values())):
            tested = unseen.only([part[name] == one for name in unseen.images])
            learned = seen.only([name not in tested.images for name in seen.images])
            if len(set(learned.labels)) < 2:
                continue
            right, *dealt_out = (
                self._right(run, learned, labels, tested)
                for labels in (learned.labels, *(_dealt_out(learned, deal) for deal in range(DEALS)))
            )
            chance = float(np.mean([list(one.values()) for one in dealt_out]))
            judged += [
                Measured(name, run.records[name].labels[0], value, chance, answers=1) for name, value in right.items()
            ]
        return judged

    def _right(self, run: Run, learned: _Rows, labels: Sequence[str], tested: _Rows) -> dict[str, float]:
        """Image -> 1 where it carries the label that its patches speak for, else 0; by image."""
        scores, classes = self._decide(run.features[learned.rows], labels, run.heldout_features[tested.rows])
        places: dict[str, list[int]] = defaultdict(list)
        for place, name in enumerate(tested.images):
            places[name].append(place)
        return {
            name: float(classes[int(scores[places[name]].mean(axis=0).argmax())] in run.records[name].labels)
            for name in sorted(places)
        }

    def _decide(
        self, features: FloatArray, labels: Sequence[str], unseen: FloatArray
    ) -> tuple[NDArray[np.float64], list[str]]:
        """Decision values (patches, labels), and the label of each column."""
        from sklearn.linear_model import RidgeClassifier

        model = RidgeClassifier(self.config.ridge, class_weight="balanced").fit(features.astype(np.float64), labels)
        scores = model.decision_function(unseen.astype(np.float64))
        if scores.ndim == 1:
            scores = np.stack([-scores, scores], axis=1)
        return scores, [str(label) for label in model.classes_]


def _part(record: ImageRecord, mined: bool) -> int:
    """What an image is judged with, while the classifier learns from all others."""
    if record.fold is not None:
        return record.fold
    return derive_seed("label_predictability", record.digest) % PARTS if mined else -1


def _is_above(figure: MetricValue | None, level: float | None) -> bool:
    return figure is not None and figure.low is not None and level is not None and figure.low > level


def _gains(own: list[Measured], random: list[Measured]) -> Iterator[Measured]:
    """How much better each image's own patches did than its random ones; images that lack either are left out."""
    of_random = {one.image_id: one.value for one in random}
    for one in own:
        if one.image_id in of_random:
            yield Measured(one.image_id, one.label, one.value - of_random[one.image_id], 0.0)


def _dealt_out(patches: _Rows, deal: int) -> list[str]:
    """The labels of patches after those of whole images have changed places."""
    names = sorted(set(patches.images))
    of_image = dict(zip(patches.images, patches.labels, strict=True))
    order = numpy_generator("label_predictability", deal).permutation(len(names))
    dealt = {name: of_image[names[other]] for name, other in zip(names, order, strict=True)}
    return [dealt[name] for name in patches.images]
