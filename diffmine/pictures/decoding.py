"""Encoded files to upright sRGB arrays at the pipeline's size, and onto a model's grid."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageOps, UnidentifiedImageError

from diffmine.errors import PictureError
from diffmine.types import BoolArray, ByteArray

if TYPE_CHECKING:
    from torch import Tensor

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
MAX_PIXELS = 80_000_000
MIN_SIDE = 8
_FLOAT_TOPS = (1.0, 255.0, 65535.0)
"""White of a float picture: the first of these that its values do not exceed."""


def open_upright(data: bytes) -> Image.Image:
    """Decode a file: first frame, EXIF orientation applied, transparency on white, 8-bit sRGB.

    An embedded colour profile is converted from; one that is damaged or made for other channels is disregarded, as
    browsers do.

    Raises:
        PictureError: with the cause, for anything that is not a usable picture in one of ``FORMATS``.
    """
    if not data:
        raise PictureError("empty file")
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        _check_pixels(image.width, image.height)
        image.load()
        rgb = _to_srgb(_upright(image))
    except PictureError:
        raise
    except UnidentifiedImageError:
        raise PictureError(f"not a picture in one of the formats {', '.join(FORMATS)}") from None
    except Image.DecompressionBombError as error:
        raise PictureError(f"too large: {error}") from None
    except Exception as error:  # damaged files bring almost any exception out of the decoders
        raise PictureError(f"damaged: {type(error).__name__}: {error}") from error
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
            # Pillow turns the size of a TIFF when it opens it.
            return (image.height, image.width) if sideways and image.format != "TIFF" else image.size
    except UnidentifiedImageError:
        raise PictureError(f"not a picture in one of the formats {', '.join(FORMATS)}") from None


def pipeline_size(width: int, height: int, image_size: int | None) -> tuple[int, int]:
    """(width, height) after the recipe's resize: the short side becomes ``image_size``, the aspect ratio stays.

    Raises:
        PictureError: the picture is so long and narrow that it would become too large.
    """
    if image_size is None:
        return width, height
    scale = image_size / min(width, height)
    size = max(image_size, round(width * scale)), max(image_size, round(height * scale))
    _check_pixels(*size)
    return size


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
    and row; what a model says about the padding is cropped away again (:func:`diffmine.numerics.upsampling.upsample`).

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


def _check_pixels(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise PictureError(f"{width} x {height} pixels, more than the {MAX_PIXELS:,} allowed")


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # damaged EXIF data say nothing of the pixels, which are whole
        return image


def _to_srgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    opaque, alpha = _split_alpha(_to_8_bit(image))
    rgb = _from_profile(opaque, profile) or _from_lab(opaque) or opaque.convert("RGB")
    if alpha is None:
        return rgb
    white = Image.new("RGB", rgb.size, "white")
    white.paste(rgb, mask=alpha)
    return white


def _to_8_bit(image: Image.Image) -> Image.Image:
    """Of 16-bit, 32-bit and float grey; other modes stay. Values beyond the nominal range are clipped."""
    if image.mode not in ("I;16", "I;16B", "I;16L", "I;16N", "I", "F"):
        return image
    values = np.nan_to_num(np.asarray(image, dtype=np.float64))
    top = next((top for top in _FLOAT_TOPS if values.max() <= top), _FLOAT_TOPS[-1]) if image.mode == "F" else 65535.0
    return Image.fromarray(np.clip(values / top * 255.0 + 0.5, 0, 255).astype(np.uint8))


def _split_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    if image.mode not in ("RGBA", "LA", "PA", "La", "RGBa") and "transparency" not in image.info:
        return (image.convert("RGB") if image.mode == "P" else image), None
    rgba = image.convert("LA").convert("RGBA") if image.mode == "La" else image.convert("RGBA")
    is_grey = image.mode in ("LA", "La", "L", "1")
    return rgba.convert("L" if is_grey else "RGB"), rgba.getchannel("A")


def _from_profile(image: Image.Image, profile: bytes | None) -> Image.Image | None:
    if not profile:
        return None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "sRGB" in ImageCms.getProfileDescription(source) and image.mode == "RGB":
            return image
        return ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


def _from_lab(image: Image.Image) -> Image.Image | None:
    if image.mode != "LAB":
        return None
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    return ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
