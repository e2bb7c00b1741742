"""The explorer at scale: 20 labels x 32 clusters x 30 crops; size on disk, time to write, time to open.

    python benchmarks/explorer.py

Opens the page from disk in headless Chromium (``$CHROMIUM``, default ``/usr/bin/chromium``), each time in a fresh
context; "open" ends when every crop of the overview that is on the screen has been painted.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from diffmine.builtin.reports.html import Html
from diffmine.testing.toy_runs import write_toy_run

LABELS = [f"town {number:02d}" for number in range(20)]
ADDRESSES = {"overview": "", "label": "#town%2003", "element": "#town%2003/0", "map": "#/map"}
PAINTED = (
    "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now()))))"
)


def opening(browser: Browser, address: str) -> float:
    """Seconds from the navigation to the second frame after everything was loaded."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(address, wait_until="load")
    milliseconds: float = page.evaluate(PAINTED)
    context.close()
    return milliseconds / 1000


def main() -> None:
    """Measure, and print one line a figure."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        run = write_toy_run(Path(folder) / "toy", LABELS, clusters=32, members=30)
        started = time.perf_counter()
        Html(Html.Config()).write(run, Path(folder))
        print(f"written in {time.perf_counter() - started:.1f} s")
        report = Path(folder) / "report"
        files = [path for path in report.rglob("*") if path.is_file()]
        print(f"{sum(path.stat().st_size for path in files) / 1e6:.1f} MB in {len(files)} files")
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for name, address in ADDRESSES.items():
            seconds = [opening(browser, f"{(report / 'index.html').as_uri()}{address}") for _ in range(5)]
            print(f"{name}: opened in {statistics.median(seconds):.2f} s (slowest {max(seconds):.2f} s)")
        browser.close()


if __name__ == "__main__":
    main()
