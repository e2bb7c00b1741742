"""Several extractors side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field, model_validator

from diffmine.interfaces import (
    ComponentConfig,
    Extraction,
    FeatureExtractor,
    ModelTools,
    PartsOf,
    PartTable,
    PatchRequest,
    Progress,
    TrainingSet,
)
from diffmine.numerics.boxes import unit_rows
from diffmine.types import FloatArray


class Concat(FeatureExtractor):
    """Features of several extractors, each of unit length, joined and scaled to unit length again.

    The cosine similarity of two patches is then the weighted mean of the parts' cosine similarities. CLIP beside DIFT
    is ``parts = [{use = "clip", path = "..."}, "dift"]``.
    """

    name = "concat"

    class Config(ComponentConfig):
        """Options of ``concat``."""

        parts: Annotated[tuple[PartTable, ...], PartsOf("feature_extractors")] = Field(
            min_length=1, description="the extractors: names, or tables with use and options"
        )
        weights: tuple[Annotated[float, Field(gt=0)], ...] | None = Field(
            None, description="one positive weight a part, in its share of the similarity; omitted: equal"
        )

        @model_validator(mode="after")
        def _one_weight_a_part(self) -> Concat.Config:
            if self.weights is not None and len(self.weights) != len(self.parts):
                raise ValueError(
                    f"weights = {list(self.weights)} must have one number for each of {len(self.parts)} parts"
                )
            return self

    config: Config
    parts: tuple[FeatureExtractor, ...]

    @property
    def needs_model(self) -> bool:
        """Where one of the parts does."""
        return any(part.needs_model for part in self.parts)

    def fit(self, data: TrainingSet, tools: ModelTools, *, folder: Path, progress: Progress) -> None:
        """Fit every part, each in a folder of its own."""
        for number, part in enumerate(self.parts):
            of_part = folder / str(number)
            of_part.mkdir()
            part.fit(data, tools, folder=of_part, progress=progress)
            if not any(of_part.iterdir()):
                of_part.rmdir()

    def open(self, tools: ModelTools) -> Extraction:
        """Load every part; the model that several of them use is loaded once."""
        weights = self.config.weights or (1.0,) * len(self.parts)
        return ConcatExtraction([part.open(_of_part(tools, number)) for number, part in enumerate(self.parts)], weights)

    def passes(self) -> int:
        """Those of all parts."""
        return sum(part.passes() for part in self.parts)


def _of_part(tools: ModelTools, number: int) -> ModelTools:
    """The tools with what one part fitted."""
    folder = tools.fitted / str(number) if tools.fitted else None
    return tools.with_fitted(folder if folder and folder.exists() else None)


class ConcatExtraction(Extraction):
    """The parts with their models loaded."""

    def __init__(self, parts: Sequence[Extraction], weights: Sequence[float]) -> None:
        self._parts = parts
        self._scales = np.sqrt(np.array(weights))

    def extract(self, requests: Sequence[PatchRequest]) -> list[FloatArray]:
        """Features of each request's patches, (boxes, sum of the parts' dims)."""
        extracted = [part.extract(requests) for part in self._parts]
        return [self._join(parts) for parts in zip(*extracted, strict=True)]

    def _join(self, parts: Sequence[FloatArray]) -> FloatArray:
        scaled = [scale * unit_rows(part) for scale, part in zip(self._scales, parts, strict=True)]
        return unit_rows(np.concatenate(scaled, axis=1))
