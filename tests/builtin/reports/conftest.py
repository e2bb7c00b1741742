"""A real browser for the explorer's tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from diffmine.builtin.reports.html import Html
from diffmine.runs.run import Run
from diffmine.testing.toy_runs import write_toy_run

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage")

FLAGS = (("north", 0, "from few images"), ("north", 0, "possible shortcut"), ("north", 2, "possible shortcut"))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        reason = f"no browser at {CHROMIUM}: install Debian's chromium, or name one in $CHROMIUM"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a toy run."""
    folder = tmp_path_factory.mktemp("plain")
    return report_of(write_toy_run(folder, clusters=6, members=40, evidence=True, flags=FLAGS))


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a run whose names try to break the page."""
    return report_of(write_toy_run(tmp_path_factory.mktemp("hostile"), hostile=True, clusters=3, members=8))


def report_of(run: Run) -> Path:
    Html(Html.Config()).write(run, run.path)
    return run.path / "report"


class Watched:
    """A page with everything that it complains of or asks for."""

    def __init__(self, page: Page, report: Path) -> None:
        self.page, self.report = page, report
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("dialog", lambda dialog: self._refuse(dialog))
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("requestfailed", lambda request: self.complaints.append(f"failed: {request.url}"))

    def open(self, address: str = "") -> Page:
        self.page.goto(f"{(self.report / 'index.html').as_uri()}{address}")
        return self.page

    def _refuse(self, dialog) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def check(self) -> None:
        """Nothing went wrong, and nothing was asked for but the report's own files."""
        assert self.complaints == []
        own = self.report.as_uri() + "/"
        assert [url for url in self.requests if not url.startswith((own, "data:,", "data:image/", "blob:"))] == []


@pytest.fixture
def watch(browser: Browser) -> Iterator:
    contexts = []

    def opened(report: Path, width: int = 1440, height: int = 900, **options) -> Watched:
        contexts.append(browser.new_context(viewport={"width": width, "height": height}, **options))
        return Watched(contexts[-1].new_page(), report)

    yield opened
    for context in contexts:
        context.close()
