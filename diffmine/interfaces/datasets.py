"""Datasets: where labelled pictures come from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator

from diffmine.interfaces import checks
from diffmine.interfaces.boundary import Accountable, returns, yields
from diffmine.interfaces.component import OUTSIDE_KEY, Component, ComponentConfig
from diffmine.interfaces.progress import Progress
from diffmine.types import BoolArray, ImageRecord, Item


class DatasetConfig(ComponentConfig):
    """Options that every dataset has."""

    labels: tuple[str, ...] | None = Field(None, description="labels to keep; omitted: all")
    per_label: int | None = Field(None, ge=1, description="images to draw of each label, by the seed; omitted: all")
    holdout: Annotated[float, Field(ge=0, lt=1)] | Literal["annotated"] = Field(
        0.1,
        description="share of each label's images that no model learns from, kept for evaluation; 'annotated': the "
        "images that have a mask or a box",
    )
    validation: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="share of each label's remaining images that no model learns from either, to choose settings on; "
        "no figure is told of them",
    )
    folds: int = Field(
        1,
        ge=1,
        le=100,
        description="cross-fitting: deal each label's training images into so many parts, and score each part with a "
        "model that has learned from the others, at as many trainings; 1: the one model scores what it learned from",
    )
    mine: Literal["train", "heldout", "all"] = Field(
        "train", description="the images in which patches are looked for; with [training] all but those for validation"
    )
    mine_per_label: int | None = Field(
        None,
        ge=1,
        description="images to draw of each label among those, by the seed; the other training images are learned "
        "from, and never scored; omitted: all",
    )
    order: Literal["numeric"] | Annotated[tuple[str, ...], Field(min_length=2)] | None = Field(
        None,
        description="order of the labels, such as years: 'numeric', by the numbers that they are, or a list of them; "
        "neighbours are then no null for each other; omitted: they have none",
    )
    neighbours: int = Field(
        1,
        ge=0,
        description="with an order, how many labels on either side of a picture's own are no wrong labels for it: no "
        "null for p-values, and nothing that contrast compares with",
    )
    hierarchy: Annotated[tuple[str, ...], Field(min_length=1)] | None = Field(
        None,
        description="columns whose values are labels above a picture's own, from coarse to fine, such as ['continent', "
        "'country'] over regions: the picture carries them too; omitted: it carries its own alone",
    )
    shuffle_labels: bool = Field(
        False, description="deal the labels out among the pictures anew, by the seed: a control that must find nothing"
    )
    image_size: int | None = Field(None, ge=16, description="short side in pixels; omitted: as stored")
    crop: Annotated[Literal["none", "center", "random"], OUTSIDE_KEY] = Field(
        "none", description="square crop in finetuning, of side image_size; mining sees the whole picture"
    )
    max_bad_fraction: Annotated[float, OUTSIDE_KEY] = Field(
        0.05, ge=0, le=1, description="share of unreadable pictures above which the run stops"
    )

    @field_validator("order")
    @classmethod
    def _lists_each_once(cls, order: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
        if isinstance(order, tuple) and (twice := [label for label, count in Counter(order).items() if count > 1]):
            raise ValueError(f"{twice[0]!r} is listed more than once; each label has one place in the order")
        return order


@dataclass(frozen=True, slots=True)
class Preview:
    """What a dataset will make when it is prepared.

    Attributes:
        images: label -> number of pictures.
        width, height: of a picture, pixels as stored.
    """

    images: Mapping[str, int]
    width: int
    height: int


class ImageSource(Accountable, ABC):
    """An opened dataset."""

    @abstractmethod
    @yields(checks.item)
    def scan(self) -> Iterator[Item]:
        """Every labelled picture, in any order, in bounded memory."""

    @abstractmethod
    @returns(checks.encoded_file)
    def read(self, path: str) -> bytes:
        """The encoded file behind ``Item.path``.

        Raises:
            OSError: it cannot be read; the run lists the picture with this cause.
        """

    @returns(checks.element_masks)
    def masks(self, record: ImageRecord) -> Mapping[str, BoolArray]:
        """Where the elements of some labels are, for evaluation.

        Returns:
            label -> bool array, (height, width) of the picture as stored, upright; True on the element. Labels that
            are not annotated in this picture are absent; an empty mapping means that nothing is known.
        """
        return {}

    def boxes(self, record: ImageRecord) -> Mapping[str, BoolArray]:
        """The boxes that were drawn around elements, where they were, for evaluation; their masks are these as well.

        Returns:
            label -> bool array as of ``masks``, True in any of the label's boxes; labels without boxes are absent.
        """
        return {}


class Dataset(Component):
    """A recipe's ``[dataset]``.

    Class attributes:
        reads_listed_only: whether it reads those files alone that a table lists, so that what else is written into its
            folders does no harm.
    """

    reads_listed_only: ClassVar[bool] = False
    Config: ClassVar[type[ComponentConfig]] = DatasetConfig
    config: DatasetConfig

    def prepare(self, folder: Path, *, seed: int, progress: Progress) -> None:
        """Draw, unpack or convert what ``open`` needs into ``folder``, which the store keeps; default: nothing.

        Args:
            folder: empty, or with what an earlier attempt left there.
            seed: the run's seed.
            progress: ``start`` it with how much there is to do, and ``advance`` it.
        """

    @returns(checks.instance_or_none("Preview"))
    def preview(self) -> Preview | None:
        """What ``prepare`` would make; None: it makes nothing, and ``open(Path())`` can be scanned at once."""
        return None

    @abstractmethod
    @returns(checks.instance_of("ImageSource"))
    def open(self, prepared: Path) -> ImageSource:
        """Open the dataset; ``prepared`` is the folder that ``prepare`` filled."""
