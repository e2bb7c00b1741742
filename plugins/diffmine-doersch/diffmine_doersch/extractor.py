"""Feature extractor ``doersch``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from diffmine.errors import RecipeError
from diffmine.interfaces import Extraction, FeatureExtractor, ModelTools, PatchRequest, Progress, TrainingSet
from diffmine.numerics.boxes import coverage, unit_rows
from diffmine.types import Box, FloatArray
from diffmine_doersch.detectors import Detectors, find
from diffmine_doersch.options import DetectorConfig

if TYPE_CHECKING:
    from diffmine.recipes.resolving import Components


class DetectorResponses(FeatureExtractor):
    """Which detector of its label fires on a patch: its scorer's detectors, as the scorer ``doersch`` finds them.

    Nearly 1 for the detector whose log odds over the patch are highest, nearly 0 for the others. They know the label,
    so they say nothing on whether patches tell labels apart.
    """

    name = "doersch"
    needs_model = False
    Config = DetectorConfig
    config: DetectorConfig

    def check_recipe(self, components: Components) -> None:
        """Its detectors are to be the scorer's.

        Raises:
            RecipeError: the scorer is ``doersch`` with other options.
        """
        scorer = components.scorer
        if scorer.name != self.name:
            return
        for name in DetectorConfig.model_fields:
            mine, other = getattr(self.config, name), getattr(scorer.config, name, None)
            if mine != other:
                raise RecipeError(
                    f"[features] {name} = {mine}, but [scorer] {name} = {other}, so the patches' detectors would be "
                    "others than those that found them; say the same in both"
                )

    def fit(self, data: TrainingSet, tools: ModelTools, *, folder: Path, progress: Progress) -> None:
        """Find the detectors of every label, or take the scorer's where it has just found them."""
        find(self.config, data, tools, progress).save(folder)

    def open(self, tools: ModelTools) -> Extraction:
        return ResponseExtraction(self.config, Detectors.load(tools.fitted))


class ResponseExtraction(Extraction):
    """Extraction of ``doersch``."""

    def __init__(self, config: DetectorConfig, detectors: Detectors) -> None:
        self._config, self._detectors = config, detectors
        self._dims = max(map(len, detectors.biases.values()))

    def extract(self, requests: Sequence[PatchRequest]) -> list[FloatArray]:
        """Features of each request's patches, (boxes, most detectors of a label)."""
        return [self._extract(request) for request in requests]

    def _extract(self, request: PatchRequest) -> FloatArray:
        pixels = request.picture.pixels
        responses = self._detectors.responses(self._config, pixels, [request.label])[request.label]
        odds = np.stack([self._mean(responses, box) for box in request.boxes])
        share = np.exp(2 * (odds - odds.max(axis=1, keepdims=True)))
        features = np.zeros((len(odds), self._dims), dtype=np.float32)
        features[:, : share.shape[1]] = share
        return unit_rows(features)

    def _mean(self, responses: FloatArray, box: Box) -> FloatArray:
        """Of a grid of responses, (h, w, detectors), over a box."""
        cell = self._config.cell
        rows = coverage(box.y0, box.y1, cell, responses.shape[0])
        columns = coverage(box.x0, box.x1, cell, responses.shape[1])
        mean: FloatArray = np.einsum("h,w,hwd->d", rows, columns, responses)
        return mean
