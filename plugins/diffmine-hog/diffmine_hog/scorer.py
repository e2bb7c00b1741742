"""Typicality scorer ``hog-svm``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from diffmine.errors import DataError
from diffmine.interfaces import (
    ComponentConfig,
    ModelTools,
    Progress,
    Quantity,
    Scoring,
    TrainingSet,
    TypicalityScorer,
)
from diffmine.numerics.seeding import numpy_generator
from diffmine.types import ImageRecord


class HogSvm(TypicalityScorer):
    """Decision values of linear SVMs, one for each label against the rest, on gradient histograms and colours.

    Every window of a training picture counts as an example of the picture's labels: what many pictures of a label share
    and others lack comes out high. A training picture is scored by SVMs that have not seen it.
    """

    name = "hog-svm"
    needs_model = False
    quantity = Quantity(
        "typicality",
        "decision value",
        "",
        "above zero, the window looks more like the label's pictures than the others'",
    )

    class Config(ComponentConfig):
        """Options of ``hog-svm``."""

        cell: int = Field(8, ge=2, le=64, description="side of a cell in pixels; a map has one value a cell")
        reach: int = Field(2, ge=0, le=8, description="cells that a window reaches to each side of its own")
        orientations: int = Field(9, ge=2, le=36, description="directions that a histogram tells apart")
        windows: int = Field(64, ge=1, description="windows to learn from in each picture, drawn by the seed")
        regularisation: float = Field(0.001, gt=0, description="C of the SVMs: lower is smoother")
        folds: int = Field(
            3, ge=2, le=20, description="parts of the training pictures; each is scored by SVMs fitted to the others"
        )
        null_labels: int = Field(1, ge=0, description="wrong labels to score each picture under as well")

    config: Config

    def fit(self, data: TrainingSet, tools: ModelTools, *, folder: Path, progress: Progress) -> None:
        """Fit the SVMs of each fold and label.

        Raises:
            DataError: there are fewer than two labels, or a label has fewer training pictures than there are folds.
        """
        from diffmine_hog.svm import fit

        counts = {label: sum(label in record.labels for record in data.train) for label in tools.labels}
        if len(counts) < 2:
            raise DataError("hog-svm tells labels apart, and the pictures have only one; add pictures of another label")
        rarest = min(counts, key=lambda label: counts[label])
        if counts[rarest] < self.config.folds:
            raise DataError(
                f"label {rarest!r} has {counts[rarest]} training pictures, fewer than scorer.folds = "
                f"{self.config.folds}; add pictures, or lower scorer.folds or dataset.holdout"
            )
        fit(self.config, data, tools, progress).save(folder)

    def open(self, tools: ModelTools) -> Scoring:
        from diffmine_hog.svm import Svms, SvmScoring

        if tools.fitted is None:
            raise DataError("hog-svm was opened before it was fitted; call fit and give its folder as tools.fitted")
        return SvmScoring(self.config, Svms.load(tools.fitted))

    def labels_to_score(self, record: ImageRecord, labels: Sequence[str], seed: int) -> tuple[str, ...]:
        """Its own labels, and ``null_labels`` others, drawn by the seed and the picture's content."""
        others = [label for label in labels if label not in (*record.labels, *record.related)]
        drawn = numpy_generator(seed, "null labels", record.digest).permutation(len(others))[: self.config.null_labels]
        return (*record.labels, *(others[place] for place in sorted(drawn)))
