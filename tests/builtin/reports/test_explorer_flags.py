"""What a run warns of a cluster is said at the cluster."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from diffmine.builtin.reports.html import Html
from diffmine.testing.toy_runs import write_toy_run

pytestmark = pytest.mark.browser
FLAGGED = {0: ["from few images", "possible shortcut"], 2: ["possible shortcut"]}
UNFLAGGED = {1: "typical, at least 59 %", 3: "cannot tell", 4: "cannot tell", 5: "cannot tell"}


@pytest.mark.parametrize("width", [1440, 390])
def test_every_page_marks_the_cluster_and_no_other(watch, plain: Path, width: int) -> None:
    watched = watch(plain, width=width)
    page = watched.open()
    page.set_viewport_size({"width": width, "height": 1600})  # rows out of sight are not drawn
    card = page.locator(".card", has=page.get_by_role("link", name="north", exact=True))
    assert card.locator(".badges:has(.badge:not(.typical, .quiet))").count() == 2
    expect(page.locator(".card .badge").filter(has_text="look")).to_have_count(3)
    page.evaluate("location.hash = '#north'")
    expect(page.locator(".element-row")).to_have_count(6)
    for cluster in range(6):
        row = page.get_by_role("listitem").nth(cluster).get_by_role("link", name=f"Cluster {cluster}")
        verdict = [f"{mark}: look" for mark in FLAGGED.get(cluster, [])]
        assert row.locator(".badge").all_inner_texts() == (verdict or [UNFLAGGED[cluster]])
    for cluster in range(3):
        page.evaluate("address => { location.hash = address; }", f"#north/{cluster}")
        expect(page.get_by_role("heading", level=1)).to_have_text(f"Cluster {cluster} of north")
        notes = page.locator(".flag-notes li").all_inner_texts()
        assert [" ".join(note.split()) for note in notes] == [
            f"{mark} label 'north', cluster {cluster}: {mark}" for mark in FLAGGED.get(cluster, [])
        ]
    page.locator(".crop-grid .crop").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Patch 1 of 40")
    expect(page.locator(".badge")).to_have_text("possible shortcut: look")
    watched.check()


@pytest.mark.parametrize("width", [1440, 390])
def test_badges_are_whole_and_rows_have_room_for_them(watch, plain: Path, width: int) -> None:
    watched = watch(plain, width=width)
    page = watched.open("#north")
    rows = page.locator(".element-row")
    for number in range(3):
        bottom = rows.nth(number + 1).bounding_box()["y"]
        for part in rows.nth(number).locator(".element-facts > *, .badge").all():
            box = part.bounding_box()
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
            assert box["y"] + box["height"] <= bottom, "it lies in the next row"
    cut = "nodes => nodes.filter((node) => node.scrollWidth > node.clientWidth).length"
    assert page.locator(".badge").evaluate_all(cut) == 0
    watched.check()


def test_a_run_without_the_file_is_shown_without_marks(watch, tmp_path: Path) -> None:
    run = write_toy_run(tmp_path, labels=["a"], clusters=2, members=8, flags=[("a", 0, "possible shortcut")])
    (run.path / "flags.json").unlink()
    assert run.flags == []
    Html(Html.Config()).write(run, run.path)
    watched = watch(run.path / "report")
    page = watched.open("#a")
    expect(page.locator(".element-row")).to_have_count(2)
    assert page.locator(".badge").all_inner_texts() == ["cannot tell"] * 2
    watched.check()
