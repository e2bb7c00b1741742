"""The experiment on maps whose figures are known, and the command from a recipe to its tables and plots."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from diffmine_localize.command import command
from diffmine_localize.comparison import ALL, MEASURES, compared, paired
from diffmine_localize.findings import Located, located
from diffmine_localize.metric import CheXlocalize
from diffmine_localize.overlap import THRESHOLDS, best_threshold, chosen_overlaps, hit, overlaps
from PIL import Image
from sklearn.metrics import average_precision_score

from diffmine.analysis.localisation import paper_auc_pr
from diffmine.errors import DataError, RecipeError
from diffmine.interfaces import Metric
from diffmine.numerics.seeding import numpy_generator
from diffmine.testing.contracts.metrics import MetricContract
from diffmine.testing.memory_run import MemoryRun
from diffmine.types import BoolArray, FloatArray, ImageRecord, TypicalityMap

BOX = np.zeros((24, 24), dtype=bool)
BOX[4:12, 10:18] = True
TINY = """
name = "tiny"
seed = 1
[dataset]
use = "opacities"
pictures = 28
size = 32
holdout = "annotated"
mine = "heldout"
[model]
use = "patch-unet"
[conditioning]
use = "label-embedding"
[finetune]
use = "full"
steps = 4
batch_size = 4
warmup_steps = 1
validate_every = 0
[scorer]
draws = 4
null_labels = 0
"""


class TestCheXlocalize(MetricContract):
    @pytest.fixture
    def metric(self) -> Metric:
        return CheXlocalize(CheXlocalize.Config())


def noise(seed: int) -> FloatArray:
    return (3e-3 * numpy_generator("heat", seed).normal(size=BOX.shape)).astype(np.float32)


def run_of(maps: Sequence[FloatArray], split: str = "heldout", masks: Sequence[BoolArray] | None = None) -> MemoryRun:
    names = [f"{split}{number}" for number in range(len(maps))]
    records = [ImageRecord(name, f"{name}.png", ("a",), 24, 24, name, split) for name in names]  # type: ignore[arg-type]
    boxes = dict(zip(names, masks or [BOX] * len(maps), strict=True))
    return MemoryRun(
        records,
        [TypicalityMap(name, "a", heat) for name, heat in zip(names, maps, strict=True)],
        masks={name: {"a": mask} for name, mask in boxes.items()},
        boxes={name: {"a": mask} for name, mask in boxes.items()},
    )


def literal_overlap(mask: BoolArray, heat: FloatArray, threshold: float) -> float:
    low, high = float(heat.min()), float(heat.max())
    both = either = 0
    for inside, value in zip(mask.ravel(), heat.ravel(), strict=True):
        above = (float(value) - low) / (high - low) > threshold
        both += bool(inside and above)
        either += bool(inside or above)
    return both / either


def test_overlaps_are_the_literal_ones() -> None:
    heat = noise(0) + np.float32(4e-3) * BOX
    found = overlaps(BOX, heat)
    assert found == pytest.approx([literal_overlap(BOX, heat, step / 10) for step in range(2, 9)])
    assert overlaps(BOX, BOX.astype(np.float32)).tolist() == [1.0] * len(THRESHOLDS)
    assert overlaps(BOX, np.zeros_like(heat)).tolist() == [0.0] * len(THRESHOLDS), "nothing stands out of a flat map"


def test_the_peak_hits_or_shares_its_hit() -> None:
    heat = np.zeros((24, 24), np.float32)
    heat[5, 11] = 1
    assert hit(BOX, heat) == 1
    heat[20, 20] = 1
    assert hit(BOX, heat) == 0.5
    assert hit(BOX, np.zeros_like(heat)) == pytest.approx(BOX.mean()), "a flat map hits as chance does"


def test_the_threshold_is_that_of_the_validation_pictures() -> None:
    choosing = np.zeros((3, len(THRESHOLDS)))
    choosing[:, 4] = 0.5
    assert best_threshold(choosing) == 4
    measured = numpy_generator("overlaps").random((5, len(THRESHOLDS)))
    found = chosen_overlaps(list(measured), list("abcde"), list(choosing))
    assert found.tolist() == measured[:, 4].tolist()


def test_without_validation_pictures_no_picture_chooses_its_own_threshold() -> None:
    """Whatever is done to one picture's overlaps, its threshold stays; and every picture has one."""
    measured, names = numpy_generator("overlaps").random((7, len(THRESHOLDS))), list("abcdefg")
    found = chosen_overlaps(list(measured), names, ())
    places = [int(np.flatnonzero(row == value)[0]) for row, value in zip(measured, found, strict=True)]
    for number in range(len(names)):
        changed = measured.copy()
        changed[number] = np.arange(len(THRESHOLDS)) / 10 + 2
        again = chosen_overlaps(list(changed), names, ())
        assert again[number] == changed[number, places[number]]
    assert np.isnan(chosen_overlaps(list(measured[:1]), ["a"], ())).all(), "one picture has no other"


