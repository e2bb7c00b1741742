"""What decides which detectors are found; the scorer and the extractor share it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from diffmine.interfaces import ComponentConfig


class DetectorConfig(ComponentConfig):
    """Options of the search for detectors."""

    cell: int = Field(8, ge=2, le=64, description="side of a cell in pixels, where the scale is 1")
    reach: int = Field(3, ge=1, le=8, description="cells that a window reaches to each side of its own")
    orientations: int = Field(9, ge=2, le=36, description="directions that a gradient histogram tells apart")
    scales: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        (1.0, 1.5, 2.0), min_length=1, description="sizes of windows, as multiples of (2 reach + 1) cell pixels"
    )
    windows: int = Field(256, ge=1, description="windows to search in each training picture, drawn by the seed")
    flattest: float = Field(
        0.5, ge=0, lt=1, description="share of a picture's windows, those of least gradient, that are no candidates"
    )
    candidates: int = Field(1000, ge=1, description="windows of each label whose neighbours are looked for")
    neighbours: int = Field(20, ge=1, description="nearest neighbours of a candidate whose labels are counted")
    seeds: int = Field(60, ge=1, description="candidates of each label, the purest, that become detectors")
    members: int = Field(5, ge=1, description="windows that a detector is trained to fire on")
    rounds: int = Field(3, ge=1, description="trainings of each detector, each on the next third of the pictures")
    passes: int = Field(2, ge=1, description="searches for hard negatives in each training")
    regularisation: float = Field(1e-4, gt=0, description="C of the SVMs: lower is smoother")
    firings: int = Field(
        50, ge=1, description="top firings on pictures not trained on last whose purity ranks detectors"
    )
    detectors: int = Field(16, ge=1, description="detectors to keep of each label")
