"""The mining proper: typicality, patches, features, projections, clusters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from diffmine.errors import ContractError
from diffmine.interfaces import checks
from diffmine.interfaces.boundary import Accountable, lends, returns
from diffmine.interfaces.component import Component, ComponentConfig
from diffmine.interfaces.diffusion import ModelTools
from diffmine.interfaces.finetuning import TrainingSet
from diffmine.interfaces.progress import Progress
from diffmine.types import Box, ByteArray, Candidate, FloatArray, ImageRecord, IntArray, Picture, Role, TypicalityMap


class Scoring(Accountable, ABC):
    """A typicality scorer with its model loaded.

    Attributes:
        stride: image pixels to one cell of a map, along each axis.
    """

    stride: int

    @abstractmethod
    @returns(checks.typicality_maps)
    def score(
        self, pictures: Sequence[Picture], labels: Sequence[Sequence[str]], progress: Progress
    ) -> list[list[TypicalityMap]]:
        """The typicality of each picture under each of its labels to score.

        Args:
            pictures: any sizes; the result for one does not depend on the others.
            labels: for each picture, the labels to score it under.
            progress: started already, for all the stage's pictures; ``advance`` it by one for each that is done.
        Returns:
            for each picture, one map a label, in the order of ``labels``; after the first of the scorer's ``rounds``.
        """

    @returns(checks.refined_maps)
    def refine(
        self, pictures: Sequence[Picture], maps: Sequence[Sequence[TypicalityMap]], draws: int, progress: Progress
    ) -> list[list[TypicalityMap]]:
        """The maps of pictures after more draws; only for scorers that name several ``rounds``.

        The draws of a picture depend on their numbers alone, and what comes back is, bit for bit, what it would be had
        they all been made at once.

        Args:
            pictures: any sizes.
            maps: for each picture what ``score`` or ``refine`` gave, all of a picture's of equally many draws.
            draws: that the maps shall be the mean of.
            progress: as for ``score``.
        Returns:
            maps of the same labels, in the same order.
        Raises:
            ContractError: the scorer names several rounds, and this was not written.
        """
        raise ContractError(
            f"{type(self).__name__} names several rounds and adds no draws to maps; write refine, or name one round"
        )


@dataclass(frozen=True, slots=True)
class Quantity:
    """What the values of a scorer's maps are, for everything that shows them.

    Attributes:
        name: one or two words, lower case.
        formula: what it is computed from, in words; empty: not said.
        unit: of the values; empty: not said.
        meaning: what its size or sign says of a place, a clause without a full stop; empty: not said.
    """

    name: str = "typicality"
    formula: str = ""
    unit: str = ""
    meaning: str = ""

    def __str__(self) -> str:
        """The name with the formula in brackets, for axes and colour bars."""
        return f"{self.name} ({self.formula})" if self.formula else self.name


class TypicalityScorer(Component):
    """A recipe's ``[scorer]``.

    A scorer that does not use the run's diffusion model says ``needs_model = False``.

    Class attributes:
        quantity: what the values of its maps are, and their unit.
    """

    quantity: ClassVar[Quantity] = Quantity()

    @property
    def needs_model(self) -> bool:
        return True

    def fit(self, data: TrainingSet, tools: ModelTools, *, folder: Path, progress: Progress) -> None:
        """Learn from the training pictures and their labels, once, before anything is scored; default: nothing.

        Args:
            data: the pictures; learn from ``data.train`` alone.
            tools: as for ``open``.
            folder: empty; what is written here is kept with the maps and is ``tools.fitted`` when the scorer is opened,
                in whatever process. Where nothing is written ``tools.fitted`` is None.
            progress: told of what is done.
        """

    @abstractmethod
    @returns(checks.instance_of("Scoring"))
    def open(self, tools: ModelTools) -> Scoring:
        """Load what scoring needs."""

    @returns(checks.scored_labels)
    def labels_to_score(self, record: ImageRecord, labels: Sequence[str], seed: int) -> tuple[str, ...]:
        """The labels under which to score an image; default: its own.

        Args:
            labels: every label of the run, sorted.
        """
        return record.labels

    @property
    def rounds(self) -> tuple[int, ...]:
        """The draws that a picture has had after each round, rising; default: there is one round of all.

        All pictures have the first round. The further ones are for pictures of which a patch may still enter or leave
        its label's best; ``Scoring.refine`` makes them.
        """
        return ()

    @property
    def risk(self) -> float:
        """How wrong deciding so may be, see :func:`diffmine.numerics.racing.undecided`."""
        return 0.5

    def role(self, record: ImageRecord, label: str) -> Role:
        """What the map of an image under a label is; default: ``own`` where it carries the label, ``other`` where the
        label is one of ``record.related``, else ``null``.

        Patches are mined from ``own`` maps, and their p-values come from ``null`` maps; ``other`` maps are kept to be
        looked at.
        """
        if label in record.labels:
            return "own"
        return "other" if label in record.related else "null"

    def passes(self, labels: int) -> int:
        """Forwards of the diffusion model to score one picture under so many labels, for estimates of cost."""
        return 0


class SelectorConfig(ComponentConfig):
    """Options that every patch selector has."""

    size: int = Field(64, ge=1, description="side of a patch in pixels")
    per_image: int = Field(5, ge=1, description="patches to keep of each image, under each of its labels")
    per_label: int = Field(1000, ge=1, description="patches to keep of each label")


class PatchSelector(Component):
    """A recipe's ``[patches]``."""

    Config: ClassVar[type[ComponentConfig]] = SelectorConfig
    config: SelectorConfig

    @abstractmethod
    @returns(checks.candidates)
    def select(
        self,
        typicality: TypicalityMap,
        record: ImageRecord,
        pixels: Callable[[], ByteArray],
        *,
        stride: int,
        seed: int,
    ) -> list[Candidate]:
        """The patches to propose for one image under one label, best first.

        Args:
            typicality: the map, on the latent grid.
            record: the image.
            pixels: opens the picture, uint8, (height, width, 3); slow, so call it only where pixels matter.
            stride: image pixels to one cell of the map.
            seed: the run's seed.
        """

    def placing(self, typicality: TypicalityMap) -> FloatArray:
        """The map that decides where patches lie, for metrics and reports; default: typicality itself.

        Args:
            typicality: as for :meth:`select`.
        Returns:
            float32, (h, w), on the latent grid; patches lie where it is high.
        """
        return typicality.mean

    def controls(self) -> tuple[PatchSelector, ...]:
        """Further selectors to run beside this one, such as the least typical patches; default: none."""
        return ()


