"""Options of the stage ``translate``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from diffmine.interfaces import OUTSIDE_KEY, ComponentConfig, PartsOf, PartTable


class TranslateConfig(ComponentConfig):
    """Options of ``translate``."""

    per_label: int = Field(20, ge=1, description="pictures of each label to translate, those with its best patches")
    steps: int = Field(50, ge=1, le=1000, description="of inversion, and of sampling")
    refinements: int = Field(
        5, ge=0, description="fixed-point iterations at each step of the inversion; 0: plain DDIM inversion"
    )
    guidance: float = Field(7.5, ge=0, description="strength of classifier-free guidance; 1: none")
    away_from: Literal["null", "own"] = Field(
        "null", description="what guidance leads away from: the null condition, or the picture's own label"
    )
    feature_steps: float = Field(0.8, ge=0, le=1, description="share of the steps with injected residual features")
    attention_steps: float = Field(0.5, ge=0, le=1, description="share of the steps with injected self-attention")
    features_at: tuple[int, int] | None = Field(
        None,
        description="residual block whose features are injected: up-block and block in it, from 0; of a transformer "
        "block and 0; omitted: the one that lies where the paper's does in Stable Diffusion",
    )
    attention_from: tuple[int, int] | None = Field(
        None,
        description="first place whose self-attention is injected, with all after it; counted likewise; omitted: from "
        "features_at on, or all where none attends from there",
    )
    places: int = Field(10_000, ge=1, description="places to keep of all pictures, those of highest co-typicality")
    level: float = Field(
        0.05, gt=0, lt=1, description="share of places that show a label by chance, where what shows it is counted"
    )
    evidence_draws: int = Field(
        16, ge=4, multiple_of=2, description="draws by which a whole translation is told to be of a label"
    )
    projection: Annotated[tuple[PartTable, ...], PartsOf("projections")] = Field(
        ({"use": "pca", "dimensions": 32},),
        min_length=1,
        max_length=1,
        description="what the features are projected by, label by label, before they are joined; umap is the paper's",
    )
    batch_size: Annotated[int, OUTSIDE_KEY] = Field(16, ge=1, description="forwards at once")
