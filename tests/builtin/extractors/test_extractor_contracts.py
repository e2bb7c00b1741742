from __future__ import annotations

import pytest

from diffmine.builtin.extractors.dift import Dift
from diffmine.builtin.extractors.pixels import Pixels
from diffmine.interfaces import FeatureExtractor
from diffmine.testing.contracts.extractors import BatchedExtractorContract, FeatureExtractorContract


class TestDift(BatchedExtractorContract):
    @pytest.fixture
    def extractor(self) -> FeatureExtractor:
        return Dift(Dift.Config(ensemble=3, batch_size=4))


class TestPixels(FeatureExtractorContract):
    @pytest.fixture
    def extractor(self) -> FeatureExtractor:
        return Pixels(Pixels.Config())
