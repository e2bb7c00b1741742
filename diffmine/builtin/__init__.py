"""The built-in components, through the same hooks as a stranger's plugin."""

from __future__ import annotations

from diffmine.hookspecs import hookimpl
from diffmine.interfaces import (
    Clusterer,
    ConditioningEncoder,
    Dataset,
    DiffusionModel,
    Executor,
    FeatureExtractor,
    Finetuner,
    Metric,
    PatchSelector,
    Projection,
    Report,
    TypicalityScorer,
)


@hookimpl
def diffmine_register_datasets() -> list[type[Dataset]]:
    return []


@hookimpl
def diffmine_register_diffusion_models() -> list[type[DiffusionModel]]:
    return []


@hookimpl
def diffmine_register_conditioning_encoders() -> list[type[ConditioningEncoder]]:
    return []


@hookimpl
def diffmine_register_finetuners() -> list[type[Finetuner]]:
    return []


@hookimpl
def diffmine_register_typicality_scorers() -> list[type[TypicalityScorer]]:
    return []


@hookimpl
def diffmine_register_patch_selectors() -> list[type[PatchSelector]]:
    return []


@hookimpl
def diffmine_register_feature_extractors() -> list[type[FeatureExtractor]]:
    return []


@hookimpl
def diffmine_register_projections() -> list[type[Projection]]:
    return []


@hookimpl
def diffmine_register_clusterers() -> list[type[Clusterer]]:
    return []


@hookimpl
def diffmine_register_metrics() -> list[type[Metric]]:
    return []


@hookimpl
def diffmine_register_executors() -> list[type[Executor]]:
    return []


@hookimpl
def diffmine_register_reports() -> list[type[Report]]:
    return []
