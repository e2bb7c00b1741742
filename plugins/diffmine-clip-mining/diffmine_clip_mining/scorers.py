"""Typicality scorers ``clip-similarity`` and ``clip-difference``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from diffmine.interfaces import (
    OUTSIDE_KEY,
    ComponentConfig,
    ModelTools,
    PretrainedPath,
    Quantity,
    Scoring,
    TypicalityScorer,
)
from diffmine.numerics.seeding import numpy_generator
from diffmine.types import ImageRecord
from diffmine.weights.fingerprint import checkpoint_fingerprint
from diffmine_clip_mining.prompts import Template


class ClipConfig(ComponentConfig):
    """Options of both scorers."""

    path: PretrainedPath = Field(
        description="CLIP checkpoint, text and vision: a folder in the transformers layout, or a hub id"
    )
    revision: Annotated[str | None, OUTSIDE_KEY] = Field(
        None, description="branch, tag or commit of a hub id; omitted: its main branch"
    )
    local_files_only: Annotated[bool, OUTSIDE_KEY] = Field(
        False, description="never download; what is needed is in the cache"
    )
    template: Template = Field("{label}", description="text of a label, with {label} and columns such as {region}")
    spelling: Literal["as-is", "spaces"] = Field(
        "as-is", description="spaces: underscores in labels and columns become spaces"
    )
    image_size: int | None = Field(
        None, ge=16, description="short side given to CLIP in pixels; omitted: the picture's own"
    )
    stride: int = Field(8, ge=1, le=64, description="side in pixels of a cell of the maps, between CLIP's tokens")
    batch_size: Annotated[int, OUTSIDE_KEY] = Field(
        16, ge=1, description="pictures in one pass; halved when memory runs out"
    )
    null_labels: int = Field(1, ge=0, description="wrong labels to score each picture under as well")


class ClipScorer(TypicalityScorer):
    """What both scorers share."""

    needs_model = False
    Config = ClipConfig
    config: ClipConfig

    def null_text(self) -> str | None:
        """The text whose similarity is taken off; None: none is."""
        return None

    def fingerprint(self) -> str:
        """The checkpoint's content."""
        return checkpoint_fingerprint(self.config.path, self.config.revision)

    def open(self, tools: ModelTools) -> Scoring:
        """Load both sides of CLIP.

        Raises:
            ModelError: the checkpoint is missing, damaged, or no CLIP with a vision transformer.
        """
        from diffmine_clip_mining.scoring import ClipScoring

        return ClipScoring(self.config, self.null_text(), tools.device)

    def labels_to_score(self, record: ImageRecord, labels: Sequence[str], seed: int) -> tuple[str, ...]:
        """Its own labels, and ``null_labels`` others, drawn by the seed and the picture's content."""
        others = [label for label in labels if label not in (*record.labels, *record.related)]
        drawn = numpy_generator(seed, "null labels", record.digest).permutation(len(others))[: self.config.null_labels]
        return (*record.labels, *(others[place] for place in sorted(drawn)))


class ClipSimilarity(ClipScorer):
    """Cosine of each patch token of CLIP, in the space of texts, with the text of the label.

    Radford et al., *Learning Transferable Visual Models From Natural Language Supervision* (2021); the baseline
    "similarity" of *Diffusion Models as Data Mining Tools* (2024). Nothing is learned from the pictures.
    """

    name = "clip-similarity"
    quantity = Quantity(
        "typicality", "cosine of patch and label", "", "higher, the patch is more like the label's text, as CLIP has it"
    )


class ClipDifference(ClipScorer):
    """The cosine of ``clip-similarity`` minus that with an empty text: how much the label adds.

    The baseline "difference" of *Diffusion Models as Data Mining Tools* (2024).
    """

    name = "clip-difference"
    quantity = Quantity(
        "typicality",
        "cosine with the label − with the empty text",
        "",
        "above zero, the patch is more like the label's text than like the empty one, as CLIP has it",
    )

    class Config(ClipConfig):
        """Options of ``clip-difference``."""

        null_prompt: str = Field("", description="the text whose cosine is taken off")

    config: Config

    def null_text(self) -> str:
        return self.config.null_prompt
