"""Principal components."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from diffmine.interfaces import ComponentConfig, Projection
from diffmine.numerics.seeding import derive_seed
from diffmine.types import FloatArray


class Pca(Projection):
    """Principal component analysis: the directions of the largest variance, by label.

    Linear, fast and exact. Labels with fewer patches or features than ``dimensions`` keep what they have.
    """

    name = "pca"

    class Config(ComponentConfig):
        """Options of ``pca``."""

        dimensions: int = Field(32, ge=1, description="principal components to keep")
        whiten: bool = Field(False, description="give every component unit variance")

    config: Config

    def fit_transform(self, features: FloatArray, *, seed: int) -> FloatArray:
        from sklearn.decomposition import PCA
        from threadpoolctl import threadpool_limits

        kept = min(self.config.dimensions, *features.shape)
        if np.ptp(features, axis=0).max() == 0:
            return np.zeros((len(features), kept), dtype=np.float32)
        model = PCA(kept, whiten=self.config.whiten, random_state=derive_seed("pca", seed) % 2**32)
        # One thread: with more, the order of floating-point sums and so the result would depend on their number.
        with threadpool_limits(1):
            projected: FloatArray = model.fit_transform(features).astype(np.float32)
        return projected
