"""The built-in components, through the same hooks as a stranger's plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diffmine import hookimpl

if TYPE_CHECKING:
    from diffmine.interfaces import (
        Check,
        Clusterer,
        ConditioningEncoder,
        Dataset,
        Describer,
        DiffusionModel,
        Executor,
        Exporter,
        FeatureExtractor,
        Figure,
        Finetuner,
        Metric,
        PatchSelector,
        Projection,
        Report,
        Stage,
        TypicalityScorer,
        View,
    )


@hookimpl
def diffmine_register_datasets() -> list[type[Dataset]]:
    from diffmine.builtin.datasets.arrow import Arrow
    from diffmine.builtin.datasets.avatars import Avatars
    from diffmine.builtin.datasets.folder import Folder
    from diffmine.builtin.datasets.scenes import Scenes
    from diffmine.builtin.datasets.table import Table
    from diffmine.builtin.datasets.webdataset import WebDataset

    return [Arrow, Avatars, Folder, Scenes, Table, WebDataset]


@hookimpl
def diffmine_register_diffusion_models() -> list[type[DiffusionModel]]:
    from diffmine.builtin.models.flux import Flux
    from diffmine.builtin.models.patch_unet import PatchUNet
    from diffmine.builtin.models.pixart import PixArt
    from diffmine.builtin.models.stable_diffusion import StableDiffusion
    from diffmine.builtin.models.stable_diffusion_3 import StableDiffusion3
    from diffmine.builtin.models.stable_diffusion_xl import StableDiffusionXL

    return [PatchUNet, StableDiffusion, StableDiffusionXL, StableDiffusion3, PixArt, Flux]


@hookimpl
def diffmine_register_conditioning_encoders() -> list[type[ConditioningEncoder]]:
    from diffmine.builtin.encoders.clip_text import ClipText
    from diffmine.builtin.encoders.label_embedding import LabelEmbedding

    return [LabelEmbedding, ClipText]


@hookimpl
def diffmine_register_finetuners() -> list[type[Finetuner]]:
    from diffmine.builtin.finetuners.full import FullFinetuning
    from diffmine.builtin.finetuners.lora import LoRA
    from diffmine.builtin.finetuners.none import NoFinetuning

    return [FullFinetuning, LoRA, NoFinetuning]


@hookimpl
def diffmine_register_typicality_scorers() -> list[type[TypicalityScorer]]:
    from diffmine.builtin.scorers.contrast import Contrast
    from diffmine.builtin.scorers.diffusion import Diffusion

    return [Diffusion, Contrast]


@hookimpl
def diffmine_register_patch_selectors() -> list[type[PatchSelector]]:
    from diffmine.builtin.selectors.least import Least
    from diffmine.builtin.selectors.random import Random
    from diffmine.builtin.selectors.top import Top

    return [Top, Least, Random]


@hookimpl
def diffmine_register_feature_extractors() -> list[type[FeatureExtractor]]:
    from diffmine.builtin.extractors.clip import Clip
    from diffmine.builtin.extractors.concat import Concat
    from diffmine.builtin.extractors.dift import Dift
    from diffmine.builtin.extractors.dino import Dino
    from diffmine.builtin.extractors.pixels import Pixels

    return [Clip, Concat, Dift, Dino, Pixels]


@hookimpl
def diffmine_register_projections() -> list[type[Projection]]:
    from diffmine.builtin.projections.none import NoProjection
    from diffmine.builtin.projections.pca import Pca
    from diffmine.builtin.projections.umap import Umap

    return [NoProjection, Pca, Umap]


@hookimpl
def diffmine_register_clusterers() -> list[type[Clusterer]]:
    from diffmine.builtin.clusterers.agglomerative import Agglomerative
    from diffmine.builtin.clusterers.gaussian_mixture import GaussianMixture
    from diffmine.builtin.clusterers.hdbscan import Hdbscan
    from diffmine.builtin.clusterers.kmeans import KMeans
    from diffmine.builtin.clusterers.spherical_kmeans import SphericalKMeans

    return [Agglomerative, GaussianMixture, Hdbscan, KMeans, SphericalKMeans]


@hookimpl
def diffmine_register_metrics() -> list[type[Metric]]:
    from diffmine.builtin.metrics.box_average_precision import BoxAveragePrecision
    from diffmine.builtin.metrics.classifier_accuracy import ClassifierAccuracy
    from diffmine.builtin.metrics.cluster_purity import ClusterPurity
    from diffmine.builtin.metrics.dbcv import Dbcv
    from diffmine.builtin.metrics.element_coverage import ElementCoverage
    from diffmine.builtin.metrics.erasure import Erasure
    from diffmine.builtin.metrics.fitting_size import FittingSize
    from diffmine.builtin.metrics.label_auc import LabelAuc
    from diffmine.builtin.metrics.label_predictability import LabelPredictability
    from diffmine.builtin.metrics.max_box_acc import MaxBoxAcc
    from diffmine.builtin.metrics.paper_auc_pr import PaperAucPr
    from diffmine.builtin.metrics.patch_precision import PatchPrecision
    from diffmine.builtin.metrics.pixel_average_precision import PixelAveragePrecision
    from diffmine.builtin.metrics.pointing_accuracy import PointingAccuracy
    from diffmine.builtin.metrics.presence_auc import PresenceAuc
    from diffmine.builtin.metrics.pxap import PxAP
    from diffmine.builtin.metrics.separation import Separation
    from diffmine.builtin.metrics.silhouette import Silhouette
    from diffmine.builtin.metrics.typical_share import TypicalShare

    return [
        BoxAveragePrecision,
        ClassifierAccuracy,
        ClusterPurity,
        Dbcv,
        ElementCoverage,
        Erasure,
        FittingSize,
        LabelAuc,
        LabelPredictability,
        MaxBoxAcc,
        PaperAucPr,
        PatchPrecision,
        PixelAveragePrecision,
        PointingAccuracy,
        PresenceAuc,
        PxAP,
        Separation,
        Silhouette,
        TypicalShare,
    ]


@hookimpl
def diffmine_register_checks() -> list[type[Check]]:
    from diffmine.builtin.checks.colour_casts import ColourCasts
    from diffmine.builtin.checks.crops_from_few_images import CropsFromFewImages
    from diffmine.builtin.checks.finetuning_reached_its_end import FinetuningReachedItsEnd
    from diffmine.builtin.checks.labels_not_learned import LabelsNotLearned
    from diffmine.builtin.checks.mixed_clusters import MixedClusters
    from diffmine.builtin.checks.nothing_above_chance import NothingAboveChance
    from diffmine.builtin.checks.possible_shortcuts import PossibleShortcuts

    return [
        LabelsNotLearned,
        NothingAboveChance,
        FinetuningReachedItsEnd,
        MixedClusters,
        ColourCasts,
        CropsFromFewImages,
        PossibleShortcuts,
    ]


@hookimpl
def diffmine_register_stages() -> list[type[Stage]]:
    from diffmine.builtin.stages.checks import Checks
    from diffmine.builtin.stages.clusters import Clusters
    from diffmine.builtin.stages.describe import Describe
    from diffmine.builtin.stages.features import Features
    from diffmine.builtin.stages.finetune import Finetune
    from diffmine.builtin.stages.images import Images
    from diffmine.builtin.stages.life import Life
    from diffmine.builtin.stages.metrics import Metrics
    from diffmine.builtin.stages.patches import Patches
    from diffmine.builtin.stages.report import Report as ReportStage
    from diffmine.builtin.stages.typicality import Typicality

    return [Images, Finetune, Typicality, Patches, Features, Clusters, Life, Metrics, Describe, Checks, ReportStage]


@hookimpl
def diffmine_register_figures() -> list[type[Figure]]:
    from diffmine.builtin.figures.grid import Grid
    from diffmine.builtin.figures.influence import Influence
    from diffmine.builtin.figures.life import LifeFigure
    from diffmine.builtin.figures.paper import Paper
    from diffmine.builtin.figures.strips import Strips
    from diffmine.builtin.figures.typicality import Typicality
    from diffmine.builtin.figures.whole import Whole

    return [Grid, Paper, Strips, Typicality, Influence, Whole, LifeFigure]


@hookimpl
def diffmine_register_exporters() -> list[type[Exporter]]:
    from diffmine.builtin.exporters.coco import Coco
    from diffmine.builtin.exporters.csv import Csv
    from diffmine.builtin.exporters.embedding_atlas import EmbeddingAtlas
    from diffmine.builtin.exporters.fiftyone import FiftyOne
    from diffmine.builtin.exporters.json import Json
    from diffmine.builtin.exporters.label_studio import LabelStudio
    from diffmine.builtin.exporters.markdown import Markdown
    from diffmine.builtin.exporters.parquet import Parquet

    return [Coco, Csv, EmbeddingAtlas, FiftyOne, Json, LabelStudio, Markdown, Parquet]


@hookimpl
def diffmine_register_describers() -> list[type[Describer]]:
    from diffmine.builtin.describers.clip_words import ClipWords
    from diffmine.builtin.describers.colour_shape import ColourShape
    from diffmine.builtin.describers.openai_compatible import OpenAICompatible

    return [ColourShape, ClipWords, OpenAICompatible]


@hookimpl
def diffmine_register_views() -> list[type[View]]:
    from diffmine.builtin.views.life import LifeView

    return [LifeView]


@hookimpl
def diffmine_register_executors() -> list[type[Executor]]:
    from diffmine.builtin.executors.local import Local

    return [Local]


@hookimpl
def diffmine_register_reports() -> list[type[Report]]:
    from diffmine.builtin.reports.figures import Figures
    from diffmine.builtin.reports.html import Html
    from diffmine.builtin.reports.terminal import Terminal

    return [Figures, Html, Terminal]
