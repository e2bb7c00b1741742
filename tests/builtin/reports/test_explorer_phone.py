"""The explorer on a phone: nothing is cut or broken."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def test_metrics_are_laid_out_below_each_other(watch, plain: Path) -> None:
    watched = watch(plain, width=390)
    page = watched.open()
    row = page.get_by_role("row").last
    for text in ("pixel average precision", "0.520", "0.480 to 0.550", "0.130", "60"):
        cell = row.get_by_text(text, exact=True)
        expect(cell).to_be_visible()
        box = cell.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390, f"{text} is cut"
        assert box["height"] < 50, f"{text} is broken"
    assert page.locator(".metrics").evaluate("one => one.parentElement.scrollWidth <= one.parentElement.clientWidth")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    expect(page.get_by_role("columnheader")).to_have_count(6)
    watched.check()


def test_rows_of_clusters_show_the_interval_and_do_not_overlap(watch, plain: Path) -> None:
    watched = watch(plain, width=390)
    page = watched.open("#north")
    rows = page.locator(".element-row")
    for number in range(3):
        row = rows.nth(number)
        expect(row.locator("small")).to_be_visible()
        facts, crops = (row.locator(one).bounding_box() for one in (".element-facts", ".element-crops"))
        inner = row.locator(".element-facts > *").last.bounding_box()
        assert inner["y"] + inner["height"] <= facts["y"] + facts["height"] + 1, "a fact is cut"
        assert facts["y"] + facts["height"] <= crops["y"]
        assert crops["y"] + crops["height"] <= rows.nth(number + 1).bounding_box()["y"]
    watched.check()
