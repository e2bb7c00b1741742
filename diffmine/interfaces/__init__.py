"""One small abstract class for each kind of component."""

from diffmine.interfaces.component import (
    OUTSIDE_KEY,
    Component,
    ComponentConfig,
    PartsOf,
    PartTable,
    PretrainedPath,
    RecipePath,
)
from diffmine.interfaces.datasets import Dataset, DatasetConfig, ImageSource, Preview
from diffmine.interfaces.diffusion import (
    Conditioning,
    ConditioningEncoder,
    ConditionPrior,
    Denoiser,
    DiffusionModel,
    ModelTools,
    PromptEncoder,
    TextEncoder,
)
from diffmine.interfaces.evaluation import Metric, Report
from diffmine.interfaces.execution import Executor, Job, ProcessShard
from diffmine.interfaces.explaining import Check, Describer
from diffmine.interfaces.finetuning import Finetuner, TrainingLog, TrainingSet
from diffmine.interfaces.mining import (
    Clusterer,
    ClustererConfig,
    Extraction,
    FeatureExtractor,
    PatchRequest,
    PatchSelector,
    Projection,
    Scoring,
    SelectorConfig,
    TypicalityScorer,
)
from diffmine.interfaces.progress import Progress, Silent
from diffmine.interfaces.showing import Column, Exporter, Figure, View
from diffmine.interfaces.stages import Inputs, Stage, Work

__all__ = [
    "OUTSIDE_KEY",
    "Check",
    "Clusterer",
    "ClustererConfig",
    "Column",
    "Component",
    "ComponentConfig",
    "ConditionPrior",
    "Conditioning",
    "ConditioningEncoder",
    "Dataset",
    "DatasetConfig",
    "Denoiser",
    "Describer",
    "DiffusionModel",
    "Executor",
    "Exporter",
    "Extraction",
    "FeatureExtractor",
    "Figure",
    "Finetuner",
    "ImageSource",
    "Inputs",
    "Job",
    "Metric",
    "ModelTools",
    "PartTable",
    "PartsOf",
    "PatchRequest",
    "PatchSelector",
    "PretrainedPath",
    "Preview",
    "ProcessShard",
    "Progress",
    "Projection",
    "PromptEncoder",
    "RecipePath",
    "Report",
    "Scoring",
    "SelectorConfig",
    "Silent",
    "Stage",
    "TextEncoder",
    "TrainingLog",
    "TrainingSet",
    "TypicalityScorer",
    "View",
    "Work",
]
