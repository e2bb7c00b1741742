"""Describer ``clip-words``: the words of a vocabulary that CLIP puts nearest to what sets a cluster apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from diffmine.builtin.describers.vocabulary import read_vocabulary, shipped_vocabulary
from diffmine.drawing.crops import crops
from diffmine.files.atomic import json_digest
from diffmine.interfaces import OUTSIDE_KEY, ComponentConfig, Describer, PretrainedPath, RecipePath
from diffmine.runs.contents import Cluster
from diffmine.types import Description, FloatArray, Word
from diffmine.weights.fingerprint import checkpoint_fingerprint
from diffmine.weights.pretrained import fetch

if TYPE_CHECKING:
    from diffmine.builtin.describers.clip_space import ClipSpace
    from diffmine.runs.run import Run

SIDE = 224
"""Pixels of a crop before the checkpoint's own preparation."""


class ClipWords(Describer):
    """The words of a vocabulary that CLIP finds most in a cluster and least in the others; with a checkpoint.

    The mean of the image embeddings of a cluster's crops, less the mean of the other clusters' means, is held against
    the embeddings of all words (Radford et al., *Learning Transferable Visual Models From Natural Language
    Supervision*, 2021). A word's score is its cosine to that difference, less the vocabulary's mean cosine. Any
    CLIP-like checkpoint of transformers with both sides will do.
    """

    name = "clip-words"

    class Config(ComponentConfig):
        """Options of ``clip-words``."""

        path: PretrainedPath = Field(description="checkpoint: a folder in the transformers layout, or a hub id")
        revision: Annotated[str | None, OUTSIDE_KEY] = Field(
            None, description="branch, tag or commit of a hub id; omitted: its main branch"
        )
        local_files_only: Annotated[bool, OUTSIDE_KEY] = Field(
            False, description="never download; what is needed is in the cache"
        )
        vocabulary: Annotated[RecipePath | None, OUTSIDE_KEY] = Field(
            None, description="a text file with a word a line; omitted: some 2,600 words that come with diffmine"
        )
        template: str = Field("a photo of {word}", description="what CLIP reads; {word} stands for the word")
        crops: int = Field(24, ge=1, description="crops of a cluster that are looked at, those nearest to its centre")
        most: int = Field(5, ge=1, description="words for a cluster, at most")
        batch_size: Annotated[int, OUTSIDE_KEY] = Field(
            32, ge=1, description="crops or texts in one pass; halved when memory runs out"
        )

        @field_validator("template")
        @classmethod
        def _holds_the_word(cls, template: str) -> str:
            if template.count("{word}") != 1:
                raise ValueError("it must hold {word} once")
            return template

    config: Config

    def fingerprint(self) -> str:
        """The checkpoint's content, and the vocabulary's."""
        return f"{checkpoint_fingerprint(self.config.path, self.config.revision)} {json_digest(self._vocabulary())}"

    def words(self, run: Run) -> Sequence[Description]:
        clusters = [one for label in run.contents.labels for one in run.contents.clusters(label)]
        if not clusters:
            return []
        from diffmine.builtin.describers.clip_space import ClipSpace

        folder = fetch(
            self.config.path,
            parts=("",),
            revision=self.config.revision,
            local_files_only=self.config.local_files_only,
        )
        space = ClipSpace(folder, self.config.batch_size)
        vocabulary = self._vocabulary()
        texts = space.texts([self.config.template.replace("{word}", word) for word in vocabulary], self.fingerprint())
        means = np.stack([self._mean(run, one, space) for one in clusters])
        scores = word_scores(means, texts)
        found = [
            Description(one.label, one.cluster, self._best(vocabulary, row), self.name)
            for one, row in zip(clusters, scores, strict=True)
        ]
        return [one for one in found if one.words]

    def _best(self, vocabulary: Sequence[str], scores: NDArray[np.float64]) -> tuple[Word, ...]:
        order = np.argsort(-scores, kind="stable")[: self.config.most]
        return tuple(Word(vocabulary[place], float(scores[place])) for place in order if scores[place] > 0)

    def _mean(self, run: Run, cluster: Cluster, space: ClipSpace) -> FloatArray:
        mean: FloatArray = space.pictures(crops(run.contents, cluster.rows[: self.config.crops], SIDE)).mean(axis=0)
        return mean

    def _vocabulary(self) -> list[str]:
        path: Path | None = self.config.vocabulary
        return shipped_vocabulary() if path is None else read_vocabulary(path)


def word_scores(means: FloatArray, texts: FloatArray) -> NDArray[np.float64]:
    """How much better each word fits a cluster than the others, compared with the vocabulary on the whole.

    Args:
        means: (clusters, width), mean image embedding of each.
        texts: (words, width), of unit length.
    Returns:
        float64, (clusters, words): cosine of the word and of what sets the mean apart from the mean of the others' (the
        mean itself, where there is one cluster), less the mean over words.
    """
    means = means.astype(np.float64)
    others = (means.sum(axis=0) - means) / max(1, len(means) - 1)
    apart = means - others
    unit = apart / np.maximum(np.linalg.norm(apart, axis=1, keepdims=True), 1e-12)
    cosines: NDArray[np.float64] = unit @ texts.astype(np.float64).T
    scores: NDArray[np.float64] = cosines - cosines.mean(axis=1, keepdims=True)
    return scores
