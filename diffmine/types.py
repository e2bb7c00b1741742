"""The data that travels between stages.

Coordinates are pixels of the image as the pipeline sees it (after the recipe's resize); boxes are half-open,
``[y0, y1) x [x0, x1)``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int32]
OUTLIER = -1
"""The cluster of a patch that belongs to none."""
BoolArray = NDArray[np.bool_]
ByteArray = NDArray[np.uint8]

Split = Literal["train", "validation", "heldout"]
"""What a picture is for: the model learns from it; settings may be chosen on it; or neither, so that figures are told
of it."""
Origin = Literal["dataset", "training"]
"""The recipe's table that lists a picture."""

Related = Mapping[str, tuple[str, ...]]
"""Label -> the labels that are no null for its pictures, as they look much alike."""
Role = Literal["own", "null", "other"]
"""What a typicality map is to its picture: of a label that it carries; of one that says nothing of it, so that its
values are what chance alone gives; or neither, such as the decade before its own."""


@dataclass(frozen=True, slots=True)
class Item:
    """One picture as a dataset lists it, before it is opened.

    Attributes:
        path: where the dataset finds it, relative to its root, with forward slashes; unique within the dataset.
        labels: its labels, at least one, in the dataset's order.
        columns: further columns that prompts may name (``{region}``).
    """

    path: str
    labels: tuple[str, ...]
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One usable picture of a run.

    Attributes:
        image_id: the first 20 hexadecimal digits of ``digest``.
        path: as in :class:`Item`.
        labels: as in :class:`Item`; a picture found under several labels carries all of them.
        width: pixels, as the pipeline sees it.
        height: pixels, as the pipeline sees it.
        digest: SHA-256 of the file's content, hexadecimal.
        split: ``train``, ``validation`` or ``heldout``, see :data:`Split`.
        columns: as in :class:`Item`.
        fold: with cross-fitting, the part of the training pictures that this one belongs to: the model of this fold
            has learned from all others, and it alone scores this one. None: there is one model, which has learned from
            every training picture.
        mined: whether patches are looked for here, to be clustered.
        origin: where it is listed; paths are unique within an origin.
        related: labels that it does not carry and that are no null for it either, such as the decades before and
            after; they follow from ``[dataset] order``, and ``images.parquet`` does not hold them.
        siblings: labels that it does not carry and that share a parent with one of its own; they follow from
            ``[dataset] hierarchy`` likewise.
    """

    image_id: str
    path: str
    labels: tuple[str, ...]
    width: int
    height: int
    digest: str
    split: Split
    columns: Mapping[str, str] = field(default_factory=dict)
    fold: int | None = None
    mined: bool = True
    origin: Origin = "dataset"
    related: tuple[str, ...] = ()
    siblings: tuple[str, ...] = ()

    @property
    def in_sample(self) -> bool:
        """Whether the model that scores it has learned from it; its typicality then proves nothing."""
        return self.split == "train" and self.fold is None

    @property
    def scored(self) -> bool:
        """Whether it gets maps: where it is mined, and where the model has not learned from it."""
        return self.mined or self.split != "train"

    @property
    def evaluated(self) -> bool:
        """Whether figures are told of it: scored by a model that has not seen it, and no setting chosen on it."""
        return self.scored and not self.in_sample and self.split != "validation"


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture: ``pixels`` is uint8, (height, width, 3), sRGB, at the pipeline's size."""

    record: ImageRecord
    pixels: ByteArray


@dataclass(frozen=True, slots=True)
class TypicalityMap:
    """Typicality of one image under one label, on the scorer's grid; ``TypicalityScorer.quantity`` says what it is.

    Attributes:
        image_id: the image.
        label: the label c.
        mean: float32, (h, w): the scorer's value (see ``TypicalityScorer.quantity``); positive is typical.
        stderr: float32, (h, w): Monte-Carlo standard error of ``mean``; None where the scorer draws nothing.
        draws: number of (timestep, noise) draws behind each value; None likewise.
        influence: float32, (h, w): how far the label moves what the model predicts, never negative, in the unit of
            ``mean``; None where the scorer does not say. ``mean - influence`` is how far the picture agrees with the
            label. It tells where a label matters, never whether it fits.
        influence_stderr: float32, (h, w): Monte-Carlo standard error of ``influence``; None as ``stderr``. It is stored
            at half the resolution.
        noise_correlation: float32, (2 n + 1, 2 n + 1): how the errors of ``mean`` in two cells hang together, by the
            lag between them, lag 0 in the middle and 0 beyond; with ``stderr`` it gives the standard error of any
            patch. None: not known.
    """

    image_id: str
    label: str
    mean: FloatArray
    stderr: FloatArray | None = None
    draws: int | None = None
    influence: FloatArray | None = None
    influence_stderr: FloatArray | None = None
    noise_correlation: FloatArray | None = None


