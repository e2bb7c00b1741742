"""A diffmine plugin: discriminative clustering of gradient histograms, as in *What Makes Paris Look like Paris?*"""

from __future__ import annotations

from typing import TYPE_CHECKING

from diffmine import hookimpl

if TYPE_CHECKING:
    from diffmine.interfaces import Clusterer, FeatureExtractor, TypicalityScorer

diffmine_interface = "1.0"
"""The version of diffmine's interfaces that this plugin was written for."""


@hookimpl
def diffmine_register_typicality_scorers() -> list[type[TypicalityScorer]]:
    """The scorers that this plugin adds."""
    from diffmine_doersch.scorer import Doersch

    return [Doersch]


@hookimpl
def diffmine_register_feature_extractors() -> list[type[FeatureExtractor]]:
    """The feature extractors that this plugin adds."""
    from diffmine_doersch.extractor import DetectorResponses

    return [DetectorResponses]


@hookimpl
def diffmine_register_clusterers() -> list[type[Clusterer]]:
    """The clusterers that this plugin adds."""
    from diffmine_doersch.clusterer import SameDetector

    return [SameDetector]
