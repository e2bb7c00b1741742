"""Encoded files to upright sRGB arrays at the pipeline's size, and onto a model's grid."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from diffmine.errors import PictureError
from diffmine.types import BoolArray, ByteArray

if TYPE_CHECKING:
    from torch import Tensor

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
MAX_PIXELS = 80_000_000
MIN_SIDE = 8


def open_upright(data: bytes) -> Image.Image:
    """Decode a file: first frame, EXIF orientation applied, transparency on white, 8-bit sRGB.

    Raises:
        PictureError: with the cause, for anything that is not a usable picture in one of ``FORMATS``.
    """
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        if image.width * image.height > MAX_PIXELS:
            raise PictureError(f"{image.width} x {image.height} pixels, more than the {MAX_PIXELS:,} allowed")
        image.load()
        rgb = _to_rgb(ImageOps.exif_transpose(image))
    except UnidentifiedImageError:
        raise PictureError(f"not a picture in one of the formats {', '.join(FORMATS)}") from None
    except Image.DecompressionBombError as error:
        raise PictureError(f"too large: {error}") from None
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, OverflowError, MemoryError) as error:
        raise PictureError(f"damaged: {type(error).__name__}: {error}") from None
    if min(rgb.size) < MIN_SIDE:
        raise PictureError(f"{rgb.width} x {rgb.height} pixels, smaller than {MIN_SIDE} x {MIN_SIDE}")
    return rgb


def stored_size(path: Path) -> tuple[int, int]:
    """(width, height) of a picture file as stored, upright, from its header alone.

    Raises:
        PictureError: it is no picture.
        OSError: it cannot be read.
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            sideways = image.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)
            return (image.height, image.width) if sideways else image.size
    except UnidentifiedImageError:
        raise PictureError(f"not a picture in one of the formats {', '.join(FORMATS)}") from None


def pipeline_size(width: int, height: int, image_size: int | None) -> tuple[int, int]:
    """(width, height) after the recipe's resize: the short side becomes ``image_size``, the aspect ratio stays."""
    if image_size is None:
        return width, height
    scale = image_size / min(width, height)
    return max(image_size, round(width * scale)), max(image_size, round(height * scale))


def decode(data: bytes, image_size: int | None) -> ByteArray:
    """Decode and resize; uint8, (height, width, 3).

    Raises:
        PictureError: see :func:`open_upright`.
    """
    image = open_upright(data)
    size = pipeline_size(image.width, image.height, image_size)
    if size != image.size:
        image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    return np.asarray(image)


def resize_mask(mask: BoolArray, width: int, height: int) -> BoolArray:
    """Nearest-neighbour resize of a bool mask, (height, width)."""
    if mask.shape == (height, width):
        return mask
    image = Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST)
    return np.asarray(image, dtype=bool)


def grid_size(width: int, height: int, multiple: int) -> tuple[int, int]:
    """(width, height) rounded up to multiples: what a model is given for a picture of this size."""
    return -(-width // multiple) * multiple, -(-height // multiple) * multiple


def to_model(pixels: ByteArray, multiple: int) -> Tensor:
    """Pixels as a denoiser takes them.

    Sides that are no multiple of ``multiple`` are padded at the right and at the bottom by repeating the last column
    and row; what a model says about the padding is cropped away again (:func:`diffmine.maps.upsample`).

    Args:
        pixels: uint8, (height, width, 3).
    Returns:
        float32, (3, padded height, padded width) in [-1, 1].
    """
    import torch

    height, width = pixels.shape[:2]
    padded_width, padded_height = grid_size(width, height, multiple)
    padded = np.pad(pixels, ((0, padded_height - height), (0, padded_width - width), (0, 0)), mode="edge")
    return torch.from_numpy(padded.copy()).permute(2, 0, 1).float() / 127.5 - 1.0


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("I;16", "I;16B", "I;16L", "I", "F"):
        return _from_high_depth(image).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        white.alpha_composite(rgba)
        return white.convert("RGB")
    return image.convert("RGB")


def _from_high_depth(image: Image.Image) -> Image.Image:
    """16-bit and float grey to 8 bits; beyond their nominal range values are stretched to it."""
    values = np.asarray(image, dtype=np.float64)
    top = 1.0 if image.mode == "F" and values.max(initial=0.0) <= 1.0 else 65535.0
    if image.mode == "F" and 1.0 < values.max(initial=0.0) <= 255.0:
        top = 255.0
    return Image.fromarray(np.clip(values / top * 255.0 + 0.5, 0, 255).astype(np.uint8))
