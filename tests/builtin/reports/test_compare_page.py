"""The page of compared runs in a real browser, on a phone."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from diffmine.studies.study import compare
from diffmine.testing.toy_runs import write_toy_run

pytestmark = pytest.mark.browser


def test_compared_crops_are_large_and_what_opens_is_marked(browser: Browser, tmp_path: Path) -> None:
    runs = [write_toy_run(tmp_path / name, clusters=2, members=8) for name in ("one", "other")]
    compare([run.path for run in runs], tmp_path / "out")
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto((tmp_path / "out" / "compare.html").as_uri())
    strip = page.locator(".side img").first.bounding_box()
    assert strip["width"] / 6 > 50
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    expect(page.get_by_text("Cluster 0, 8 patches in one").first).to_be_visible()
    mark = "getComputedStyle(document.querySelector('summary'), '::before').content"
    opened = page.evaluate(mark)
    page.locator("summary").first.click()
    assert opened.startswith('"▾"')
    assert page.evaluate(mark).startswith('"▸"')
    page.close()