class Box(NamedTuple):
    """Half-open rectangle in pixels."""

    y0: int
    x0: int
    y1: int
    x1: int

    @property
    def area(self) -> int:
        return (self.y1 - self.y0) * (self.x1 - self.x0)

    def slices(self) -> tuple[slice, slice]:
        """Index of the box in an array of shape (height, width, ...)."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A patch that a selector proposes for one image under one label.

    Attributes:
        box: where it is.
        typicality: mean of the typicality over its pixels.
        stderr: the Monte-Carlo standard error of ``typicality``; None where the map has none. Where the map does not
            say how its errors hang together it is an upper bound, the mean of the map's standard errors.
        priority: position among the label's candidates; the engine keeps the lowest ``per_label`` of them.
    """

    box: Box
    typicality: float
    stderr: float | None
    priority: float


@dataclass(frozen=True, slots=True)
class Patch:
    """A selected patch.

    Attributes:
        image_id: the image.
        label: the label it was selected under.
        box: where it is.
        typicality: mean of the typicality over its pixels.
        stderr: as in :class:`Candidate`.
        selection: the name of the selector that chose it.
        rank: from 0 within (label, selection), the best first.
        p_value: how often a patch selected in the same way under a label that its image does not carry is at least as
            typical; None for controls, and where no image was scored under a wrong label.
        q_value: share of false discoveries among the label's patches that are at least as significant (Benjamini and
            Hochberg); None as ``p_value``.
    """

    image_id: str
    label: str
    box: Box
    typicality: float
    stderr: float | None
    selection: str
    rank: int
    p_value: float | None = None
    q_value: float | None = None


Severity = Literal["warning", "note"]
"""Whether a person must see it, or may look it up."""


@dataclass(frozen=True, slots=True)
class Flag:
    """What a person should know of one cluster before trusting it.

    Attributes:
        label: the cluster's label.
        cluster: its id within the label.
        mark: two or three words for where the cluster is shown, such as ``from few images``.
        sentence: the run's warning.
        severity: a ``note`` is an observation that may well be harmless: it is shown where a cluster is looked at, and
            it is no warning of the run.
    """

    label: str
    cluster: int
    mark: str
    sentence: str
    severity: Severity = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found.

    Attributes:
        sentence: the warning.
        flag: where it is about one cluster, what to show there; a finding whose flag is a note is no warning.
    """

    sentence: str
    flag: Flag | None = None


class Word(NamedTuple):
    """A word, or a few, and how well it fits: higher is better, comparable within one source only."""

    text: str
    score: float


@dataclass(frozen=True, slots=True)
class Description:
    """What a describer calls one cluster; a suggestion.

    Attributes:
        label: the cluster's label.
        cluster: its id within the label.
        words: the best first.
        source: how the recipe names the describer.
    """

    label: str
    cluster: int
    words: tuple[Word, ...]
    source: str = ""


Better = Literal["higher", "lower", "none"]
"""Which figures of a metric are better; none: it describes, as a control's does, and nothing is best at it."""


@dataclass(frozen=True, slots=True)
class MetricValue:
    """One measured figure.

    Attributes:
        value: the figure; NaN never (a metric that cannot be computed is left out).
        low, high: bounds of its 95 % interval over pictures, where one was computed.
        chance: what a picture-blind guess reaches, where that is defined.
        better: whether higher figures are better, lower ones, or neither, as with a control's.
        count: number of images (or patches, or clusters) behind the figure.
        per_label: the figure for each label, where that is defined.
    """

    value: float
    low: float | None = None
    high: float | None = None
    chance: float | None = None
    count: int = 0
    per_label: Mapping[str, float] = field(default_factory=dict)
    better: Better = "higher"
