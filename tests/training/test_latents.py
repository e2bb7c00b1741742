from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from diffmine.interfaces import ModelTools, TrainingSet
from diffmine.testing.gaussian import GaussianDenoiser
from diffmine.testing.toy_tools import toy_tools
from diffmine.testing.toy_training import toy_training_set
from diffmine.training.batches import Example, example, micro_batches
from diffmine.training.latents import LatentSource, crop
from diffmine.training.options import TrainingOptions
from diffmine.training.samples import Draw, Draws
from diffmine.types import ImageRecord, Picture

PIXELS = np.arange(6 * 10 * 3, dtype=np.uint8).reshape(6, 10, 3)


@pytest.fixture
def tools(tmp_path: Path) -> ModelTools:
    return toy_tools(tmp_path / "toy model")


def draws(data: TrainingSet, steps: int) -> list[list[Draw]]:
    source = Draws(data.train, TrainingOptions(batch_size=4), seed=0)
    return [source.batch(step, range(4)) for step in range(steps)]


def test_crops() -> None:
    assert crop(PIXELS, "none", (0.3, 0.3)) is PIXELS
    np.testing.assert_array_equal(crop(PIXELS, "center", (0.9, 0.9)), PIXELS[:, 2:8])
    lefts = {int(crop(PIXELS, "random", (0.0, right))[0, 0, 0]) // 3 for right in np.linspace(0, 0.999, 50)}
    assert lefts == set(range(5))
    np.testing.assert_array_equal(crop(PIXELS.transpose(1, 0, 2), "random", (0.999, 0)).shape, (6, 6, 3))


def test_kept_latents_equal_fresh_ones_and_each_picture_is_opened_once(tools: ModelTools) -> None:
    opened: Counter[str] = Counter()
    data = toy_training_set(crop="center")

    def count(record: ImageRecord) -> Picture:
        opened[record.image_id] += 1
        return data.picture(record)

    counted = replace(data, picture=count)
    with (
        LatentSource(counted, tools.denoiser, keep_bytes=1e9, workers=2) as keeping,
        LatentSource(data, tools.denoiser, keep_bytes=0, workers=2) as fresh,
    ):
        for batch in draws(data, 8):
            keeping.prepare(batch)
            assert all(torch.equal(keeping.latent(draw), fresh.latent(draw)) for draw in batch)
    assert set(opened.values()) == {1}


def test_memory_for_latents_is_bounded(tools: ModelTools) -> None:
    data = toy_training_set()
    with LatentSource(data, tools.denoiser, keep_bytes=3 * 8 * 8 * 8 * 4, workers=1) as source:
        first = [source.latent(draw) for batch in draws(data, 5) for draw in batch]
        again = [source.latent(draw) for batch in draws(data, 5) for draw in batch]
    same = {id(one) for one in first} & {id(one) for one in again}
    assert len(same) == 3
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))


def test_a_flip_mirrors_the_pixels() -> None:
    data = toy_training_set()
    [draw, *_] = draws(data, 1)[0]
    identity = GaussianDenoiser("epsilon", 1.0, 1, torch.device("cpu"))
    with LatentSource(data, identity, keep_bytes=0, workers=1) as source:
        plain, mirrored = source.latent(draw), source.latent(replace(draw, flip=True))
    assert torch.equal(mirrored, plain.flip(-1))
    assert not torch.equal(mirrored, plain)


def test_micro_batches_hold_one_shape_and_lose_no_picture(tools: ModelTools) -> None:
    data = toy_training_set()
    with LatentSource(data, tools.denoiser, keep_bytes=0, workers=1) as source:
        examples = [example(draw, source) for batch in draws(data, 2) for draw in batch]
    wide = [Example(one.draw, torch.zeros(8, 4, 8), torch.zeros(8, 4, 8)) for one in examples[:3]]
    mixed = [examples[0], wide[0], *examples[1:], *wide[1:]]
    parts = list(micro_batches(mixed, 3))
    assert [tuple(part.latents.shape) for part in parts] == [(3, 8, 8, 8), (3, 8, 8, 8), (2, 8, 8, 8), (3, 8, 4, 8)]
    assert [draw for part in parts for draw in part.draws] == [one.draw for one in examples + wide]


def test_latents_that_found_no_room_on_the_cpu_share_a_batch_with_those_that_did(tools: ModelTools) -> None:
    data = toy_training_set(train=4)
    with LatentSource(data, tools.denoiser, keep_bytes=0, workers=1) as source:
        kept, other = (example(draw, source) for draw in draws(data, 1)[0][:2])
    elsewhere = replace(other, latent=other.latent.to("meta"))
    for order in ([kept, elsewhere], [elsewhere, kept]):
        [batch] = micro_batches(order, 2)
        assert batch.latents.device.type == "meta"
