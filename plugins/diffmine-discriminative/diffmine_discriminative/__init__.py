"""A diffmine plugin that needs no diffusion model: what a classifier of the labels looks at, and what masks give."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diffmine import hookimpl

if TYPE_CHECKING:
    from diffmine.interfaces import FeatureExtractor, TypicalityScorer

diffmine_interface = "1.0"
"""The version of diffmine's interfaces that this plugin was written for."""


@hookimpl
def diffmine_register_typicality_scorers() -> list[type[TypicalityScorer]]:
    """The scorers that this plugin adds."""
    from diffmine_discriminative.few_shot import FewShotMasks
    from diffmine_discriminative.scorers import CnnCam, CnnGradCam

    return [CnnCam, CnnGradCam, FewShotMasks]


@hookimpl
def diffmine_register_feature_extractors() -> list[type[FeatureExtractor]]:
    """The feature extractors that this plugin adds."""
    from diffmine_discriminative.extractor import Cnn

    return [Cnn]
