"""What the pictures of a label share is found where it is, and nothing else is."""

from __future__ import annotations

import numpy as np
import pytest

from diffmine.analysis.casts import balance, colour_cast, quarter_colours, tinted
from diffmine.analysis.marks import find_mark
from diffmine.numerics.seeding import numpy_generator
from diffmine.testing.shortcuts import planted
from diffmine.testing.toy_pictures import toy_picture
from diffmine.types import ByteArray

SIZE = 64


def pictures(label: int, count: int = 40) -> list[ByteArray]:
    return [toy_picture(label, 6, SIZE, 0, number)[0] for number in range(count)]


def others() -> list[ByteArray]:
    return [picture for label in range(1, 6) for picture in pictures(label, 12)]


@pytest.mark.parametrize("share", [1.0, 0.6])
@pytest.mark.parametrize("kind", ["watermark", "tag", "frame"])
def test_a_planted_mark_is_found_where_it_is(kind: str, share: float) -> None:
    generator = numpy_generator("planting", kind)
    clean = pictures(0)
    marked = [planted(one, kind, generator) for one in clean]  # type: ignore[arg-type]
    truth = np.any([(one != other).any(axis=2) for one, other in zip(marked, clean, strict=True)], axis=0)
    kept = round(share * len(clean))
    mark = find_mark([*marked[:kept], *clean[kept:]], others())
    assert mark.mask[truth].mean() > 0.3
    assert truth[mark.mask].mean() > 0.95
    assert mark.at_border()
    assert np.mean([mark.share_in(one) >= 0.5 for one in marked]) >= 0.7
    assert np.mean([mark.share_in(one) >= 0.5 for one in clean]) <= 0.05


def test_an_element_of_any_colour_and_place_is_no_mark() -> None:
    assert find_mark(pictures(0), others()).mask.mean() < 0.003


def test_a_mark_counts_from_its_corner_in_pictures_of_several_sizes() -> None:
    generator = numpy_generator("sizes")
    sizes = [(48 + 4 * (number % 3), 64 - 8 * (number % 2)) for number in range(30)]
    noise = [generator.integers(0, 255, (*size, 3)).astype(np.uint8) for size in sizes]
    marked = [one.copy() for one in noise]
    for one in marked:
        one[-9:-3, -12:-2] = (10, 200, 90)
    mark = find_mark(marked, noise, bottom=True, right=True)
    expected = np.zeros(sizes[0], dtype=bool)
    expected[-9:-3, -12:-2] = True
    assert (mark.within(marked[0]) == expected).all()


def test_a_cast_is_told_from_every_quarter_and_an_element_is_not() -> None:
    generator = numpy_generator("cast")
    plain, rest = pictures(0), others()
    warm = [planted(one, "colour cast", generator) for one in plain]
    colours = [np.stack([quarter_colours(one) for one in some]) for some in (plain, warm, rest)]
    assert colour_cast(colours[0], colours[2]).auc < 0.75
    assert colour_cast(colours[1], colours[2]).auc > 0.9
    factors = balance(warm, plain)
    assert factors[2] / factors[0] == pytest.approx(1 / 0.72, rel=0.05)
    assert np.abs(tinted(plain[0], np.ones(3)).astype(int) - plain[0]).max() == 0