def test_pictures_are_measured_against_their_boxes() -> None:
    heats = [noise(number) + np.float32(2e-3) * BOX for number in range(4)]
    rows = located(run_of(heats))
    assert [row.path for row in rows] == [f"heldout{number}.png" for number in range(4)]
    for row, heat in zip(rows, heats, strict=True):
        assert (row.paper_auc_pr, row.paper_auc_pr_chance) == paper_auc_pr(BOX, heat)
        assert row.average_precision == pytest.approx(average_precision_score(BOX.ravel(), heat.ravel()))
        assert row.inside == pytest.approx(heat[BOX].mean(), rel=1e-5)
        assert row.outside == pytest.approx(heat[~BOX].mean(), rel=1e-5)
        assert row.hit == float(BOX.ravel()[heat.argmax()])
        assert row.share == BOX.mean()


def test_masks_count_for_overlap_and_hits_and_boxes_for_the_curves() -> None:
    mask = np.zeros_like(BOX)
    mask[4, 10:18] = mask[4:12, 10] = True  # an angle, of which the box is BOX
    heat = noise(0)
    heat[8, 14] = 1  # in the box, beside the mask
    records = [ImageRecord("x", "x.png", ("a",), 24, 24, "x", "heldout")]
    (row,) = located(MemoryRun(records, [TypicalityMap("x", "a", heat)], masks={"x": {"a": mask}}))
    assert (row.share, row.mask_share) == (BOX.mean(), mask.mean())
    assert row.hit == 0
    assert row.average_precision == pytest.approx(average_precision_score(BOX.ravel(), heat.ravel()))


def test_a_gain_is_told_with_its_interval() -> None:
    base = located(run_of([noise(number) for number in range(12)]))
    better = located(run_of([noise(number) + np.float32(4e-3) * BOX for number in range(12)]))
    gained = {(row.finding, row.measure): row for row in compared(paired(base, better))}
    assert set(gained) == {(finding, one.name) for finding in ("a", ALL) for one in MEASURES}
    for name in ("paper_auc_pr", "average_precision", "inside", "iou", "hit"):
        one = gained["a", name]
        assert one.low is not None
        assert 0 < one.low < one.difference
        assert one.difference == pytest.approx(one.after - one.before)
    assert gained["a", "inside"].difference == pytest.approx(4e-3, rel=1e-3)
    assert gained["a", "outside"].difference == pytest.approx(0, abs=1e-9)
    assert (gained["a", "outside"].low, gained["a", "outside"].high) == (None, None), "all differ by the same"
    assert compared(paired(base[::-1], better)) == list(gained.values()), "in whatever order the pictures come"


def test_intervals_hold_the_true_gain() -> None:
    """Of pictures whose gains are normal with mean 1, in 60 experiments of 20."""
    (row,) = located(run_of([noise(0)]))
    held = 0
    for trial in range(60):
        draw = numpy_generator("gains", trial)
        before = [replace(row, image_id=str(number), inside=draw.normal(0, 3)) for number in range(20)]
        after = [replace(one, inside=one.inside + draw.normal(1, 0.5)) for one in before]
        (one,) = [part for part in compared(paired(before, after)) if (part.finding, part.measure) == ("a", "inside")]
        assert one.low is not None
        assert one.high is not None
        assert one.high - one.low < 1, "differences are paired: what pictures have in common is gone"
        held += one.low <= 1 <= one.high
    assert held >= 51, "at least 85 % of the time"


