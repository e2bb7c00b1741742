"""The explorer's map: what is drawn where, what the pointer finds there, what the colours stand for."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from diffmine.builtin.reports.html import Html
from diffmine.testing.toy_runs import write_toy_run

pytestmark = pytest.mark.browser

FILL = 0.88
CANVAS = ".plane canvas[role]"
HALF = 18
"""Half the side of a crop on the map."""


def canvas_of(page: Page) -> Locator:
    page.wait_for_timeout(400)
    return page.locator(CANVAS)


def pixels(shot: bytes) -> Any:
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"), dtype=float)


def places(
    page: Page, kinds: str = r"\d+|outliers", labels: tuple[int, ...] = (0, 1, 2)
) -> dict[int, tuple[float, float]]:
    """Where on the canvas of all labels, before it is moved, each patch of some groups lies."""
    data = page.evaluate("JSON.parse(data.textContent)")
    box = page.locator(CANVAS).bounding_box()
    span = min(box["width"], box["height"]) * FILL
    x, y = (np.frombuffer(base64.b64decode(data["maps"][-1][one]["base64"]), "<u2") / 65535 for one in "xy")
    x, y = box["width"] / 2 + (x - 0.5) * span, box["height"] / 2 + (y - 0.5) * span
    groups = [one for one in data["groups"] if re.fullmatch(kinds, one["name"]) and one["label"] in labels]
    return {patch: (x[patch], y[patch]) for one in groups for patch in range(one["start"], one["stop"])}


def listed(page: Page) -> int:
    """How many patches the map shows: Enter lists those in view."""
    page.locator(CANVAS).focus()
    page.keyboard.press("Enter")
    return int(re.match(r"\d+", page.locator(".selection h2").inner_text())[0])


def test_the_pointer_takes_the_crop_that_is_drawn_under_it(watch, plain: Path) -> None:
    watched = watch(plain, color_scheme="light")
    page = watched.open("#/map")
    canvas = canvas_of(page)
    box, at = canvas.bounding_box(), places(page)
    drawn = pixels(canvas.screenshot())
    ground = drawn[4, 4]
    checked = 0
    for y in range(30, int(box["height"]) - 30, 23):
        for x in range(30, int(box["width"]) - 30, 23):
            if (drawn[y - 9 : y + 10, x - 9 : x + 10] == ground).all(axis=2).any():
                continue
            page.mouse.move(box["x"] + x, box["y"] + y)
            expect(page.locator(".preview")).to_be_visible()
            px, py = at[hovered(page)]
            assert max(abs(px - x), abs(py - y)) <= HALF + 3, "what lies under the pointer, not what is near"
            top, left = round(py) - HALF, round(px) - HALF
            alone = Image.fromarray(shown(page).astype(np.uint8)).resize((2 * HALF, 2 * HALF))
            assert abs(drawn[top : top + 2 * HALF, left : left + 2 * HALF] - np.asarray(alone)).mean() < 30
            checked += 1
    assert checked > 20
    patch = hovered(page)
    page.mouse.down()
    page.mouse.up()
    expect(page.locator(".strip .crop[aria-current]")).to_have_attribute("data-patch", str(patch))
    watched.check()


def hovered(page: Page) -> int:
    """The patch of the preview, by the place of its crop in the sheets."""
    return page.evaluate(
        """() => {
            const { sprites } = JSON.parse(data.textContent);
            const style = document.querySelector(".preview").style;
            const sheet = sprites.sheets.find((one) => style.backgroundImage.includes(one.file));
            const [x, y] = [style.backgroundPositionX, style.backgroundPositionY].map((one) => -parseFloat(one));
            const pitch = (112 / sprites.size) * (sprites.size + 2 * sprites.edge);
            return sheet.start + Math.floor(y / pitch) * sprites.columns + Math.floor(x / pitch);
        }"""
    )


def shown(page: Page) -> Any:
    return pixels(page.locator(".preview").screenshot())


def test_every_patch_is_drawn_as_a_crop_or_as_a_point(watch, plain: Path) -> None:
    watched = watch(plain, color_scheme="dark")
    page = watched.open("#/map")
    for choice in ("Crops", "Points"):
        page.get_by_role("button", name=choice).click()
        drawn = pixels(canvas_of(page).screenshot())
        blank = [one for one, (x, y) in places(page).items() if (drawn[int(y), int(x)] == drawn[4, 4]).all()]
        assert blank == [], choice
    watched.check()


def test_outliers_are_shown_and_controls_where_they_are_asked_for(watch, plain: Path) -> None:
    watched = watch(plain)
    page = watched.open("#/map")
    canvas_of(page)
    assert places(page, "outliers")
    assert listed(page) == len(places(page, r"\d+|outliers"))
    page.get_by_label("Show Random patches").check()
    page.wait_for_timeout(200)
    assert listed(page) == len(places(page, r"\d+|outliers|random"))
    page.get_by_label("Show Outliers").uncheck()
    page.get_by_label("Show south").uncheck()
    page.wait_for_timeout(200)
    assert listed(page) == len(places(page, r"\d+|random", labels=(0, 2)))
    page.goto(page.url + "/north")
    canvas_of(page)
    expect(page.get_by_label("Show Outliers")).to_be_checked()
    expect(page.get_by_label("Show Least typical patches")).not_to_be_checked()
    watched.check()


def test_typicality_has_a_scale_that_marks_zero_where_it_lies_on_it(watch, plain: Path) -> None:
    watched = watch(plain)
    page = watched.open("#/map")
    page.get_by_label("Colour by").select_option("typicality")
    legend = page.locator(".map-legend")
    expect(legend).to_contain_text("in units of the denoising loss")
    expect(legend.locator(".scale canvas")).to_be_visible()
    expect(legend.locator(".zero")).to_have_count(0)
    page.get_by_label("Show Random patches").check()
    expect(legend.locator(".zero")).to_have_text("0")
    bar, zero = legend.locator(".scale canvas").bounding_box(), legend.locator(".zero").bounding_box()
    low, high = (float(one.replace("−", "-")) for one in legend.locator(".scale-ends span").all_inner_texts())
    expected = bar["x"] + bar["width"] * -low / (high - low)
    assert zero["x"] + zero["width"] / 2 == pytest.approx(expected, abs=1.5)
    watched.check()


def test_nothing_is_shown_over_a_lasso(watch, plain: Path) -> None:
    watched = watch(plain)
    page = watched.open("#/map")
    box = canvas_of(page).bounding_box()
    x, y = next(iter(places(page).values()))
    page.mouse.move(box["x"] + x, box["y"] + y)
    expect(page.locator(".preview")).to_be_visible()
    page.mouse.down()
    page.mouse.move(box["x"] + x + 30, box["y"] + y + 30, steps=4)
    expect(page.locator(".preview")).to_be_hidden()
    page.mouse.up()
    watched.check()


def test_a_finger_scrolls_the_page_over_the_map_until_told_otherwise(watch, plain: Path) -> None:
    watched = watch(plain, width=390, height=600, has_touch=True, is_mobile=True)
    page = watched.open("#/map")
    canvas_of(page)
    assert scrolled_by_a_finger(page) > 100
    for tool in ("Move", "Lasso"):
        page.get_by_role("button", name=tool).click()
        assert scrolled_by_a_finger(page) == 0, tool
    watched.check()


def scrolled_by_a_finger(page: Page) -> float:
    """How far the page scrolls when a finger moves up 200 px over the map."""
    page.evaluate("scrollTo(0, 200)")
    box = page.locator(CANVAS).bounding_box()
    session = page.context.new_cdp_session(page)
    for step in range(11):
        touch = [{"x": box["x"] + 20, "y": box["y"] + 250 - 20 * step}]
        kind = "touchMove" if step else "touchStart"
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touch})
        page.wait_for_timeout(20)
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.wait_for_timeout(300)
    return page.evaluate("scrollY") - 200


def test_maps_of_one_projection_have_different_names(watch, tmp_path: Path) -> None:
    from diffmine.builtin.projections.pca import Pca

    run = write_toy_run(tmp_path, clusters=3, members=8)
    pca = [Pca(Pca.Config(dimensions=dimensions)) for dimensions in (2, 3)]
    Html(Html.Config(maps=({"use": "pca"}, {"use": "pca"})), parts=tuple(pca)).write(run, run.path)
    watched = watch(run.path / "report")
    names = watched.open("#/map").get_by_label("Laid out by").locator("option").all_inner_texts()
    assert names == ["principal components", "pca", "pca 2"]
    watched.check()
