"""Feature extractor ``cnn``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from diffmine.errors import RecipeError
from diffmine.interfaces import Extraction, FeatureExtractor, ModelTools, PatchRequest, Progress, TrainingSet
from diffmine.numerics.boxes import box_means, unit_rows
from diffmine.types import FloatArray
from diffmine_discriminative.options import NetworkConfig

if TYPE_CHECKING:
    from diffmine.recipes.resolving import Components
    from diffmine_discriminative.network import Network


class Cnn(FeatureExtractor):
    """The last features of the classifier of ``cnn-cam``, averaged over the patch's cells.

    They do not depend on the label under which a patch was found.
    """

    name = "cnn"
    needs_model = False
    Config = NetworkConfig
    config: NetworkConfig

    def check_recipe(self, components: Components) -> None:
        """Its classifier is to be the scorer's.

        Raises:
            RecipeError: the scorer trains a classifier with other options.
        """
        scorer = components.scorer
        if scorer.name not in ("cnn-cam", "cnn-gradcam"):
            return
        for name in NetworkConfig.model_fields:
            mine, other = getattr(self.config, name), getattr(scorer.config, name, None)
            if mine != other:
                raise RecipeError(
                    f"[features] {name} = {mine}, but [scorer] {name} = {other}, so another classifier would be "
                    "trained for the features alone; say the same in both"
                )

    def fit(self, data: TrainingSet, tools: ModelTools, *, folder: Path, progress: Progress) -> None:
        """Train the classifier, or take the scorer's where it has just been trained."""
        from diffmine_discriminative.classifier import learn_labels

        learn_labels(self.config, data, tools, self.name, progress).save(folder)

    def open(self, tools: ModelTools) -> Extraction:
        from diffmine_discriminative.classifier import Outputs

        return CnnExtraction(Outputs.load(self.config, tools, self.name).network, tools.device)


class CnnExtraction(Extraction):
    """Extraction of ``cnn``."""

    def __init__(self, network: Network, device: str) -> None:
        self._network, self._device = network, device

    def extract(self, requests: Sequence[PatchRequest]) -> list[FloatArray]:
        """Features of each request's patches, (boxes, channels)."""
        return [self._pooled(request) for request in requests]

    def _pooled(self, request: PatchRequest) -> FloatArray:
        from diffmine_discriminative.network import STRIDE, prepared

        features = self._network.features(prepared([request.picture.pixels], self._device))[0]
        height, width = (cells * STRIDE for cells in features.shape[1:])
        return unit_rows(box_means(features, request.boxes, height, width))
