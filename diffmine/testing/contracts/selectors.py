"""What every patch selector keeps."""

from __future__ import annotations

import numpy as np
import pytest

from diffmine.interfaces import PatchSelector
from diffmine.numerics.upsampling import upsample
from diffmine.types import ByteArray, Candidate, ImageRecord, TypicalityMap

HEIGHT, WIDTH, STRIDE = 45, 62, 4
RECORD = ImageRecord("toy", "toy.png", ("a",), WIDTH, HEIGHT, "0" * 64, "train")


def toy_map(seed: int = 0) -> TypicalityMap:
    """A noisy map, on a grid that reaches beyond the picture."""
    values = np.random.default_rng(seed).normal(size=(4, -(-HEIGHT // STRIDE), -(-WIDTH // STRIDE))).astype(np.float32)
    return TypicalityMap("toy", "a", values[0], np.abs(values[1]), 10, np.abs(values[2]), np.abs(values[3]))


def toy_pixels() -> ByteArray:
    """A picture of noise."""
    return np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


class PatchSelectorContract:
    """Subclass this and return your selector from a fixture ``selector``; patches of at most 40 px, please."""

    def select(self, selector: PatchSelector, seed: int = 0) -> list[Candidate]:
        """What it proposes on the toy map."""
        return selector.select(toy_map(), RECORD, toy_pixels, stride=STRIDE, seed=seed)

    def test_boxes_lie_in_the_picture_and_are_as_many_as_asked_at_most(self, selector: PatchSelector) -> None:
        found = self.select(selector)
        assert 0 < len(found) <= selector.config.per_image
        for one in found:
            assert 0 <= one.box.y0 < one.box.y1 <= HEIGHT
            assert 0 <= one.box.x0 < one.box.x1 <= WIDTH

    def test_what_places_patches_is_a_map_on_the_same_grid(self, selector: PatchSelector) -> None:
        placing = selector.placing(toy_map())
        assert placing.dtype == np.float32
        assert placing.shape == toy_map().mean.shape
        assert np.isfinite(placing).all()

    def test_typicality_is_the_mean_over_the_box(self, selector: PatchSelector) -> None:
        image = upsample(toy_map().mean, STRIDE, HEIGHT, WIDTH)
        for one in self.select(selector):
            assert one.typicality == pytest.approx(float(image[one.box.slices()].mean()), abs=1e-4)
            assert one.stderr is not None and one.stderr >= 0  # noqa: PT018

    def test_the_best_come_first(self, selector: PatchSelector) -> None:
        priorities = [one.priority for one in self.select(selector)]
        assert priorities == sorted(priorities)

    def test_equal_seeds_give_equal_patches(self, selector: PatchSelector) -> None:
        assert self.select(selector, seed=3) == self.select(selector, seed=3)

    def test_controls_are_selectors_of_other_names(self, selector: PatchSelector) -> None:
        names = [selector.name, *(control.name for control in selector.controls())]
        assert len(set(names)) == len(names)
        assert all(self.select(control) for control in selector.controls())
