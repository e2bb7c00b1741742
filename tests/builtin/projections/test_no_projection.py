from __future__ import annotations

import pytest

from diffmine.builtin.projections.none import NoProjection
from diffmine.interfaces import Projection
from diffmine.testing.contracts.projections import ProjectionContract


class TestNoProjection(ProjectionContract):
    @pytest.fixture
    def projection(self) -> Projection:
        return NoProjection(NoProjection.Config())
