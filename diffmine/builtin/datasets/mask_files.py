"""Masks kept as pictures."""

from __future__ import annotations

from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageOps

from diffmine.errors import DataError
from diffmine.pictures.decoding import FORMATS
from diffmine.types import BoolArray


def find_mask(masks: Path, path: str) -> Path | None:
    """The mask of the picture ``path``: the file at the same place under ``masks``, or that with the suffix .png."""
    same_place = masks / path
    try:
        return next((file for file in (same_place, same_place.with_suffix(".png")) if file.exists()), None)
    except OSError:  # a name too long to be one
        return None


def read_mask(path: Path) -> BoolArray:
    """True wherever the picture is not black (or not palette entry 0, or not transparent); bool, (height, width).

    Raises:
        DataError: the file cannot be read as a picture.
    """
    return decode_mask(path, path)


def decode_mask(source: Path | IO[bytes], name: Path | str) -> BoolArray:
    """The same of an opened file, which errors call by ``name``.

    Raises:
        DataError: as ``read_mask``.
    """
    try:
        with Image.open(source, formats=FORMATS) as opened:
            image = ImageOps.exif_transpose(opened)
            if image.mode in ("RGBA", "LA", "PA"):
                image = Image.alpha_composite(Image.new("RGBA", image.size, "black"), image.convert("RGBA"))
                image = image.convert("RGB")
            values = np.asarray(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"the mask {name} cannot be read: {error}; mend it or remove it") from None
    mask: BoolArray = np.any(values.reshape(*values.shape[:2], -1), axis=2)
    return mask
