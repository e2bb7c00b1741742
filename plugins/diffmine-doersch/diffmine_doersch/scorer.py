"""Typicality scorer ``doersch``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from diffmine.interfaces import ModelTools, Progress, Quantity, Scoring, TrainingSet, TypicalityScorer
from diffmine.numerics.seeding import numpy_generator
from diffmine.types import ImageRecord, Picture, TypicalityMap
from diffmine_doersch.detectors import Detectors, find
from diffmine_doersch.options import DetectorConfig


class Doersch(TypicalityScorer):
    """How strongly the best detector of the label fires: *What Makes Paris Look like Paris?* (Doersch et al., 2012).

    Detectors are found in the training pictures, once. That paper has no maps: a place gets the log odds of the
    detector that fires most around it.
    """

    name = "doersch"
    needs_model = False
    quantity = Quantity(
        "typicality",
        "strongest detector",
        "log odds of the label",
        "above zero, a detector of the label fires here more than it does in most other pictures",
    )

    class Config(DetectorConfig):
        """Options of ``doersch``."""

        null_labels: int = Field(1, ge=0, description="wrong labels to score each picture under as well")

    config: Config

    def fit(self, data: TrainingSet, tools: ModelTools, *, folder: Path, progress: Progress) -> None:
        """Find the detectors of every label.

        Raises:
            DataError: a label has too few pictures with it or without it.
        """
        find(_search_options(self.config), data, tools, progress).save(folder)

    def open(self, tools: ModelTools) -> Scoring:
        return DoerschScoring(self.config, Detectors.load(tools.fitted))

    def labels_to_score(self, record: ImageRecord, labels: Sequence[str], seed: int) -> tuple[str, ...]:
        """Its own labels, and ``null_labels`` others, drawn by the seed and the picture's content."""
        others = [label for label in labels if label not in (*record.labels, *record.related)]
        drawn = numpy_generator(seed, "null labels", record.digest).permutation(len(others))[: self.config.null_labels]
        return (*record.labels, *(others[place] for place in sorted(drawn)))


def _search_options(config: Doersch.Config) -> DetectorConfig:
    return DetectorConfig(**{name: getattr(config, name) for name in DetectorConfig.model_fields})


class DoerschScoring(Scoring):
    """Scoring of ``doersch``."""

    def __init__(self, config: DetectorConfig, detectors: Detectors) -> None:
        self._config, self._detectors, self.stride = config, detectors, config.cell

    def score(
        self, pictures: Sequence[Picture], labels: Sequence[Sequence[str]], progress: Progress
    ) -> list[list[TypicalityMap]]:
        """The log odds of the label's best detector around each cell."""
        scored = []
        for picture, wanted in zip(pictures, labels, strict=True):
            responses = self._detectors.responses(self._config, picture.pixels, wanted)
            scored.append(
                [TypicalityMap(picture.record.image_id, label, responses[label].max(axis=-1)) for label in wanted]
            )
            progress.advance()
        return scored
