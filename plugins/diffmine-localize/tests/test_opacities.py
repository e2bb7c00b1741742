"""The drawn pictures: the contract of datasets, the published layout, and opacities where the boxes say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from diffmine_localize.opacities import Opacities
from diffmine_localize.opacity_drawing import DRAWN, chest
from diffmine_localize.published import NOTHING, cases, write_published

import diffmine
from diffmine.interfaces import Dataset, Progress
from diffmine.numerics.seeding import numpy_generator
from diffmine.plugins.registry import registry
from diffmine.recipes.reading import load_recipe
from diffmine.recipes.resolving import resolve
from diffmine.testing.contracts.datasets import DatasetContract, record_of

XRAY = Path(diffmine.__file__).parents[1] / "recipes" / "xray.toml"


class TestOpacities(DatasetContract):
    has_masks = True

    @pytest.fixture
    def dataset(self) -> Dataset:
        return Opacities(Opacities.Config(pictures=24, size=32))


def test_the_papers_recipe_reads_the_layout_and_sees_the_same_boxes(tmp_path: Path) -> None:
    folder = write_published(tmp_path / "data", pictures=60, boxed=0.5, size=64, seed=3)
    recipe = load_recipe(XRAY, [f"dataset.path={folder}", f"training.path={folder}"])
    parts = resolve(recipe, registry()).components
    published, learned = parts.dataset.open(Path()), parts.training.open(Path())
    dataset = Opacities(Opacities.Config(pictures=60, boxed=0.5, size=64))
    dataset.prepare(tmp_path / "prepared", seed=3, progress=Progress())
    own = dataset.open(tmp_path / "prepared")
    listed = {item.path: item for item in published.scan()}
    assert set(listed) == {f"images/{case.name}" for case in cases(60, 0.5, 3) if case.boxed}
    assert set(listed).isdisjoint({item.path for item in learned.scan()})
    several = 0
    for item in own.scan():
        record = record_of(item, own)
        if item.path in listed:
            assert listed[item.path].labels == item.labels
            theirs = published.boxes(record)
            several += len(theirs) > 1
            assert set(theirs) == set(item.labels)
            for finding, box in own.boxes(record).items():
                assert np.array_equal(box, theirs[finding])
        else:
            assert own.boxes(record) == {}
    assert several, "some pictures show two findings"


def test_other_seeds_draw_others_and_nothing_is_boxed_in_healthy_pictures() -> None:
    one, other = list(cases(200, 0.5, 0)), list(cases(200, 0.5, 1))
    assert one != other
    assert not any(case.boxed for case in one if case.findings == (NOTHING,))
    ill = [case for case in one if case.findings != (NOTHING,)]
    assert 0.6 < len(ill) / len(one) < 0.9
    assert 0.35 < np.mean([case.boxed for case in ill]) < 0.65


@pytest.mark.parametrize("finding", DRAWN)
def test_opacities_lie_in_their_boxes(finding: str) -> None:
    """What an opacity adds to a picture without one is mostly in its box, and the box is no larger than it need be."""
    for number in range(10):
        blob = DRAWN[finding](numpy_generator("opacity", finding, number))
        plain, shown = (chest(numpy_generator("chest", number), blobs, 64)[..., 0] for blobs in ((), (blob,)))
        added = np.abs(shown.astype(float) - plain)
        left, top, width, height = (64 * value for value in blob.box())
        inside = added[round(top) : round(top + height), round(left) : round(left + width)]
        assert inside.sum() > 0.4 * added.sum()
        assert inside.mean() > 5 * added.sum() / added.size * 0.5
        assert 0 <= left < left + width <= 64
        assert 0 <= top < top + height <= 64
