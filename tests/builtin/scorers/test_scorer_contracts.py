from __future__ import annotations

import pytest

from diffmine.builtin.scorers.contrast import Contrast
from diffmine.builtin.scorers.diffusion import Diffusion
from diffmine.interfaces import TypicalityScorer
from diffmine.testing.contracts.scorers import TypicalityScorerContract


class TestDiffusion(TypicalityScorerContract):
    @pytest.fixture(params=[{}, {"timesteps": "stratified", "antithetic": True}, {"batch_size": 3}])
    def scorer(self, request: pytest.FixtureRequest) -> TypicalityScorer:
        return Diffusion(Diffusion.Config(draws=4, **request.param))


class TestContrast(TypicalityScorerContract):
    @pytest.fixture
    def scorer(self) -> TypicalityScorer:
        return Contrast(Contrast.Config(draws=4))
