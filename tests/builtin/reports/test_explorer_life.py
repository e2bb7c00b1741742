"""The page of lives in a real browser: shares, crops, addresses, and names that try to break it."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from diffmine.builtin.reports.html import Html
from diffmine.engine.opening import load_run
from diffmine.testing.toy_lives import write_toy_lives

pytestmark = pytest.mark.browser
HOSTILE = ("<img src=x onerror=alert(1)>", "مدينة", "'\"&", "{{ 7*7 }}", "x" * 90)


def report(folder: Path, *names: tuple[str, ...]) -> Path:
    run = load_run(write_toy_lives(folder, *names).path)
    Html(Html.Config()).write(run, run.path)
    return run.path / "report"


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return report(tmp_path_factory.mktemp("lives"))


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_each_element_has_its_shares_and_crops_by_label(watch, lives: Path, width: int, scheme: str) -> None:
    watched = watch(lives, width=width, color_scheme=scheme)
    page = watched.open()
    page.get_by_role("link", name="Life", exact=True).click()
    expect(page.locator(".life")).to_have_count(5)
    first = page.locator(".life").first
    expect(first.get_by_role("heading")).to_have_text("Element 0 falls")
    assert first.locator("thead th").all_inner_texts() == ["8", "9", "10", "11", "12"]
    assert first.locator(".life-share").all_inner_texts() == ["95 %", "80 %", "45 %", "25 %", "0 %"]
    heights = first.locator(".fill").evaluate_all("nodes => nodes.map((node) => node.getBoundingClientRect().height)")
    assert heights == pytest.approx([40 * share for share in (0.95, 0.8, 0.45, 0.25, 0.0)], abs=0.5)
    row = first.locator("tbody tr").nth(2)
    assert [row.locator("td").nth(place).locator(".crop").count() for place in range(5)] == [3, 3, 3, 3, 0]
    titles = row.locator(".crop").evaluate_all("nodes => nodes.map((node) => node.getAttribute('aria-label'))")
    assert [title.partition(",")[0] for title in titles] == ["8"] * 3 + ["9"] * 3 + ["10"] * 3 + ["11"] * 3
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "nothing sticks out"
    row.locator(".crop").first.click()
    expect(page.locator(".box.current")).to_have_count(1)
    page.go_back()
    expect(page.locator(".life")).to_have_count(5)
    watched.check()


def test_names_stay_text(watch, tmp_path: Path) -> None:
    watched = watch(report(tmp_path, HOSTILE, HOSTILE), width=390)
    page = watched.open("#/view/life")
    assert page.locator(".life").first.locator("thead th").all_text_contents() == list(HOSTILE)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    watched.check()
