"""UMAP."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from pydantic import Field

from diffmine.builtin.projections.pca import Pca
from diffmine.errors import DiffmineWarning
from diffmine.interfaces import ComponentConfig, Projection
from diffmine.numerics.seeding import derive_seed
from diffmine.types import FloatArray

SPARE_ROWS = 5


class Umap(Projection):
    """UMAP: a few dimensions in which near patches stay near; the paper's option before k-means.

    McInnes, Healy and Melville, *UMAP: Uniform Manifold Approximation and Projection* (2018), by the package
    umap-learn, seeded and on one thread, so that equal seeds give equal results. A label with hardly more patches than
    ``dimensions`` has no neighbourhoods to keep and is projected on principal components instead, with a warning.
    Two dimensions and ``min_dist = 0.1`` make a map to look at.
    """

    name = "umap"

    class Config(ComponentConfig):
        """Options of ``umap``."""

        dimensions: int = Field(5, ge=1, description="dimensions to project to")
        neighbors: int = Field(15, ge=2, description="patches that make a neighbourhood; more see larger structure")
        min_dist: float = Field(
            0.0, ge=0, le=1, description="least distance of projected neighbours; 0 packs clusters, 0.1 is for pictures"
        )
        metric: Literal["cosine", "euclidean"] = Field("cosine", description="distance of features")
        epochs: int | None = Field(None, ge=1, description="optimisation steps; omitted: by the number of patches")

    config: Config

    def fit_transform(self, features: FloatArray, *, seed: int) -> FloatArray:
        rows = len(features)
        if rows < self.config.dimensions + SPARE_ROWS:
            warnings.warn(
                f"umap: too few patches ({rows}) for {self.config.dimensions} dimensions, which take "
                f"{self.config.dimensions + SPARE_ROWS}; the label is projected by pca",
                DiffmineWarning,
                stacklevel=2,
            )
            return Pca(Pca.Config(dimensions=self.config.dimensions)).fit_transform(features, seed=seed)
        return self._embed(features, min(self.config.neighbors, rows - 1), seed)

    def _embed(self, features: FloatArray, neighbors: int, seed: int) -> FloatArray:
        from umap import UMAP

        model = UMAP(
            n_neighbors=neighbors,
            n_components=self.config.dimensions,
            min_dist=self.config.min_dist,
            metric=self.config.metric,
            n_epochs=self.config.epochs,
            random_state=derive_seed("umap", seed) % 2**32,
            n_jobs=1,
        )
        with _torch_threads_kept():
            projected: FloatArray = model.fit_transform(features).astype("float32")
        return projected


@contextmanager
def _torch_threads_kept() -> Iterator[None]:
    """numba, by which UMAP is compiled, sets OpenMP's number of threads when it starts, and torch's with it.

    What torch computes afterwards would differ in its last bits from what it computes before.
    """
    torch = sys.modules.get("torch")
    threads = torch.get_num_threads() if torch is not None else 0
    try:
        yield
    finally:
        if torch is not None:
            torch.set_num_threads(threads)
