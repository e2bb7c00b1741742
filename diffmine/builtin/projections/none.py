"""No projection."""

from __future__ import annotations

from diffmine.interfaces import Projection
from diffmine.types import FloatArray


class NoProjection(Projection):
    """Cluster the features as they are."""

    name = "none"

    def fit_transform(self, features: FloatArray, *, seed: int) -> FloatArray:
        return features
