"""A diffmine plugin that needs no diffusion model: gradient histograms, colours, and linear SVMs."""

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
    from diffmine_hog.scorer import HogSvm

    return [HogSvm]


@hookimpl
def diffmine_register_feature_extractors() -> list[type[FeatureExtractor]]:
    """The feature extractors that this plugin adds."""
    from diffmine_hog.extractor import Hog

    return [Hog]
