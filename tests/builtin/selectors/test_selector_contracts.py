from __future__ import annotations

import pytest

from diffmine.builtin.selectors.least import Least
from diffmine.builtin.selectors.random import Random
from diffmine.builtin.selectors.top import Top
from diffmine.interfaces import PatchSelector
from diffmine.testing.contracts.selectors import PatchSelectorContract


class TestTop(PatchSelectorContract):
    @pytest.fixture(
        params=[
            {},
            {"sizes": (8, 16)},
            {"grey_range": (30, 225), "min_contrast": 5, "min_distance": 1},
            {"place": "mix", "sizes": (8, 16), "min_distance": 1},
        ]
    )
    def selector(self, request: pytest.FixtureRequest) -> PatchSelector:
        return Top(Top.Config(size=12, per_image=4, **request.param))


class TestLeast(PatchSelectorContract):
    @pytest.fixture
    def selector(self) -> PatchSelector:
        return Least(Least.Config(size=12, per_image=4))


class TestRandom(PatchSelectorContract):
    @pytest.fixture
    def selector(self) -> PatchSelector:
        return Random(Random.Config(size=12, per_image=4))
