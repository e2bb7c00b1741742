"""The page of compared runs in a real browser, on a phone."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from diffmine.builtin.reports.html import Html
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


def test_each_cluster_leads_to_its_place_in_its_own_report(browser: Browser, tmp_path: Path) -> None:
    labels = ("a/b #1", "south")
    runs = [write_toy_run(tmp_path / name, labels, clusters=2, members=8) for name in ("the one", "other")]
    for run in runs:
        Html(Html.Config()).write(run, run.path)
    compare([run.path for run in runs], tmp_path / "out")
    page = browser.new_page()
    for side, run in enumerate(runs):
        page.goto((tmp_path / "out" / "compare.html").as_uri())
        page.locator(".match").first.locator(".side").nth(side).get_by_role("link", name="Cluster 0").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Cluster 0 of a/b #1")
        assert page.url.startswith((run.path / "report").as_uri())
    page.close()


def test_clusters_of_runs_without_a_report_are_no_links(browser: Browser, tmp_path: Path) -> None:
    runs = [write_toy_run(tmp_path / name, clusters=2, members=8) for name in ("one", "other")]
    compare([run.path for run in runs], tmp_path / "out")
    page = browser.new_page()
    page.goto((tmp_path / "out" / "compare.html").as_uri())
    expect(page.locator("figcaption a")).to_have_count(0)
    page.close()
