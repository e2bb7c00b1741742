"""A page of very many patches: which crops it holds, where the others come from, how its numbers lie in it."""

from __future__ import annotations

import base64
import io
import re
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from playwright.sync_api import Page, expect

from diffmine.builtin.reports.explorer.arrays import packed
from diffmine.builtin.reports.explorer.ordering import Ordering
from diffmine.builtin.reports.explorer.sprites import crop_order, front_of
from diffmine.builtin.reports.html import Html
from diffmine.commands.view import _drawing
from diffmine.drawing.crop_sheets import PLAN, PLANNED_ROWS, SheetsOnDemand
from diffmine.drawing.crops import crops
from diffmine.errors import ArtifactError
from diffmine.runs.run import Run
from diffmine.runs.serving import Server, serve
from diffmine.testing.toy_runs import write_toy_run

MOST = 150
"""Crops that the page holds; there are three labels with six groups or seven."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = write_toy_run(tmp_path_factory.mktemp("many"), clusters=4, members=40)
    Html(Html.Config(max_crops=MOST)).write(run, run.path)
    return run


@pytest.fixture
def served(run: Run) -> Iterator[Server]:
    with serve(run.path) as server:
        server.drawn = _drawing(run.path)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@given(st.lists(st.integers(1, 50), min_size=1, max_size=20), st.integers(1, 500))
def test_of_every_group_as_many_crops_are_held_as_there_is_room_for(sizes: list[int], most: int) -> None:
    front = front_of(sizes, most)
    held = sum(min(size, front) for size in sizes)
    assert held <= most or front == 1
    assert front == max(sizes) or sum(min(size, front + 1) for size in sizes) > most


@given(st.integers(1, 60))
def test_every_patch_has_one_place_in_the_sheets(front: int) -> None:
    class Page:
        labels = ("a", "b")
        groups = _groups([(0, 5), (0, 30), (1, 1), (1, 12)])

    order, ranges = crop_order(Page, front)
    assert sorted(order.tolist()) == list(range(48))
    held = np.concatenate([order[start:stop] for start, stop, held in ranges if held])
    assert set(held.tolist()) == {
        patch for group in Page.groups for patch in range(group.start, min(group.stop, group.start + front))
    }
    assert [one[0] for one in ranges[1:]] == [one[1] for one in ranges[:-1]]


def _groups(sizes: list[tuple[int, int]]) -> list:
    from diffmine.builtin.reports.explorer.ordering import Group

    ends = np.cumsum([size for _, size in sizes]).tolist()
    return [Group(label, "", end - size, end) for (label, size), end in zip(sizes, ends, strict=True)]


@given(hnp.arrays(np.int64, st.integers(0, 20), elements=st.integers(0, 2**32 - 1)))
def test_whole_numbers_are_kept_exactly(values: np.ndarray) -> None:
    assert np.array_equal(read(packed(values)), values)


@given(hnp.arrays(np.float32, st.integers(0, 20)))
def test_numbers_are_kept_as_they_are(values: np.ndarray) -> None:
    assert np.array_equal(read(packed(values)), values, equal_nan=True)


@pytest.mark.parametrize("wrong", [-1, 2**32])
def test_whole_numbers_that_do_not_fit_are_refused(wrong: int) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        packed(np.array([0, wrong]))


def read(column: dict[str, str]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(column["base64"]), np.dtype(column["type"]).newbyteorder("<"))


def test_the_page_holds_the_first_crops_of_every_group_and_the_plan_of_the_others(run: Run) -> None:
    report, ordering = run.path / "report", Ordering(run.contents)
    files = sorted(report.glob("crops-*.webp"))
    pitch = 64 + 2
    room = sum(np.prod([side // pitch for side in Image.open(path).size]) for path in files)
    assert room <= MOST + len(files) * 32
    rows = np.load(report / PLANNED_ROWS)
    assert sorted(rows.tolist()) == sorted(ordering.rows.tolist())
    assert (report / PLAN).is_file()


def test_what_was_left_out_is_drawn_as_it_would_have_been(run: Run, served: Server) -> None:
    draw = SheetsOnDemand(run.contents, run.path / "report")
    file, sheet = next(iter(draw._sheets.items()))
    with urllib.request.urlopen(served.address + file, timeout=60) as answer:
        assert answer.headers["Content-Type"] == "image/webp"
        picture = np.asarray(Image.open(io.BytesIO(answer.read())).convert("RGB"), dtype=float)
    rows = np.load(run.path / "report" / PLANNED_ROWS)[sheet.start : sheet.start + sheet.count]
    for place in (0, sheet.count - 1):
        y, x = place // 32 * 66 + 1, place % 32 * 66 + 1
        assert abs(picture[y : y + 64, x : x + 64] - crops(run.contents, rows[[place]], 64)[0]).mean() < 12
    for unknown in ("crops-9999.webp", "crops.rows", "../run.json"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(served.address + unknown, timeout=60)


def test_a_plan_of_another_run_is_refused(run: Run, tmp_path: Path) -> None:
    for name in (PLAN, PLANNED_ROWS):
        (tmp_path / name).write_bytes((run.path / "report" / name).read_bytes())
    other = write_toy_run(tmp_path / "other", clusters=2, members=5)
    with pytest.raises(ArtifactError, match="another run"):
        SheetsOnDemand(other.contents, tmp_path)
    (tmp_path / PLAN).write_text("{", encoding="utf-8")
    with pytest.raises(ArtifactError, match="make the report anew"):
        SheetsOnDemand(run.contents, tmp_path)


def test_a_page_that_holds_all_its_crops_has_no_plan(tmp_path: Path) -> None:
    run = write_toy_run(tmp_path, clusters=2, members=5)
    Html(Html.Config()).write(run, run.path)
    assert not (run.path / "report" / PLAN).exists()
    assert _drawing(run.path) is None


@pytest.mark.browser
def test_from_disk_crops_that_are_not_held_are_said_to_be_absent_and_not_asked_for(watch, run: Run) -> None:
    watched = watch(run.path / "report")
    page = watched.open("#north/0")
    expect(page.locator(".crop-grid .crop").first).to_be_visible()
    absent = page.locator(".crop-grid .left-out")
    assert 0 < absent.count() < page.locator(".crop-grid .crop").count()
    assert "diffmine view" in absent.first.get_attribute("title")
    held = page.locator(".crop-grid .crop:not(.left-out)").count()
    expect(page.get_by_text(f"This page holds the first {held}; diffmine view shows all.")).to_be_visible()
    page = watched.open("#/map")
    page.wait_for_timeout(500)
    watched.check()


@pytest.mark.browser
def test_under_view_every_crop_is_that_of_its_patch(browser, run: Run, served: Server) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 2400})
    page.goto(served.address + "#north/0")
    expect(page.locator(".crop-grid .crop").first).to_be_visible()
    page.wait_for_timeout(1500)
    ordering = Ordering(run.contents)
    shown = page.locator(".crop-grid .crop")
    assert page.locator(".left-out").count() == 0
    for place in (0, shown.count() - 1):
        patch = int(shown.nth(place).get_attribute("data-patch"))
        alone = crops(run.contents, ordering.rows[[patch]], 64)[0]
        seen = Image.open(io.BytesIO(shown.nth(place).screenshot())).convert("RGB").resize((64, 64))
        assert abs(np.asarray(seen, dtype=float) - alone)[6:-6, 6:-6].mean() < 12
    page.close()


HIDE_THE_CARDS_NAME = """
    const get = WebGL2RenderingContext.prototype.getExtension;
    WebGL2RenderingContext.prototype.getExtension = function (name) {
        return name === "WEBGL_debug_renderer_info" ? null : get.call(this, name);
    };
