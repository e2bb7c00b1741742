"""Typicality scorer ``few-shot-masks``."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from diffmine.interfaces import ModelTools, Progress, Quantity, Scoring, TrainingSet
from diffmine_discriminative.options import check_labels
from diffmine_discriminative.scorers import NetworkScorer, NetworkScorerConfig, network_options


class FewShotMasks(NetworkScorer):
    """A small segmentation network that learns from a few masks of each label: what is to be had, for a control.

    The few-shot baseline of Choe et al., *Evaluating Weakly Supervised Object Localization Methods Right* (2020): a
    method without masks that is below it is not worth its trouble where so few masks can be drawn. Masks of training
    pictures alone are read. Where a picture does not carry a label, none of its pixels is taken to be the element.
    """

    name = "few-shot-masks"
    needs_masks = True
    quantity = Quantity(
        "typicality",
        "segmentation",
        "log odds of the element",
        "above zero, the pixel is more likely the label's element than not",
    )

    class Config(NetworkScorerConfig):
        """Options of ``few-shot-masks``."""

        masks: int = Field(10, ge=1, description="training pictures of each label whose masks are learned from")
        epochs: int = Field(200, ge=1, description="times that each of these pictures is learned from")

    config: Config

    def fit(self, data: TrainingSet, tools: ModelTools, *, folder: Path, progress: Progress) -> None:
        """Train the network.

        Raises:
            DataError: there are fewer than two labels, or one without masks.
        """
        from diffmine_discriminative.segmenting import chosen, learn_masks

        check_labels(self.name, data, tools.labels)
        examples = chosen(data, tools.labels, self.config.masks, tools.seed, progress)
        learn_masks(network_options(self.config), data, examples, tools, progress).save(folder)

    def open(self, tools: ModelTools) -> Scoring:
        from diffmine_discriminative.classifier import Outputs
        from diffmine_discriminative.network import STRIDE
        from diffmine_discriminative.scoring import NetworkScoring, class_activation_maps

        outputs = Outputs.load(network_options(self.config), tools, self.name)
        return NetworkScoring(outputs, class_activation_maps, STRIDE, tools.device, self.config.scoring_batch)
