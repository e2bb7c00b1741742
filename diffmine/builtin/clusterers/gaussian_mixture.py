"""A mixture of Gaussians."""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np
from pydantic import Field

from diffmine.builtin.clusterers.counted import CountedClusterer, CountedConfig
from diffmine.errors import DataError, DiffmineWarning
from diffmine.numerics.seeding import derive_seed
from diffmine.types import FloatArray, IntArray


class GaussianMixture(CountedClusterer):
    """Gaussian mixture fitted by expectation maximisation; each patch goes to its most probable component.

    Components differ in size and spread, which k-means cannot express. Full covariances have dims squared parameters
    each: project first (``[projection] use = "pca"``), or keep them diagonal.
    """

    name = "gaussian-mixture"

    class Config(CountedConfig):
        """Options of ``gaussian-mixture``."""

        covariance: Literal["diag", "spherical", "tied", "full"] = Field(
            "diag", description="shape of a component; full and tied only make sense in few dimensions"
        )
        regularisation: float = Field(
            1e-6, gt=0, description="added to every variance, in squared units of the features"
        )
        max_iterations: int = Field(200, ge=1, description="steps of expectation maximisation")

    config: Config

    def partition(self, features: FloatArray, n_clusters: int, *, seed: int) -> IntArray:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture as Mixture
        from threadpoolctl import threadpool_limits

        model = Mixture(
            n_clusters,
            covariance_type=self.config.covariance,
            reg_covar=self.config.regularisation,
            max_iter=self.config.max_iterations,
            random_state=derive_seed("gaussian-mixture", seed) % 2**32,
        )
        # One thread: with more, the order of floating-point sums and so the result would depend on their number.
        with threadpool_limits(1), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            try:
                labels: IntArray = model.fit_predict(features.astype(np.float64))
            except ValueError as error:
                raise DataError(
                    f"gaussian-mixture: {n_clusters} components cannot be fitted to {len(features)} patches in "
                    f'{features.shape[1]} dimensions ({error}); lower n_clusters, use covariance = "diag", raise '
                    'regularisation, or project first with [projection] use = "pca"'
                ) from error
        if not model.converged_:
            warnings.warn(
                f"gaussian-mixture: not converged after max_iterations = {self.config.max_iterations}; raise it",
                DiffmineWarning,
                stacklevel=2,
            )
        return labels
