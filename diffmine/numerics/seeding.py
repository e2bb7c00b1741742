"""Random generators keyed by what they are for, never by the order in which they are asked for.

A generator of an image is keyed by the run's seed and the digest of the image's content, so batch size, order,
sharding and machine do not change a result.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def derive_seed(*key: object) -> int:
    """A 63-bit seed from any printable key, equal on every machine."""
    text = "\x1f".join(str(part) for part in key)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def numpy_generator(*key: object) -> np.random.Generator:
    """A NumPy generator for ``key``."""
    return np.random.default_rng(derive_seed(*key))


def torch_generator(*key: object) -> torch.Generator:
    """A torch generator for ``key``, on the CPU: draws are equal whatever device computes with them."""
    import torch

    return torch.Generator("cpu").manual_seed(derive_seed(*key))
