"""Feature extractor ``hog``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image
from pydantic import Field

from diffmine.interfaces import ComponentConfig, Extraction, FeatureExtractor, ModelTools, PatchRequest
from diffmine.types import ByteArray, FloatArray
from diffmine_hog.cells import cell_grid

CELL = 8


class Hog(FeatureExtractor):
    """Gradient histograms and Lab colours of the patch's own pixels; uses no diffusion model."""

    name = "hog"
    needs_model = False

    class Config(ComponentConfig):
        """Options of ``hog``."""

        cells: int = Field(4, ge=1, le=32, description="cells along the side of a patch")
        orientations: int = Field(9, ge=2, le=36, description="directions that a histogram tells apart")

    config: Config

    def open(self, tools: ModelTools) -> Extraction:
        """Nothing to load."""
        return HogExtraction(self.config)


class HogExtraction(Extraction):
    """Extraction of ``hog``."""

    def __init__(self, config: Hog.Config) -> None:
        self._config = config

    def extract(self, requests: Sequence[PatchRequest]) -> list[FloatArray]:
        """Features of each request's patches, (boxes, cells² x (orientations + 3))."""
        return [
            np.stack([self._vector(request.picture.pixels[box.slices()]) for box in request.boxes])
            for request in requests
        ]

    def _vector(self, crop: ByteArray) -> FloatArray:
        side = CELL * self._config.cells
        resized = np.asarray(Image.fromarray(crop).resize((side, side), Image.Resampling.BILINEAR))
        vector = cell_grid(resized, CELL, self._config.orientations).ravel()
        vector = np.append(vector, np.float32(1e-3))  # so that a patch of mid-grey has a direction too
        unit: FloatArray = (vector / np.linalg.norm(vector)).astype(np.float32)
        return unit
