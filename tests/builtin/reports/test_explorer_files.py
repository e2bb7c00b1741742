"""What the explorer's Python side writes: the page, the sheets, the budget."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import numpy as np
import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from playwright.sync_api import expect

from diffmine.builtin.projections.pca import Pca
from diffmine.builtin.reports.explorer import page
from diffmine.builtin.reports.explorer.ordering import Ordering
from diffmine.builtin.reports.explorer.payload import _map, _purities, _run, overlays
from diffmine.builtin.reports.explorer.pictures import by_importance, encode, quantise, run_lengths, write_pictures
from diffmine.builtin.reports.explorer.placing import GRID, draw_maps, neighbours, principal_plane
from diffmine.builtin.reports.explorer.recipe_tables import shown_tables
from diffmine.builtin.reports.explorer.sprites import write_sheets
from diffmine.builtin.reports.explorer.wording import Wording
from diffmine.builtin.reports.html import Html
from diffmine.drawing.crop_sheets import COLUMNS, EDGE, tile
from diffmine.drawing.crops import crops
from diffmine.engine.opening import load_run
from diffmine.runs.contents import label_clusters
from diffmine.runs.run import RECIPE_FILE, Run
from diffmine.testing.planted import planted_run
from diffmine.testing.toy_runs import write_toy_run

APP = Path(page.__file__).parent / "app"
# Machado, Oliveira and Fernandes (2009), severity 1, and Ottosson's OKLab, both from linear sRGB.
PROTANOPIA = np.array(
    [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
)
DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)
TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
TO_OKLAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


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
    ordering = Ordering(run.contents)
    sheets, front = write_sheets(ordering, tmp_path, 64, 95)
    assert front == max(group.stop - group.start for group in ordering.groups)
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
    contents = run.contents
    rows = contents.clusters("north")[0].rows
    features = run.features.copy()
    features[contents.clusters("west")[2].rows] = features[rows].mean(axis=0)
    near = neighbours(contents, features)["north", 0]
    assert near[0][:2] == ("west", 2)
    assert near[0][2] == pytest.approx(1.0, abs=1e-5)
    assert all(label != "north" for label, _, _ in near)


def test_the_page_tells_nothing_of_the_machine(tmp_path: Path) -> None:
    run = write_toy_run(tmp_path / "toy", clusters=2, members=8)
    folder = run.path.parent
    recipe = tomli_w.dumps({"name": "toy", "dataset": {"use": "table", "path": str(folder), "index": "index.csv"}})
    (run.path / RECIPE_FILE).write_text(recipe, encoding="utf-8")
    info = json.loads((run.path / "run.json").read_text(encoding="utf-8"))
    info["warnings"] = [
        f"{folder}/weights.safetensors is damaged",
        f"cannot read '{folder}/a b/c.png'; see https://a.b/c",
    ]
    (run.path / "run.json").write_text(json.dumps(info), encoding="utf-8")
    run = load_run(run.path)
    told = _run(Ordering(run.contents), Wording())
    assert str(folder) not in json.dumps(told)
    assert told["recipe"]["dataset"]["path"] == f'"{folder.name}"'
    assert told["warnings"] == ["weights.safetensors is damaged", "cannot read 'c.png'; see https://a.b/c"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("/home/jo/my data", '"my data"'),
        (r"C:\Users\jo\data", '"data"'),
        ("file:///home/jo/data", '"data"'),
        ("../data", '"../data"'),
        ("org/model", '"org/model"'),
        ('a "photo" of {label}', r'"a \"photo\" of {label}"'),
    ],
)
def test_texts_of_a_recipe_are_shown_without_folders(value: str, shown: str) -> None:
    assert shown_tables({"table": {"option": value}}) == {"table": {"option": shown}}


@given(
    st.recursive(
        st.booleans()
        | st.integers(-(2**63), 2**63 - 1)
        | st.floats()
        | st.text(st.characters(codec="utf-8", exclude_characters="/\\:")),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('ab -_é"', min_size=1), inner, max_size=3),
    )
)
def test_values_of_a_recipe_are_shown_as_toml(value: object) -> None:
    shown = shown_tables({"table": {"option": value}})["table"]["option"]
    assert repr(tomllib.loads(f"option = {shown}")["option"]) == repr(value)


def test_purity_is_absent_where_nothing_is_annotated(run: Run) -> None:
    assert _purities(run) == {}


def test_colours_of_clusters_are_told_apart_with_any_colour_vision() -> None:
    """32 colours, farther apart in OKLab than neighbours of one hue seem (0.05), also to the red- and green-blind."""
    source = (APP / "colours.js").read_text(encoding="utf-8")
    named = re.search(r"const NAMED = \((.*?)\)", source, re.DOTALL)[1]
    srgb = np.array([[int(one[at : at + 2], 16) / 255 for at in (0, 2, 4)] for one in re.findall("[0-9a-f]{6}", named)])
    assert len(srgb) == 32
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    for vision in (np.eye(3), PROTANOPIA, DEUTERANOPIA):
        seen = np.cbrt(np.clip(linear @ vision.T, 0, 1) @ TO_LMS.T) @ TO_OKLAB.T
        distances = np.linalg.norm(seen[:, None] - seen[None], axis=2) + np.eye(32)
        assert distances.min() > 0.05


def test_maps_and_masks_count_towards_the_size(run: Run, tmp_path: Path) -> None:
    """Overlays of all pictures take in the page what was counted, and each further map leaves less room."""
    ordering = Ordering(write_toy_run(tmp_path / "toy", clusters=3, members=8, evidence=True).contents)
    gallery = write_pictures(ordering, tmp_path, 10**9, 512, 75)
    files = sum(path.stat().st_size for path in (tmp_path / "pictures").iterdir())
    text = json.dumps(overlays(ordering, gallery), separators=(",", ":"))
    assert any(one["masks"] for one in gallery.overlays.values())
    assert files + len(text) == pytest.approx(gallery.bytes, rel=0.01)

    maps = ({"use": "pca"}, {"use": "pca"})
    more = Html(Html.Config(maps=maps), parts=tuple(Pca(Pca.Config(dimensions=2)) for _ in maps))
    plain = Html(Html.Config())
    patches = 10_000
    drawn = draw_maps(ordering, ordering.contents.run.features, more.parts, seed=0)[1:]
    spent = len(json.dumps([_map(one) for one in drawn], separators=(",", ":"))) / len(ordering.rows)
    assert plain._room(tmp_path, patches) - more._room(tmp_path, patches) == pytest.approx(spent * patches, rel=0.15)


def test_pictures_are_taken_by_the_place_of_their_members(run: Run) -> None:
    ordering = Ordering(run.contents)
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


def test_purity_is_of_an_element_and_stands_beside_its_base_rate() -> None:
    """Each look of a planted label is a cluster of its best patches, nearly all on the element."""
    planted = planted_run()
    told = _purities(planted)
    for one in label_clusters(planted):
        on_element = np.array([planted.masks(p.image_id)[p.label][p.box.slices()].mean() >= 0.25 for p in one.patches])
        for cluster in range(2):
            row = told[one.label, cluster]
            assert row["purity"] == pytest.approx(on_element[one.cluster == cluster].mean(), abs=1e-4)
            assert row["base"] == pytest.approx(on_element.mean(), abs=1e-4)
            assert row["shows"] == one.label


def test_a_cluster_that_shows_nothing_has_no_purity() -> None:
    planted = planted_run(signal=-4.0)
    rows = _purities(planted).values()
    assert min(row["purity"] for row in rows) == 0.0
    assert all("base" not in row for row in rows if row["purity"] == 0)
