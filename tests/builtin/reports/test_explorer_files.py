"""What the explorer's Python side writes: the page, the sheets, the budget."""

from __future__ import annotations

import base64
import io
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from playwright.sync_api import expect

from diffmine.builtin.reports.explorer import page
from diffmine.builtin.reports.explorer.ordering import Ordering
from diffmine.builtin.reports.explorer.pictures import by_importance, encode, quantise, run_lengths
from diffmine.builtin.reports.explorer.placing import GRID, neighbours, principal_plane
from diffmine.builtin.reports.explorer.sprites import COLUMNS, EDGE, tile, write_sheets
from diffmine.builtin.reports.html import Html
from diffmine.drawing.contents import Contents
from diffmine.drawing.crops import crops
from diffmine.run_folder import Run
from diffmine.testing.toy_runs import write_toy_run

APP = Path(page.__file__).parent / "app"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return write_toy_run(tmp_path_factory.mktemp("toy"), clusters=4, members=16)


def test_no_module_of_the_page_makes_markup_or_code_from_text() -> None:
    forbidden = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|srcdoc|javascript:"
    )
    assert [path.name for path in APP.glob("*.js") if forbidden.search(path.read_text(encoding="utf-8"))] == []


def test_the_bundle_holds_every_module_after_those_it_needs() -> None:
    bundle = page.bundle()
    assert not re.search(r"^(import|export) ", bundle, re.MULTILINE)
    declared = re.findall(r"^const \{([^}]*)\} = \(\(\) =>", bundle, re.MULTILINE)
    names = [name for group in declared for name in re.findall(r"\w+", group)]
    assert len(declared) == len(list(APP.glob("*.js")))
    assert len(names) == len(set(names)), "an exported name is used by one module alone"
    assert "</script" not in bundle
    assert "<!--" not in bundle


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_bundle_is_javascript(tmp_path: Path) -> None:
    (tmp_path / "bundle.mjs").write_text(page.bundle(), encoding="utf-8")
    subprocess.run(["node", "--check", tmp_path / "bundle.mjs"], check=True, timeout=60)


@given(st.integers(1, 3 * COLUMNS + 1))
def test_a_sheet_frames_each_crop_with_its_own_border(count: int) -> None:
    cells = np.random.default_rng(count).integers(0, 256, (count, 5, 5, 3), dtype=np.uint8)
    tiled, pitch = tile(cells), 5 + 2 * EDGE
    assert tiled.shape[1] == min(count, COLUMNS) * pitch
    for number in (0, count // 2, count - 1):
        y, x = number // COLUMNS * pitch, number % COLUMNS * pitch
        framed = tiled[y : y + pitch, x : x + pitch]
        assert np.array_equal(framed[EDGE:-EDGE, EDGE:-EDGE], cells[number])
        assert np.array_equal(framed[0, EDGE:-EDGE], cells[number][0])
        assert np.array_equal(framed[-1, -1], cells[number][-1, -1])


def test_sheets_hold_the_crops_in_the_order_of_the_page(run: Run, tmp_path: Path) -> None:
    ordering = Ordering(Contents(run))
    sheets = write_sheets(ordering, tmp_path, 64, 95)
    assert sum(sheet.count for sheet in sheets) == len(ordering.rows)
    sheet = sheets[1]
    pixels = np.asarray(Image.open(tmp_path / sheet.file), dtype=float)
    slot = COLUMNS + 3
    y, x = slot // COLUMNS * 66 + 1, slot % COLUMNS * 66 + 1
    expected = crops(ordering.contents, ordering.rows[[sheet.start + slot]], 64)[0]
    assert abs(pixels[y : y + 64, x : x + 64] - expected).mean() < 6


@given(hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12)))
def test_run_lengths_give_the_mask_back(mask: np.ndarray) -> None:
    runs = run_lengths(mask)
    back = np.concatenate([np.full(length, bool(number % 2)) for number, length in enumerate(runs)])
    assert np.array_equal(back.reshape(mask.shape), mask)


@given(hnp.arrays(np.float32, (3, 4), elements=st.floats(-100, 100, width=32)))
def test_a_map_is_kept_to_half_a_level(values: np.ndarray) -> None:
    height, width, largest, text = quantise(values)
    levels = np.frombuffer(base64.b64decode(text), np.int8).reshape(height, width)
    assert np.abs(levels / 127 * largest - values).max() <= largest / 254 * 1.01 + 1e-4


def test_small_pictures_are_kept_exactly_and_large_ones_shrunk() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(encode(pixels, 512, 75)))), pixels)
    large = Image.open(io.BytesIO(encode(np.zeros((300, 900, 3), np.uint8), 512, 75)))
    assert large.size == (512, 171)


def test_the_plane_is_that_of_the_leading_components_whatever_the_sign() -> None:
    generator = np.random.default_rng(0)
    features = (generator.normal(size=(200, 6)) * [0.1, 5, 0.1, 2, 0.1, 0.1]).astype(np.float32)
    plane = principal_plane(features)
    assert plane.min() >= 0
    assert plane.max() <= GRID
    assert abs(np.corrcoef(plane[:, 0], features[:, 1])[0, 1]) > 0.99
    assert abs(np.corrcoef(plane[:, 1], features[:, 3])[0, 1]) > 0.99
    assert principal_plane(features[:1]).shape == (1, 2)
    assert principal_plane(features[:0]).shape == (0, 2)
    assert principal_plane(features[:, :1]).shape == (200, 2)


def test_neighbours_are_the_nearest_clusters_of_other_labels(run: Run) -> None:
    contents = Contents(run)
    rows = contents.clusters("north")[0].rows
    features = run.features.copy()
    features[contents.clusters("west")[2].rows] = features[rows].mean(axis=0)
    near = neighbours(contents, features)["north", 0]
    assert near[0][:2] == ("west", 2)
    assert near[0][2] == pytest.approx(1.0, abs=1e-5)
    assert all(label != "north" for label, _, _ in near)


def test_pictures_are_taken_by_the_place_of_their_members(run: Run) -> None:
    ordering = Ordering(Contents(run))
    order = list(by_importance(ordering))
    assert len(order) == len(set(order)) == len(ordering.image_ids)
    firsts = {ordering.contents.image_ids(ordering.rows[[group.start]])[0] for group in ordering.groups}
    assert set(order[: len(firsts)]) == firsts


@pytest.mark.browser
def test_what_does_not_fit_is_shown_by_its_crops(watch, tmp_path: Path) -> None:
    run = write_toy_run(tmp_path / "toy", clusters=12, members=24)
    Html(Html.Config(max_megabytes=1)).write(run, tmp_path)
    report = tmp_path / "report"
    whole = {path.stem for path in (report / "pictures").iterdir()}
    assert sum(path.stat().st_size for path in (report / "pictures").iterdir()) <= 100_000, (
        "a tenth of the size to aim at"
    )
    assert 0 < len(whole) < len(run.records)
    left_out = next(
        row for row in run.patches.to_pylist() if row["image_id"] not in whole and (row["cluster"] or -1) >= 0
    )
    watched = watch(report)
    shown = watched.open(f"#{left_out['label']}/{left_out['cluster']}/{left_out['rank']}")
    expect(shown.get_by_text("holds only the patches of this picture")).to_be_visible()
    assert shown.locator(".mosaic .piece").count() > 1
    watched.check()
