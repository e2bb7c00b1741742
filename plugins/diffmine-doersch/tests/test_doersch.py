"""What the contracts ask, that detectors find what was planted, and the parts of the search against literal ones."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from diffmine_doersch import detectors as keeping
from diffmine_doersch.bank import Bank, collect, overlaps
from diffmine_doersch.clusterer import SameDetector
from diffmine_doersch.discovery import candidates, distinct, pure_candidates, trained
from diffmine_doersch.extractor import DetectorResponses
from diffmine_doersch.options import DetectorConfig
from diffmine_doersch.scorer import Doersch
from diffmine_doersch.windows import levels

import diffmine
from diffmine.errors import DataError, DiffmineError
from diffmine.interfaces import Progress
from diffmine.testing.contracts.clusterers import ClustererContract
from diffmine.testing.contracts.extractors import FeatureExtractorContract
from diffmine.testing.contracts.scorers import TypicalityScorerContract
from diffmine.testing.toy_pictures import toy_picture, write_toy_folder
from diffmine.testing.toy_tools import LABELS, as_picture, without_model
from diffmine.testing.toy_training import toy_training_set, training_set
from diffmine.types import Picture

RECIPE = Path(__file__).parent.parent / "recipes" / "doersch.toml"
DATASET = """
[dataset]
use = "folder"
path = "pictures"
masks = "pictures-masks"
holdout = 0.25
"""
SMALL = DetectorConfig(cell=4, reach=1, scales=(1.0, 1.5), candidates=40, seeds=6, detectors=4, rounds=2)


class TestDoersch(TypicalityScorerContract):
    @pytest.fixture
    def scorer(self) -> Doersch:
        return Doersch(Doersch.Config(**SMALL.model_dump()))


class TestDetectorResponses(FeatureExtractorContract):
    @pytest.fixture
    def extractor(self) -> DetectorResponses:
        return DetectorResponses(SMALL)


class TestSameDetector(ClustererContract):
    @pytest.fixture
    def clusterer(self) -> SameDetector:
        return SameDetector(SameDetector.Config())


@pytest.fixture(scope="module")
def bank() -> Bank:
    return collect(SMALL, toy_training_set(train=24), LABELS, 0, Progress())


def test_windows_lie_where_they_say() -> None:
    pixels = np.zeros((40, 28, 3), np.uint8)
    pixels[16:24, 8:20] = 255
    for level in levels(DetectorConfig(cell=4, reach=1, scales=(1.0, 2.0)), pixels):
        assert level.described.shape[:2] == level.energy.shape == level.inside.shape
        tops, lefts, bottoms, rights = np.moveaxis(level.boxes, -1, 0)
        expected = (tops >= -1) & (lefts >= -1) & (bottoms <= 41) & (rights <= 29)
        assert np.array_equal(level.inside, expected)
        row, column = np.unravel_index(level.energy.argmax(), level.energy.shape)
        box = level.boxes[row, column]
        assert box[0] < 20 < box[2], "most gradient is around the bright rectangle"
        assert box[1] < 14 < box[3]


def test_the_search_by_matrix_products_is_the_literal_one(bank: Bank) -> None:
    templates, pictures = bank.described[::97], np.array([3, 0, 11])
    firings = bank.best(templates, pictures)
    for number, template in enumerate(templates):
        for place, picture in enumerate(pictures):
            rows = range(bank.starts[picture], bank.starts[picture + 1])
            scores = [float(template @ bank.described[row]) for row in rows]
            assert firings.scores[number, place] == pytest.approx(max(scores), rel=1e-4)
            assert scores[firings.rows[number, place] - rows.start] == pytest.approx(max(scores), rel=1e-4)


def test_windows_overlap_by_intersection_over_union() -> None:
    one = np.array([0, 0, 10, 10], np.float32)
    others = np.array([[0, 0, 10, 10], [0, 5, 10, 15], [0, 6, 10, 16], [20, 20, 30, 30], [0, 0, 5, 5]], np.float32)
    assert overlaps(one, others).tolist() == [True, True, False, False, False], "50/150 is above 0.3, 40/160 is not"


def test_every_split_has_pictures_of_every_label(bank: Bank) -> None:
    for carried in bank.carried:
        assert set(bank.split[carried].tolist()) == {0, 1, 2}


def test_candidates_are_of_the_label_rich_and_apart(bank: Bank) -> None:
    rows = candidates(SMALL, bank, bank.carried[1], 0)
    pictures = np.searchsorted(bank.starts, rows, side="right") - 1
    assert bank.carried[1][pictures].all()
    assert bank.rich[rows].all()
    for one, two in zip(*np.triu_indices(len(rows), 1), strict=True):
        assert pictures[one] != pictures[two] or not bank.overlapping(rows[one], rows[two])


def test_the_purest_candidates_come_first_and_none_is_there_twice(bank: Bank) -> None:
    carried = bank.carried[0]
    rows = candidates(SMALL, bank, carried, 0)
    twice = np.concatenate([rows, rows])
    chosen = pure_candidates(SMALL.model_copy(update={"neighbours": 8}), bank, twice, carried)
    assert len(set(chosen.tolist())) == len(chosen)
    firings = bank.best(bank.described[rows], np.arange(24))
    firings.scores[np.arange(len(rows)), np.searchsorted(bank.starts, rows, side="right") - 1] = -np.inf
    purity = carried[firings.top(8)].mean(axis=1)
    assert purity[rows.tolist().index(chosen[0])] == purity.max()
    top = firings.top(8)
    kept = distinct(bank, firings, top, np.arange(len(rows)), 100)
    assert kept[0] == 0
    assert len(kept) < len(rows), "some candidates of 24 pictures have the same neighbours"


def test_a_training_reads_no_picture_of_another_split(bank: Bank) -> None:
    seeds = candidates(SMALL, bank, bank.carried[0], 0)[:3]
    weights, biases = trained(SMALL, bank, bank.described[seeds], bank.carried[0], 1)
    other = bank.described.copy()
    for picture in np.flatnonzero(bank.split != 1):
        other[bank.starts[picture] : bank.starts[picture + 1]] = 9
    changed = Bank(other, bank.boxes, bank.rich, bank.starts, bank.digests, bank.carried, bank.split)
    again = trained(SMALL, changed, bank.described[seeds], bank.carried[0], 1)
    assert np.array_equal(weights, again[0])
    assert np.array_equal(biases, again[1])


def test_detectors_fire_on_the_planted_element_of_unseen_pictures(tmp_path: Path) -> None:
    drawn = [toy_picture(number % 2, 2, 32, 0, number // 2) for number in range(144)]
    pictures = [as_picture(pixels, LABELS[number % 2]) for number, (pixels, _) in enumerate(drawn)]
    options = SMALL.model_copy(update={"candidates": 120, "seeds": 12})
    scorer = Doersch(Doersch.Config(**options.model_dump()))
    scorer.fit(training_set(pictures[:120]), without_model(), folder=tmp_path, progress=Progress())
    scoring = scorer.open(without_model().with_fitted(tmp_path))
    hits, own, other = [], [], []
    for number in range(120, 144):
        mask, place = drawn[number][1], number % 2
        maps = scoring.score([pictures[number]], [LABELS], Progress())[0]
        if mask.any():
            row, column = np.unravel_index(maps[place].mean.argmax(), maps[place].mean.shape)
            rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))  # a ring has a hole
            hits.append(rows[0] <= 4 * row + 2 <= rows[-1] and columns[0] <= 4 * column + 2 <= columns[-1])
            own.append(maps[place].mean.max())
            other.append(maps[1 - place].mean.max())
    assert np.mean(hits) > 0.6, "a place drawn at random hits one in ten"
    assert np.mean(np.array(own) > np.array(other)) > 0.8
    assert {path.suffix for path in tmp_path.iterdir()} == {".safetensors", ".json"}
    purity = json.loads((tmp_path / "detectors.json").read_text(encoding="utf-8"))["purity"]
    assert purity["a"] == sorted(purity["a"], reverse=True)
    assert purity["a"][0] > 0.8


def test_scorer_and_extractor_search_once_and_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, tools, searches = toy_training_set(train=24), without_model(), []
    search = keeping._search
    monkeypatch.setattr(keeping, "_search", lambda *arguments: searches.append(1) or search(*arguments))
    for name in ("scorer", "extractor"):
        (tmp_path / name).mkdir()
    options = SMALL.model_copy(update={"seeds": 5})
    scorer, extractor = Doersch(Doersch.Config(**options.model_dump())), DetectorResponses(options)
    scorer.fit(data, tools, folder=tmp_path / "scorer", progress=Progress())
    extractor.fit(data, tools, folder=tmp_path / "extractor", progress=Progress())
    assert len(searches) == 1
    for file in (tmp_path / "scorer").iterdir():
        assert file.read_bytes() == (tmp_path / "extractor" / file.name).read_bytes()


def test_files_seen_at_another_size_are_searched_anew() -> None:
    """One process runs several recipes, whose dataset.image_size may differ; the digest is the file's."""
    options = SMALL.model_copy(update={"seeds": 5})

    def searched(side: int) -> np.ndarray:
        shown = [as_picture(pixels, LABELS[number % 2]) for number, pixels in enumerate(files)]
        small = [
            Picture(replace(one.record, width=side, height=side), one.pixels[:: 32 // side, :: 32 // side])
            for one in shown
        ]
        return keeping.find(options, training_set(small), without_model(), Progress()).weights["a"]

    files = [toy_picture(number % 2, 2, 32, 0, number // 2)[0] for number in range(24)]
    first, then = searched(32), searched(16)
    keeping._found.clear()
    assert np.array_equal(searched(16), then)
    assert not np.array_equal(first, then)


def test_too_few_pictures_are_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"needs three training pictures .* 'a' has 1 of 2; add pictures"):
        Doersch(Doersch.Config()).fit(toy_training_set(train=2), without_model(), folder=tmp_path, progress=Progress())


def test_the_recipe_runs_without_a_model_and_clusters_are_detectors(tmp_path: Path) -> None:
    write_toy_folder(tmp_path / "pictures", per_label=60)
    (tmp_path / "mine.toml").write_text(f'extends = "{RECIPE}"\n{DATASET}', encoding="utf-8")
    both = {"reach": 1, "candidates": 100, "seeds": 12, "detectors": 4}
    sets = [f"{table}.{name}={value}" for table in ("scorer", "features") for name, value in both.items()]
    more = ["patches.size=8", 'report={use=["terminal"]}']
    run = diffmine.run(tmp_path / "mine.toml", out=tmp_path / "run", store=tmp_path / "store", overrides=[*sets, *more])
    assert "finetune" not in run.info["stages"]
    assert run.metrics["patch_precision"]["value"] > run.metrics["patch_precision"]["chance"] + 0.2
    again = diffmine.run(
        tmp_path / "mine.toml",
        out=tmp_path / "again",
        store=tmp_path / "store",
        overrides=[*sets, *more, "model.use=stable-diffusion", "model.path=nowhere"],
    )
    assert all(entry["reused"] for entry in again.info["stages"].values())
    with pytest.raises(DiffmineError, match=r"\[features\] reach = 1, but \[scorer\] reach = 2"):
        diffmine.run(tmp_path / "mine.toml", out=tmp_path / "no", overrides=[*sets, "scorer.reach=2"])