"""


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_card_and_a_processor_draw_the_same_map(watch, plain: Path, scheme: str) -> None:
    """Discs of the processor, points of the card, and the processor again when the card is taken away."""
    by_processor = watch(plain, color_scheme=scheme)
    page = points_of(by_processor.open("#/map"))
    assert page.evaluate(KIND) == "processor"
    expected = shot(page)
    by_card = watch(plain, color_scheme=scheme)
    by_card.page.add_init_script(HIDE_THE_CARDS_NAME)
    page = points_of(by_card.open("#/map"))
    if page.evaluate(KIND) != "card":
        pytest.skip("this browser has no WebGL")
    drawn = shot(page)
    assert (abs(drawn - expected).max(axis=2) > 90).mean() < 0.002
    assert (expected != expected[4, 4]).any(axis=2).mean() > 0.005
    page.evaluate(TAKE_THE_CARD_AWAY)
    page.wait_for_timeout(400)
    assert page.evaluate(KIND) == "processor"
    assert (abs(shot(page) - expected).max(axis=2) > 90).mean() < 0.0005
    by_processor.check()


TAKE_THE_CARD_AWAY = """() => {
    const gl = document.querySelector(".plane-dots").getContext("webgl2");
    gl.getExtension("WEBGL_lose_context").loseContext();
}"""
KIND = """() => (document.querySelector(".plane-dots") ? "card" : "processor")"""


def points_of(page: Page) -> Page:
    page.get_by_role("button", name="Points").click()
    page.wait_for_timeout(400)
    return page


def shot(page: Page) -> np.ndarray:
    data = page.locator(".plane canvas[role]").screenshot()
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), dtype=float)


@pytest.mark.browser
def test_the_map_is_there_again_after_the_way_back_and_after_a_reload(watch, plain: Path) -> None:
    watched = watch(plain)
    page = watched.open("#/map")
    box = page.locator(".plane canvas[role]").bounding_box()
    page.get_by_label("Colour by").select_option("typicality")
    page.get_by_label("Show south").uncheck()
    page.get_by_role("button", name="Zoom in").click()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 120, y - 120)
    page.mouse.down()
    for dx, dy in ((120, -120), (120, 120), (-120, 120)):
        page.mouse.move(x + dx, y + dy, steps=3)
    page.mouse.up()
    selected = page.get_by_role("heading", name=re.compile("selected")).inner_text()
    page.mouse.move(5, 5)
    page.wait_for_timeout(400)
    before = shot(page)
    patch = page.locator(".selection .crop").first
    patch.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Patch")
    for again in (page.go_back, page.reload):
        again()
        expect(page.get_by_role("heading", name=re.compile("selected"))).to_have_text(selected)
        assert page.get_by_label("Colour by").input_value() == "typicality"
        expect(page.get_by_label("Show south")).not_to_be_checked()
        page.evaluate("scrollTo(0, 0)")
        page.mouse.move(5, 5)
        page.wait_for_timeout(400)
        assert (abs(shot(page) - before).max(axis=2) > 30).mean() < 0.001
    watched.check()
