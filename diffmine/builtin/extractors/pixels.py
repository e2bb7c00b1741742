"""Colour and edges of the crop itself: no network at all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image
from pydantic import Field

from diffmine.interfaces import ComponentConfig, Extraction, FeatureExtractor, ModelTools, PatchRequest
from diffmine.numerics.boxes import unit_rows
from diffmine.types import Box, ByteArray, FloatArray

BLOCK = 2
"""Cells along the side of a block over which a histogram of gradients is normalised."""


class Pixels(FeatureExtractor):
    """A small Lab thumbnail and a histogram of oriented gradients of the crop, each of equal say; needs no network.

    Dalal and Triggs, *Histograms of Oriented Gradients for Human Detection* (2005); HOG beside a Lab thumbnail is what
    Doersch et al., *What Makes Paris Look like Paris?* (2012) mine with.
    """

    name = "pixels"
    needs_model = False

    class Config(ComponentConfig):
        """Options of ``pixels``."""

        thumbnail: int = Field(8, ge=1, le=64, description="side of the Lab thumbnail in pixels")
        cells: int = Field(
            4, ge=BLOCK, le=32, description="cells of 8 pixels along the side of the gradient histograms"
        )
        orientations: int = Field(9, ge=2, le=36, description="directions that a gradient histogram tells apart")

    config: Config

    def open(self, tools: ModelTools) -> Extraction:
        """Nothing to load; the tools' model is left alone."""
        return PixelsExtraction(self.config)


class PixelsExtraction(Extraction):
    """Extraction of ``pixels``."""

    def __init__(self, config: Pixels.Config) -> None:
        self._config = config

    def extract(self, requests: Sequence[PatchRequest]) -> list[FloatArray]:
        """Features of each request's patches, (boxes, thumbnail values and gradient histograms)."""
        return [self._extract(request.picture.pixels, request.boxes) for request in requests]

    def _extract(self, pixels: ByteArray, boxes: Sequence[Box]) -> FloatArray:
        crops = [Image.fromarray(pixels[box.slices()]) for box in boxes]
        colours = unit_rows(np.stack([self._thumbnail(crop) for crop in crops]))
        edges = unit_rows(np.stack([self._gradients(crop) for crop in crops]))
        return unit_rows(np.concatenate([colours, edges], axis=1))

    def _thumbnail(self, crop: Image.Image) -> FloatArray:
        """Lab values, (3 x thumbnail²,), centred on mid-grey."""
        from skimage.color import rgb2lab

        side = self._config.thumbnail
        lab = rgb2lab(np.asarray(crop.resize((side, side), Image.Resampling.BOX)))
        values: FloatArray = (lab - np.array([50.0, 0.0, 0.0])).astype(np.float32).ravel()
        return values

    def _gradients(self, crop: Image.Image) -> FloatArray:
        """Block-normalised histograms of gradient directions, ((cells - 1)² x 4 x orientations,)."""
        from skimage.feature import hog

        side = 8 * self._config.cells
        resized = np.asarray(crop.resize((side, side), Image.Resampling.BILINEAR))
        histograms: FloatArray = hog(
            resized,
            orientations=self._config.orientations,
            pixels_per_cell=(8, 8),
            cells_per_block=(BLOCK, BLOCK),
            channel_axis=-1,
        ).astype(np.float32)
        return histograms