@dataclass(frozen=True, slots=True)
class PatchRequest:
    """Patches of one picture, under one label, that need features."""

    picture: Picture
    label: str
    boxes: tuple[Box, ...]


class Extraction(Accountable, ABC):
    """A feature extractor with its model loaded."""

    @abstractmethod
    @returns(checks.features)
    def extract(self, requests: Sequence[PatchRequest]) -> list[FloatArray]:
        """The features of each request's patches.

        Returns:
            for each request float32, (boxes, dims), rows of unit L2 norm; the same ``dims`` for all. A result does not
            depend on the other requests.
        """


class FeatureExtractor(Component):
    """A recipe's ``[features]``.

    An extractor that does not use the run's diffusion model says ``needs_model = False``.
    """

    @property
    def needs_model(self) -> bool:
        return True

    def fit(self, data: TrainingSet, tools: ModelTools, *, folder: Path, progress: Progress) -> None:
        """Learn from the training pictures and their labels, as :meth:`TypicalityScorer.fit` does; default: nothing."""

    @abstractmethod
    @returns(checks.instance_of("Extraction"))
    def open(self, tools: ModelTools) -> Extraction:
        """Load what extraction needs."""

    def passes(self) -> int:
        """Forwards of the diffusion model for one image and label, for estimates of cost."""
        return 0


class Projection(Component):
    """A recipe's ``[projection]``."""

    @abstractmethod
    @lends("features")
    @returns(checks.projected)
    def fit_transform(self, features: FloatArray, *, seed: int) -> FloatArray:
        """Project one label's patches.

        Args:
            features: float32, (patches, dims), finite; rows in canonical order, so equal seeds give equal results.
        Returns:
            float32, (patches, projected dims).
        """


class ClustererConfig(ComponentConfig):
    """Options that every clusterer has."""

    rank_by: Literal["median", "mean"] = Field(
        "median", description="what a label's clusters are ranked by: the median (the paper) or mean typicality"
    )


class Clusterer(Component):
    """A recipe's ``[clusterer]``."""

    Config: ClassVar[type[ComponentConfig]] = ClustererConfig
    config: ClustererConfig

    @abstractmethod
    @lends("features")
    @returns(checks.cluster_ids)
    def fit_predict(self, features: FloatArray, *, seed: int) -> IntArray:
        """Cluster one label's patches.

        Args:
            features: float32, (patches, dims), finite; at least one row, in canonical order.
        Returns:
            int32, (patches,): cluster ids from 0; -1 marks an outlier.
        Raises:
            DataError: the features cannot be clustered with these options; the other labels go on.
        """