def test_runs_that_cannot_be_compared_are_told_of() -> None:
    rows = located(run_of([noise(number) for number in range(3)]))
    with pytest.raises(DataError, match=r"the run after has no picture with boxes .* dataset.holdout = 'annotated'"):
        paired(rows, [])
    with pytest.raises(DataError, match="3 before and 2 after, of which 2 are the same"):
        paired(rows, rows[:2])
    other = [replace(row, image_id=f"x{row.image_id}") for row in rows]
    with pytest.raises(DataError, match="of which 0 are the same"):
        paired(rows, other)


def test_validation_pictures_choose_and_are_not_told_of() -> None:
    heldout, validation = (run_of([noise(n) for n in range(4)], split) for split in ("heldout", "validation"))
    both = MemoryRun(
        [*heldout.records.values(), *validation.records.values()],
        [one.maps.load(name, "a") for one in (heldout, validation) for name in one.records],
        masks={name: {"a": BOX} for one in (heldout, validation) for name in one.records},
    )
    rows = located(both)
    assert {row.image_id for row in rows} == set(heldout.records)
    chosen = best_threshold([overlaps(BOX, noise(n)) for n in range(4)])
    assert [row.iou for row in rows] == [overlaps(BOX, noise(n))[chosen] for n in range(4)]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("localize")
    (folder / "tiny.toml").write_text(TINY, encoding="utf-8")
    return folder


def localize(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(one) for one in arguments])


@pytest.fixture(scope="module")
def finished(place: Path) -> Path:
    done = localize(place / "tiny.toml", "--store", place / "store", "--out", place / "out", "--set", "scorer.draws=2")
    assert done.exit_code == 0, done.output
    assert "all findings" in done.stdout
    assert "before  typicality" in done.stderr
    return place / "out"


def test_a_recipe_is_run_twice_and_told_of(finished: Path) -> None:
    for name in ("strips.png", "overlays.png"):
        with Image.open(finished / name) as picture:
            assert min(picture.size) > 200
    rows = json.loads((finished / "localization.json").read_text(encoding="utf-8"))
    with (finished / "localization.csv").open(encoding="utf-8", newline="") as file:
        assert [row["finding"] for row in csv.DictReader(file)] == [row["finding"] for row in rows]
    with (finished / "pictures.csv").open(encoding="utf-8", newline="") as file:
        pictures = list(csv.DictReader(file))
    (whole,) = [row for row in rows if (row["finding"], row["measure"]) == (ALL, "average_precision")]
    for when in ("before", "after"):
        values = [float(row[f"average_precision_{when}"]) for row in pictures]
        assert whole[when] == pytest.approx(np.mean(values))
    assert whole["before"] != whole["after"], "the two runs are of different models"
    lines = (finished / "localization.md").read_text(encoding="utf-8").splitlines()
    assert len([line for line in lines if line.startswith("|")]) == len(rows) + 2
    assert not (finished / "before" / "training.csv").exists()
    assert (finished / "after" / "training.csv").exists()


def test_two_finished_runs_give_the_same(finished: Path, tmp_path: Path) -> None:
    done = localize(finished / "before", finished / "after", "--out", tmp_path / "again", "--json")
    assert done.exit_code == 0, done.output
    assert done.stdout.strip() == (finished / "localization.json").read_text(encoding="utf-8").strip()
    assert (tmp_path / "again" / "strips.png").read_bytes() == (finished / "strips.png").read_bytes()


def test_mistakes_are_sentences(place: Path, finished: Path) -> None:
    done = localize(place / "tiny.toml", "--set", "finetune.use=none", "--out", place / "no")
    assert isinstance(done.exception, RecipeError)
    assert "there is nothing to compare; name a finetuner" in str(done.exception)
    for arguments, said in (
        ((finished / "before", finished / "after", "--set", "seed=2"), "for a recipe"),
        ((finished, finished, finished), "one recipe or two runs, not 3 paths"),
    ):
        refused = localize(*arguments)
        assert refused.exit_code == 2
        assert said in refused.output


def test_located_pictures_have_a_key_each(finished: Path) -> None:
    import diffmine

    rows: list[Located] = located(diffmine.load_run(finished / "after"))
    assert len({row.key for row in rows}) == len(rows)
    assert {row.finding for row in rows} <= {"Cardiomegaly", "Effusion", "Infiltration", "Mass"}
