import pytest
from diffmine_discriminative.extractor import Cnn
from diffmine_discriminative.few_shot import FewShotMasks
from diffmine_discriminative.options import NetworkConfig
from diffmine_discriminative.scorers import CnnCam, CnnGradCam

from diffmine.testing.contracts.extractors import FeatureExtractorContract
from diffmine.testing.contracts.scorers import TypicalityScorerContract

SMALL = NetworkConfig(width=4, depth=1, epochs=2, batch_size=4, shift=2)


class TestCnnCam(TypicalityScorerContract):
    @pytest.fixture
    def scorer(self) -> CnnCam:
        return CnnCam(CnnCam.Config(**SMALL.model_dump()))


class TestCnnGradCam(TypicalityScorerContract):
    @pytest.fixture
    def scorer(self) -> CnnGradCam:
        return CnnGradCam(CnnGradCam.Config(**SMALL.model_dump(), block=0))


class TestFewShotMasks(TypicalityScorerContract):
    @pytest.fixture
    def scorer(self) -> FewShotMasks:
        return FewShotMasks(FewShotMasks.Config(**SMALL.model_dump(), masks=3))


class TestCnn(FeatureExtractorContract):
    @pytest.fixture
    def extractor(self) -> Cnn:
        return Cnn(SMALL)
