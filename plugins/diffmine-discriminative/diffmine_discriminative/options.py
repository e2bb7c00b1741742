"""What decides a network and its training; scorers and extractor share it. Imports no library that takes seconds."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from diffmine.errors import DataError
from diffmine.interfaces import ComponentConfig, TrainingSet


class NetworkConfig(ComponentConfig):
    """Options of every network."""

    width: int = Field(16, ge=1, description="channels at half the resolution; there are twice as many further on")
    depth: int = Field(
        4, ge=0, description="residual layers at a quarter of the resolution; a cell sees 10 + 8 depth px around it"
    )
    epochs: int = Field(60, ge=1, description="times that every picture is learned from")
    batch_size: int = Field(32, ge=1, description="pictures a step")
    learning_rate: float = Field(0.01, gt=0, description="AdamW's, at its peak after a third of the steps")
    weight_decay: float = Field(0.05, ge=0, description="AdamW's decoupled weight decay")
    flip: bool = Field(True, description="mirror half of the pictures; destroys what tells left from right")
    shift: int = Field(4, ge=0, description="pixels by which crops are shifted at most, up, down and to both sides")


def check_labels(name: str, data: TrainingSet, labels: Sequence[str]) -> None:
    """Whether there is something to tell apart.

    Args:
        name: of the component that is to learn.
    Raises:
        DataError: there is one label, or a label has no training picture.
    """
    if len(labels) < 2:
        raise DataError(f"{name} tells labels apart, and the pictures have only one; add pictures of another label")
    missing = set(labels).difference(*(record.labels for record in data.train))
    if missing:
        raise DataError(
            f"no training picture has the label {min(missing)!r}, so {name} cannot learn it; add pictures, lower "
            "dataset.holdout, or leave the label out with dataset.labels"
        )
