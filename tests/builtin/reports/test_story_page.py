"""The page to share, from the command to the browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from playwright.sync_api import Browser, Page, expect

from diffmine.analysis.supported import best_supported
from diffmine.commands.cli import cli
from diffmine.runs.run import Run
from diffmine.testing.toy_runs import write_toy_run

WORDS = [("north", 0, ["red wheel", "spoke"], "toy"), ("west", 0, ["<b>tiles</b>"], "toy")]
FLAGS = [("south", 0, "possible shortcut")]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The lower bounds of each label's clusters are 0.89, 0.59, 0.29 and 0."""
    folder = tmp_path_factory.mktemp("told")
    return write_toy_run(folder, clusters=4, members=12, evidence=True, words=WORDS, flags=FLAGS)


def told(run: Run, target: Path, *options: str) -> str:
    done = CliRunner().invoke(cli, ["story", str(run.path), "-o", str(target), *options], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return target.read_text(encoding="utf-8")


def opened(browser: Browser, target: Path, width: int, scheme: str) -> tuple[Page, list[str]]:
    page, heard = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme).new_page(), []
    page.on("console", lambda message: heard.append(message.text))
    page.on("request", lambda request: heard.append(request.url))
    page.goto(target.as_uri())
    return page, [one for one in heard if one != target.as_uri() and not one.startswith("data:")]


def test_the_best_supported_come_first_each_label_before_any_twice(run: Run) -> None:
    chosen = [(one.label, one.facts["at_least"]) for one in best_supported(run.contents, 5)]
    assert {label for label, _ in chosen[:3]} == {"north", "south", "west"}
    assert [bound for _, bound in chosen] == sorted((bound for _, bound in chosen), reverse=True)
    everything = best_supported(run.contents, 100)
    assert len(everything) == 9, "those with a bound of 0 are no part of it"
    of_south = [one.cluster for one in everything if one.label == "south"]
    assert of_south == [1, 2, 0], "what is warned of comes last"


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_elements_are_shown_on_whole_pictures_with_their_evidence(
    browser: Browser, run: Run, tmp_path: Path, width: int, scheme: str
) -> None:
    told(run, tmp_path / "story.html")
    page, heard = opened(browser, tmp_path / "story.html", width, scheme)
    expect(page.get_by_role("heading", level=1)).to_have_text("What sets north, south and west apart")
    articles = page.locator("article")
    expect(articles).to_have_count(5)
    for place, one in enumerate(best_supported(run.contents, 5)):
        article = articles.nth(place)
        expect(article).to_contain_text(f"at least {int(100 * one.facts['at_least'] + 0.01)} %")
        expect(article).to_contain_text(
            f"{len(one.rows)} patches, in {len(set(run.contents.image_ids(one.rows)))} of the"
        )
        box = run.contents.boxes(one.rows[:1])[0]
        drawn = article.locator("rect.line").first
        assert [drawn.get_attribute(name) for name in ("x", "y", "width", "height")] == [
            str(one) for one in (box.x0, box.y0, box.x1 - box.x0, box.y1 - box.y0)
        ]
    assert page.evaluate("[...document.images].every((image) => image.complete && image.naturalWidth > 0)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    north = articles.filter(has_text="Red wheel, spoke?")
    expect(north).to_contain_text("A suggestion of toy")
    expect(articles.filter(has_text="<b>tiles</b>?")).to_have_count(1)
    assert heard == []
    page.context.close()


@pytest.mark.browser
def test_a_run_that_supports_nothing_is_told_as_one(browser: Browser, tmp_path: Path) -> None:
    run = write_toy_run(tmp_path, clusters=2, members=8, hostile=True)
    text = told(run, tmp_path / "story.html", "--title", "<i>Mine</i>", "--elements", "2")
    assert "at least" not in re.sub(r"data:[^\"]*", "", text)
    page, heard = opened(browser, tmp_path / "story.html", 390, "light")
    expect(page.get_by_role("heading", level=1)).to_have_text("<i>Mine</i>")
    expect(page.get_by_text("Nothing could be shown to be typical.")).to_be_visible()
    expect(page.locator("article")).to_have_count(2)
    expect(page.get_by_text("cannot tell").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert heard == []
    names = {part for record in run.records.values() for part in (record.path, Path(record.path).name)}
    assert [name for name in names if name in text] == []
    page.context.close()
