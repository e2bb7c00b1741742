"""The kinds of components, and where a recipe names each."""

from __future__ import annotations

from dataclasses import dataclass, replace

from diffmine import interfaces
from diffmine.interfaces import Component


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of component.

    Attributes:
        name: plural, as in the hook ``diffmine_register_<name>``.
        table: the recipe's table; None: recipes do not name components of this kind.
        interface: what its components derive from.
        default: what ``use`` is when a recipe does not say; empty: the recipe must say.
        many: whether ``use`` may be a list.
        optional: whether a recipe may do without the table, or turn it off by ``use = "none"``; nothing is configured
            then.
    """

    name: str
    table: str | None
    interface: type[Component]
    default: str | tuple[str, ...]
    many: bool = False
    optional: bool = False

    @property
    def singular(self) -> str:
        return self.name.removesuffix("s").replace("_", " ")

    @property
    def noun(self) -> str:
        """One word, as in ``diffmine new-plugin --kind``: ``scorer``."""
        return self.singular.split()[-1]

    @property
    def hook(self) -> str:
        return f"diffmine_register_{self.name}"


DEFAULT_METRICS = (
    "pixel_average_precision",
    "pxap",
    "pointing_accuracy",
    "patch_precision",
    "presence_auc",
    "label_auc",
    "typical_share",
    "fitting_size",
)

DEFAULT_CHECKS = (
    "labels_not_learned",
    "nothing_above_chance",
    "finetuning_reached_its_end",
    "mixed_clusters",
    "crops_from_few_images",
    "possible_shortcuts",
    "colour_casts",
)

KINDS = (
    Kind("datasets", "dataset", interfaces.Dataset, ""),
    Kind("diffusion_models", "model", interfaces.DiffusionModel, "patch-unet"),
    Kind("conditioning_encoders", "conditioning", interfaces.ConditioningEncoder, "label-embedding"),
    Kind("finetuners", "finetune", interfaces.Finetuner, "none"),
    Kind("typicality_scorers", "scorer", interfaces.TypicalityScorer, "diffusion"),
    Kind("patch_selectors", "patches", interfaces.PatchSelector, "top"),
    Kind("feature_extractors", "features", interfaces.FeatureExtractor, "dift"),
    Kind("projections", "projection", interfaces.Projection, "none"),
    Kind("clusterers", "clusterer", interfaces.Clusterer, "kmeans"),
    Kind("metrics", "metrics", interfaces.Metric, DEFAULT_METRICS, many=True),
    Kind("describers", "describers", interfaces.Describer, (), many=True),
    Kind("checks", "checks", interfaces.Check, DEFAULT_CHECKS, many=True),
    Kind("executors", "executor", interfaces.Executor, "local"),
    Kind("reports", "report", interfaces.Report, ("terminal", "figures", "html"), many=True),
    Kind("stages", None, interfaces.Stage, ""),
    Kind("figures", None, interfaces.Figure, ""),
    Kind("exporters", None, interfaces.Exporter, ""),
    Kind("columns", None, interfaces.Column, ""),
    Kind("views", None, interfaces.View, ""),
)
FURTHER = {"dataset": (replace(KINDS[0], table="training", optional=True),)}
"""After which table stand others that name a component of the same kind, each the kind as that table has it."""
TABLES = tuple(one for kind in KINDS if kind.table is not None for one in (kind, *FURTHER.get(kind.table, ())))
"""The kinds that a recipe chooses from, in the order of its tables; the components of two tables may be of one kind."""
KIND_OF_TABLE = {kind.table: kind for kind in TABLES if kind.table is not None}
TOP_LEVEL = ("name", "seed", "requires", "extends")
"""What a recipe says outside its tables."""
KIND_OF_NAME = {kind.name: kind for kind in KINDS}
