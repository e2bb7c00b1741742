"""One small abstract class for each kind of component."""

from diffmine.interfaces.component import (
    OUTSIDE_KEY,
    Component,
    ComponentConfig,
    PartsOf,
    PartTable,
    PretrainedPath,
    Provenance,
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
from diffmine.interfaces.execution import Executor, Job, ProcessShard, Task
from diffmine.interfaces.explaining import Check, Describer
from diffmine.interfaces.finetuning import Finetuner, Finetuning, TrainingLog, TrainingSet, finetunings
from diffmine.interfaces.mining import (
    Clusterer,
    ClustererConfig,
    Extraction,
    FeatureExtractor,
    PatchRequest,
    PatchSelector,
    Projection,
    Quantity,
    Scoring,
    SelectorConfig,
    TypicalityScorer,
)
from diffmine.interfaces.progress import Event, Listener, Progress
from diffmine.interfaces.showing import Column, Exporter, Figure, View
from diffmine.interfaces.stages import Inputs, Stage, Work
from diffmine.version import INTERFACE_VERSION

__all__ = [
    "INTERFACE_VERSION",
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
    "Event",
    "Executor",
    "Exporter",
    "Extraction",
    "FeatureExtractor",
    "Figure",
    "Finetuner",
    "Finetuning",
    "ImageSource",
    "Inputs",
    "Job",
    "Listener",
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
    "Provenance",
    "Quantity",
    "RecipePath",
    "Report",
    "Scoring",
    "SelectorConfig",
    "Stage",
    "Task",
    "TextEncoder",
    "TrainingLog",
    "TrainingSet",
    "TypicalityScorer",
    "View",
    "Work",
    "finetunings",
]
