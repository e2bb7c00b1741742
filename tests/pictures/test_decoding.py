from __future__ import annotations

import io
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps

from diffmine.errors import PictureError
from diffmine.pictures.decoding import (
    MAX_PIXELS,
    decode,
    grid_size,
    open_upright,
    pipeline_size,
    resize_mask,
    stored_size,
    to_model,
)
from diffmine.types import ByteArray

RAMP = np.dstack(
    [
        np.add.outer(np.arange(24) * 5, np.arange(40) * 2),
        np.broadcast_to(np.arange(40) * 6, (24, 40)),
        np.broadcast_to(np.arange(24)[:, None] * 9, (24, 40)),
    ]
).astype(np.uint8)
"""uint8, (24, 40, 3), the same nowhere."""


def encoded(image: Image.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=format, **options)
    return buffer.getvalue()


def decoded(image: Image.Image, format: str, **options: object) -> ByteArray:
    return decode(encoded(image, format, **options), None)


def close(actual: ByteArray, expected: object, tolerance: float = 3) -> bool:
    return bool(np.abs(actual.astype(int) - np.asarray(expected)).mean() <= tolerance)


@pytest.mark.parametrize(
    ("format", "options"),
    [
        ("PNG", {}),
        ("BMP", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"big_tiff": True}),
        ("WEBP", {"lossless": True}),
    ],
)
def test_lossless_formats(format: str, options: dict[str, object]) -> None:
    assert np.array_equal(decoded(Image.fromarray(RAMP), format, **options), RAMP)


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "MPO"])
def test_lossy_formats(format: str) -> None:
    assert close(decoded(Image.fromarray(RAMP), format, quality=95), RAMP)


def test_the_first_frame_counts() -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "green", "blue")]
    for format in ("GIF", "WEBP", "TIFF", "PNG"):
        pixels = decoded(frames[0], format, save_all=True, append_images=frames[1:])
        assert close(pixels, [255, 0, 0], 8), format


@pytest.mark.parametrize(("format", "mode"), [("PNG", "I;16"), ("TIFF", "I;16"), ("TIFF", "I;16B"), ("TIFF", "I")])
def test_16_bit_grey_keeps_its_range(format: str, mode: str) -> None:
    grey = np.linspace(0, 65535, 24 * 40).reshape(24, 40)
    if mode == "I":
        image = Image.fromarray(grey.astype(np.int32))
    else:
        image = Image.frombytes(mode, (40, 24), grey.astype(">u2" if mode.endswith("B") else "<u2").tobytes())
    pixels = decoded(image, format)
    assert np.array_equal(pixels[..., 0], pixels[..., 2])
    assert np.abs(pixels[..., 0] - grey / 257).max() <= 0.51


