"""Typicality scorers ``cnn-cam`` and ``cnn-gradcam``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from diffmine.interfaces import (
    OUTSIDE_KEY,
    ModelTools,
    Progress,
    Quantity,
    Scoring,
    TrainingSet,
    TypicalityScorer,
)
from diffmine.numerics.seeding import numpy_generator
from diffmine.types import ImageRecord
from diffmine_discriminative.options import NetworkConfig


class NetworkScorerConfig(NetworkConfig):
    """Options of every scorer of this plugin."""

    null_labels: int = Field(1, ge=0, description="wrong labels to score each picture under as well")
    scoring_batch: Annotated[int, OUTSIDE_KEY] = Field(
        64, ge=1, description="pictures in one pass when maps are made; halved when memory runs out"
    )


class NetworkScorer(TypicalityScorer):
    """What the scorers of this plugin share."""

    needs_model = False
    config: NetworkScorerConfig

    def labels_to_score(self, record: ImageRecord, labels: Sequence[str], seed: int) -> tuple[str, ...]:
        """Its own labels, and ``null_labels`` others, drawn by the seed and the picture's content."""
        others = [label for label in labels if label not in (*record.labels, *record.related)]
        drawn = numpy_generator(seed, "null labels", record.digest).permutation(len(others))[: self.config.null_labels]
        return (*record.labels, *(others[place] for place in sorted(drawn)))


def network_options(config: NetworkConfig) -> NetworkConfig:
    """Those options alone that decide a network."""
    return NetworkConfig(**{name: getattr(config, name) for name in NetworkConfig.model_fields})


class CnnCam(NetworkScorer):
    """Class activation maps of a small convolutional classifier that learns the labels in the run.

    Zhou et al., *Learning Deep Features for Discriminative Localization* (2016). A map's mean is the log odds of the
    label, so each cell says what it adds.
    """

    name = "cnn-cam"
    Config = NetworkScorerConfig
    quantity = Quantity(
        "typicality",
        "class activation",
        "log odds of the label",
        "above zero, the place speaks for the label; the mean over the picture is the classifier's log odds",
    )

    def fit(self, data: TrainingSet, tools: ModelTools, *, folder: Path, progress: Progress) -> None:
        """Train the classifier.

        Raises:
            DataError: there are fewer than two labels, or one without training pictures.
        """
        from diffmine_discriminative.classifier import learn_labels

        learn_labels(network_options(self.config), data, tools, self.name, progress).save(folder)

    def open(self, tools: ModelTools) -> Scoring:
        from diffmine_discriminative.classifier import Outputs
        from diffmine_discriminative.network import STRIDE
        from diffmine_discriminative.scoring import NetworkScoring, class_activation_maps

        outputs = Outputs.load(network_options(self.config), tools, self.name)
        return NetworkScoring(outputs, class_activation_maps, STRIDE, tools.device, self.config.scoring_batch)


class CnnGradCam(CnnCam):
    """Grad-CAM of the classifier of ``cnn-cam``, at any of its blocks.

    Selvaraju et al., *Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization* (2017). Of the
    last block it is what is positive of CAM without its bias.
    """

    name = "cnn-gradcam"
    quantity = Quantity(
        "typicality",
        "Grad-CAM",
        "log odds of the label",
        "above zero, features that raise the label's log odds are strong here; it is never negative",
    )

    class Config(NetworkScorerConfig):
        """Options of ``cnn-gradcam``."""

        block: int = Field(
            -1,
            description="whose features: 0, the first, has cells of 2 px, and the others, up to depth + 1, of 4 px; "
            "-1 is the last, as in the paper",
        )

        @model_validator(mode="after")
        def _check_block(self) -> CnnGradCam.Config:
            if not -2 - self.depth <= self.block < 2 + self.depth:
                raise ValueError(
                    f"block = {self.block}: a network of depth {self.depth} has blocks 0 to {self.depth + 1}"
                )
            return self

    config: Config

    def open(self, tools: ModelTools) -> Scoring:
        from diffmine_discriminative.classifier import Outputs
        from diffmine_discriminative.network import stride
        from diffmine_discriminative.scoring import NetworkScoring, gradient_maps

        outputs, block = Outputs.load(network_options(self.config), tools, self.name), self.config.block
        maps, cells = partial(gradient_maps, block=block), stride(block, self.config.depth)
        return NetworkScoring(outputs, maps, cells, tools.device, self.config.scoring_batch)
