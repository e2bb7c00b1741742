"""What is known of the versions of a picture: as it is under its own labels, and translated to each other label."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from diffmine.types import ByteArray, FloatArray


@dataclass(frozen=True, slots=True)
class Versions:
    """The versions of one picture, one for each label of the run, in the order of the labels.

    Attributes:
        pixels: uint8, (labels, height, width, 3).
        after: the typicality of each version under its label, float32, (labels, h, w).
        influence: the label's influence there, float32, (labels, h, w); NaN where the scorer gives none.
        own: the typicality of each version under the label that the picture was inverted under, float32,
            (labels, h, w).
        before: the typicality of the picture as it is under each label, float32, (labels, h, w).
        evidence: how much each version speaks for each label, float64, (labels, labels).
        reconstruction_psnr: of the picture sampled under its own label, in dB.
        stride: image pixels to one cell of a map.
    """

    pixels: ByteArray
    after: FloatArray
    influence: FloatArray
    own: FloatArray
    before: FloatArray
    evidence: NDArray[np.float64]
    reconstruction_psnr: float
    stride: int

    def tensors(self, prefix: str) -> dict[str, NDArray[Any]]:
        """For a shard."""
        return {f"{prefix}/{name}": np.asarray(getattr(self, name)) for name in type(self).__slots__}

    @classmethod
    def load(cls, shard: Path, prefix: str) -> Versions:
        """What :meth:`tensors` made, from a shard."""
        with safe_open(shard, "np") as tensors:
            found = {name: tensors.get_tensor(f"{prefix}/{name}") for name in cls.__slots__}
        scalars = {"reconstruction_psnr": found["reconstruction_psnr"].item(), "stride": found["stride"].item()}
        return cls(**{**found, **scalars})


def psnr(pixels: ByteArray, reference: ByteArray) -> float:
    """Peak signal-to-noise ratio in dB of uint8 pictures; of equal ones, 99."""
    error = np.square(pixels.astype(np.float64) - reference.astype(np.float64)).mean()
    return 99.0 if error == 0 else float(10 * np.log10(255.0**2 / error))