def test_16_bit_colour() -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in RAMP.astype(np.uint16) * 257)
    header = struct.pack(">IIBBBBB", 40, 24, 16, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    assert np.array_equal(decode(data, None), RAMP)


@pytest.mark.parametrize("top", [1.0, 255.0, 65535.0])
def test_float_grey_has_the_range_of_its_values(top: float) -> None:
    grey = np.linspace(0, top, 24 * 40, dtype=np.float32).reshape(24, 40)
    grey[0, 0] = np.nan
    assert np.abs(decoded(Image.fromarray(grey), "TIFF")[..., 0] - np.nan_to_num(grey) / top * 255).max() <= 0.51


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_cmyk(format: str) -> None:
    inks = Image.new("CMYK", (32, 32))
    for x, ink in enumerate([(255, 0, 0, 0), (0, 255, 255, 0), (0, 0, 0, 255), (0, 0, 0, 0)]):
        inks.paste(ink, (8 * x, 0, 8 * x + 8, 32))
    pixels = decoded(inks, format)
    for x, colour in enumerate([(0, 255, 255), (255, 0, 0), (0, 0, 0), (255, 255, 255)]):
        assert close(pixels[:, 8 * x + 2 : 8 * x + 6], colour, 4)


def test_cmyk_in_adobes_inverted_jpeg() -> None:
    data = encoded(Image.new("CMYK", (16, 16), (255, 0, 0, 0)), "JPEG")
    assert b"Adobe" in data, "the marker that says that the inks are inverted"
    assert close(decode(data, None), (0, 255, 255), 4)


def test_palettes_and_single_bits() -> None:
    colours = Image.fromarray(RAMP).quantize(256)
    for format in ("PNG", "GIF", "BMP", "TIFF"):
        assert np.array_equal(decoded(colours, format), np.asarray(colours.convert("RGB"))), format
    bits = Image.fromarray(RAMP).convert("1")
    assert np.array_equal(decoded(bits, "PNG"), np.asarray(bits.convert("RGB")))


def test_transparency_shows_white() -> None:
    half = np.full((16, 16), 255, np.uint8)
    half[:, 8:] = 0
    half[:, 8] = 51
    red = np.zeros((16, 16, 3), np.uint8) + np.array([255, 0, 0], np.uint8)
    rgba = Image.fromarray(np.dstack([red, half]))
    grey = Image.fromarray(np.dstack([red[..., 1], half]), "LA")
    palette = Image.fromarray((half == 255).astype(np.uint8), "P")
    palette.putpalette([9, 9, 9, 255, 0, 0])
    key = Image.fromarray(np.where(half[..., None] == 255, red, np.uint8(7)))
    cases = {
        "rgba png": encoded(rgba, "PNG"),
        "rgba webp": encoded(rgba, "WEBP", lossless=True),
        "rgba tiff": encoded(rgba, "TIFF"),
        "grey and alpha": encoded(grey, "PNG"),
        "palette": encoded(palette, "PNG", transparency=0),
        "gif": encoded(palette, "GIF", transparency=0),
        "colour key": encoded(key, "PNG", transparency=(7, 7, 7)),
    }
    for name, data in cases.items():
        pixels = decode(data, None)
        assert close(pixels[:, 9:], 255, 0), name
        assert close(pixels[:, :8], (0, 0, 0) if "grey" in name else (255, 0, 0), 0), name
    assert decode(cases["rgba png"], None)[0, 8].tolist() == [255, 204, 204]


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(tmp_path: Path, format: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(RAMP)
    data = encoded(image, format, exif=exif)
    turned = {
        1: image,
        2: ImageOps.mirror(image),
        3: image.rotate(180),
        4: ImageOps.flip(image),
        5: image.transpose(Image.Transpose.TRANSPOSE),
        6: image.rotate(-90, expand=True),
        7: image.transpose(Image.Transpose.TRANSVERSE),
        8: image.rotate(90, expand=True),
    }[orientation]
    pixels = decode(data, None)
    assert pixels.shape == np.asarray(turned).shape
    assert close(pixels, np.asarray(turned), 6)
    (tmp_path / "x").write_bytes(data)
    assert stored_size(tmp_path / "x") == turned.size


def swapped_profile() -> bytes:
    """A colour profile in which red and blue have changed places."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    table = {bytes(data[at : at + 4]): at + 4 for at in range(132, 132 + 12 * data[131], 12)}
    for a, b in ((b"rXYZ", b"bXYZ"),):
        data[table[a] : table[a] + 8], data[table[b] : table[b] + 8] = (
            data[table[b] : table[b] + 8],
            data[table[a] : table[a] + 8],
        )
    return bytes(data).replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_colour_profiles_are_converted_from(format: str, mode: str) -> None:
    image = Image.fromarray(RAMP[..., ::-1]).convert("RGB")
    image = image.quantize(256) if mode == "P" else image.convert(mode)
    plain = np.asarray(image.convert("RGB"))
    assert close(decoded(image, format, icc_profile=swapped_profile()), plain[..., ::-1], 1)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.array_equal(decoded(image, format, icc_profile=srgb), plain)


def test_useless_colour_profiles_are_disregarded() -> None:
    grey = Image.fromarray(RAMP).convert("L")
    assert np.array_equal(decoded(grey, "PNG", icc_profile=swapped_profile()), np.asarray(grey.convert("RGB")))
    assert np.array_equal(decoded(Image.fromarray(RAMP), "PNG", icc_profile=b"no profile"), RAMP)


def test_lab_colours() -> None:
    lab = ImageCms.profileToProfile(
        Image.fromarray(RAMP), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    assert close(decoded(lab, "TIFF"), RAMP, 3)


def png_header(width: int, height: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    header = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    return header + struct.pack(">I", 4) + b"IDAT"


NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"", "empty file"),
        (b"<html>not found</html>", "not a picture in one of the formats JPEG, PNG"),
        (b"%PDF-1.4", "not a picture"),
        (encoded(Image.fromarray(RAMP), "PPM"), "not a picture"),
        (encoded(NOISE, "JPEG")[:-2000], "damaged: OSError: .*truncated"),
        (encoded(NOISE, "JPEG")[:200], "damaged: OSError: .*runcated"),
        (encoded(NOISE, "PNG")[:-2000], "damaged: OSError: .*truncated"),
        (encoded(Image.fromarray(RAMP[:7]), "PNG"), "40 x 7 pixels, smaller than 8 x 8"),
        (png_header(10_000, 9_000), "10000 x 9000 pixels, more than the 80,000,000 allowed"),
        (png_header(60_000, 60_000), "too large|more than the"),
    ],
)
def test_what_is_no_usable_picture(data: bytes, cause: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with pytest.raises(PictureError, match=cause):
            open_upright(data)


WHOLE = [
    encoded(Image.fromarray(RAMP), "JPEG"),
    encoded(Image.fromarray(RAMP), "PNG", icc_profile=swapped_profile()),
    encoded(Image.fromarray(RAMP), "WEBP"),
    encoded(Image.fromarray(RAMP), "TIFF", compression="tiff_lzw"),
    encoded(Image.fromarray(RAMP).quantize(64), "GIF"),
    encoded(Image.fromarray(RAMP), "BMP"),
]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(WHOLE), st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=4)), max_size=6))
@pytest.mark.filterwarnings("ignore")
def test_damage_is_a_picture_error_or_a_picture(data: bytes, changes: list[tuple[float, bytes]]) -> None:
    damaged = bytearray(data)
    for place, replacement in changes:
        at = int(place * (len(damaged) - len(replacement)))
        damaged[at : at + len(replacement)] = replacement
    try:
        pixels = decode(bytes(damaged), None)
    except PictureError:
        return
    assert pixels.dtype == np.uint8
    assert pixels.shape[2] == 3


@given(st.integers(8, 5000), st.integers(8, 5000), st.integers(16, 1024))
def test_the_short_side_is_the_image_size_and_the_shape_stays(width: int, height: int, image_size: int) -> None:
    try:
        new_width, new_height = pipeline_size(width, height, image_size)
    except PictureError:
        assert image_size * image_size * max(width, height) / min(width, height) > 0.9 * MAX_PIXELS
        return
    assert min(new_width, new_height) == image_size
    scale = image_size / min(width, height)
    assert abs(new_width - width * scale) <= 0.5 + 1e-6
    assert abs(new_height - height * scale) <= 0.5 + 1e-6


def test_a_long_and_narrow_picture_does_not_become_a_bomb() -> None:
    with pytest.raises(PictureError, match="512000 x 512 pixels, more than"):
        pipeline_size(10_000, 10, 512)


@pytest.mark.parametrize("image_size", [None, 16, 24, 37, 100])
def test_decoding_gives_the_size_that_was_promised(image_size: int | None) -> None:
    pixels = decode(encoded(Image.fromarray(RAMP), "PNG"), image_size)
    assert pixels.shape[1::-1] == pipeline_size(40, 24, image_size)
    means = np.abs(pixels.reshape(-1, 3).mean(axis=0) - RAMP.reshape(-1, 3).mean(axis=0))
    assert means.max() < 3


def test_masks_resize_to_the_nearest() -> None:
    mask = np.zeros((4, 6), dtype=bool)
    mask[1:3, 2:4] = True
    assert resize_mask(mask, 6, 4) is mask
    assert np.array_equal(resize_mask(mask, 12, 8), mask.repeat(2, axis=0).repeat(2, axis=1))
    assert resize_mask(mask, 3, 2).dtype == bool


def test_to_model_pads_to_the_right_and_below_by_repeating_the_edge() -> None:
    tensor = to_model(RAMP, 16).numpy()
    assert grid_size(40, 24, 16) == (48, 32)
    assert tensor.shape == (3, 32, 48)
    assert np.allclose((tensor[:, :24, :40] + 1) * 127.5, RAMP.transpose(2, 0, 1), atol=1e-4)
    assert np.array_equal(tensor[:, :24, 40:], np.repeat(tensor[:, :24, 39:40], 8, axis=2))
    assert np.array_equal(tensor[:, 24:], np.repeat(tensor[:, 23:24], 8, axis=1))
