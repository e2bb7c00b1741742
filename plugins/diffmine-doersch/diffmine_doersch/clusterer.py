"""Clusterer ``same-detector``."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from diffmine.analysis.ranking import collapse_duplicates
from diffmine.interfaces import Clusterer, ClustererConfig
from diffmine.types import FloatArray, IntArray


class SameDetector(Clusterer):
    """Patches whose features point the same way; with the features ``doersch``, those of one detector.

    The rows whose largest value is largest come first; a row joins the first one that it is like.
    """

    name = "same-detector"

    class Config(ClustererConfig):
        """Options of ``same-detector``."""

        similarity: float = Field(0.7, gt=0, le=1, description="least cosine of two patches of one cluster's first")

    config: Config

    def fit_predict(self, features: FloatArray, *, seed: int) -> IntArray:
        clearest = np.lexsort((*features.T, -np.abs(features).max(axis=1)))
        first = collapse_duplicates(features, clearest, self.config.similarity)
        ids: IntArray = np.unique(first, return_inverse=True)[1].astype(np.int32)
        return ids
