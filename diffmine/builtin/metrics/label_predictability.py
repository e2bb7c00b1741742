"""Do typical patches tell labels apart?"""

from __future__ import annotations

import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field

from diffmine.analysis.annotated import Measured, mean_over_images
from diffmine.errors import DiffmineWarning
from diffmine.interfaces import ComponentConfig, Metric
from diffmine.runs.contents import selected_rows
from diffmine.runs.tables import patches_of
from diffmine.types import FloatArray, MetricValue

if TYPE_CHECKING:
    from diffmine.runs.run import Run


class LabelPredictability(Metric):
    """Accuracy of a linear classifier on patch features: trained on training images, tested on held-out images.

    A ridge classifier (scikit-learn's ``RidgeClassifier``, labels weighted equally) learns the label of a patch from
    its features; a held-out image is given the label of the largest mean decision value over its patches, which is
    right when the image carries it. One figure for each selection: ``label_predictability`` for the run's own,
    ``label_predictability_least`` and the like for its controls: typical patches should predict best. Held-out patches
    are selected under the image's own label, as in training, so the figure compares selections; it is not the accuracy
    to expect on unlabelled pictures. Chance is the share of the commonest label. In [0, 1].

    Features that were computed under the label, as DIFT's are in the paper, know the answer, whatever the patch shows.
    Where random patches predict as well as the run's own, a warning says so.
    """

    name = "label_predictability"

    class Config(ComponentConfig):
        """Options of ``label_predictability``."""

        ridge: float = Field(1.0, gt=0, description="penalty on squared weights, for features of unit norm")

    config: Config

    def compute(self, run: Run) -> Mapping[str, MetricValue]:
        metrics: dict[str, MetricValue] = {}
        train, heldout = patches_of(run.patches), patches_of(run.heldout_patches)
        for selection in sorted({patch.selection for patch in train}):
            own = selection == run.selection
            name = self.name if own else f"{self.name}_{selection}"
            seen, unseen = _rows(run.patches, selection), _rows(run.heldout_patches, selection)
            labels = [train[row].label for row in seen]
            if unseen and len(set(labels)) > 1:
                scores, classes = self._decide(run.features[seen], labels, run.heldout_features[unseen])
                images = [heldout[row].image_id for row in unseen]
                judged = list(_judge(run, images, scores, classes))
                metrics |= mean_over_images(name, judged, "higher" if own else "none")
        self._warn_of_features_that_know(metrics)
        return metrics

    def _warn_of_features_that_know(self, metrics: Mapping[str, MetricValue]) -> None:
        own, random = metrics.get(self.name), metrics.get(f"{self.name}_random")
        if own is None or random is None or random.value < own.value or _at_chance(random):
            return
        warnings.warn(
            f"{self.name}: random patches predict the label as well ({random.value:.2f}) as the selected ones "
            f"({own.value:.2f}); the features may know the label, as dift's do unless features.condition = 'null', or "
            "the whole picture shows it",
            DiffmineWarning,
            stacklevel=3,
        )

    def _decide(
        self, features: FloatArray, labels: list[str], unseen: FloatArray
    ) -> tuple[NDArray[np.float64], list[str]]:
        """Decision values (patches, labels), and the label of each column."""
        from sklearn.linear_model import RidgeClassifier

        model = RidgeClassifier(self.config.ridge, class_weight="balanced").fit(features.astype(np.float64), labels)
        scores = model.decision_function(unseen.astype(np.float64))
        if scores.ndim == 1:
            scores = np.stack([-scores, scores], axis=1)
        return scores, [str(label) for label in model.classes_]


def _at_chance(figure: MetricValue) -> bool:
    return figure.low is None or figure.chance is None or figure.low <= figure.chance


def _rows(patches: pa.Table, selection: str) -> list[int]:
    """Rows of a selection, in an order that does not depend on the table's."""
    return [row for rows in selected_rows(patches, selection).values() for row in rows.tolist()]


def _judge(run: Run, images: list[str], scores: NDArray[np.float64], classes: list[str]) -> Iterator[Measured]:
    rows: dict[str, list[int]] = defaultdict(list)
    for row, image_id in enumerate(images):
        rows[image_id].append(row)
    true = {image_id: run.records[image_id].labels for image_id in rows}
    commonest = max(Counter(label for labels in true.values() for label in labels).values()) / len(rows)
    for image_id in sorted(rows):
        predicted = classes[int(scores[rows[image_id]].mean(axis=0).argmax())]
        yield Measured(image_id, true[image_id][0], float(predicted in true[image_id]), commonest)
