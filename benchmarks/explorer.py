"""The explorer at scale: size on disk, time to write, time to open, how smoothly the map zooms.

    python benchmarks/explorer.py                      # 20 labels x 32 clusters x 30 crops
    python benchmarks/explorer.py --members 625        # 600,000 patches with their controls, in 50,000 pictures

Opens the page from disk in headless Chromium (``$CHROMIUM``, default ``/usr/bin/chromium``), each time in a fresh
context; "open" ends when every crop of the overview that is on the screen has been painted, or the map's points.
Beside it stands the processor time of the page's own processes, which a busy machine changes little.
``--run FOLDER`` takes a finished run instead of drawing one. ``--card`` draws the map by WebGL, imitated by SwiftShader
where the machine has no graphics card; the page itself would draw by the processor there.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, sync_playwright

from diffmine.builtin.reports.html import Html
from diffmine.engine.opening import load_run
from diffmine.runs.run import Run
from diffmine.testing.toy_runs import write_toy_run

LABELS = [f"town {number:02d}" for number in range(20)]
ADDRESSES = {"overview": "", "label": "#town%2003", "element": "#town%2003/0", "map": "#/map"}
PAINTED = (
    "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now()))))"
)
FRAMES = 60
ZOOMED = """async (frames) => {
    const canvas = document.querySelector(".plane canvas[role]");
    const box = canvas.getBoundingClientRect();
    const times = [];
    for (let frame = 0; frame < frames; frame += 1) {
        const begun = performance.now();
        const deltaY = frame < frames / 2 ? -40 : 40;
        const at = { clientX: box.x + box.width / 2, clientY: box.y + box.height / 2 };
        canvas.dispatchEvent(new WheelEvent("wheel", { deltaY, ...at, cancelable: true }));
        await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
        times.push(performance.now() - begun);
    }
    return times;
}"""
AS_IF_NO_IMITATION = """
    const get = WebGL2RenderingContext.prototype.getExtension;
    WebGL2RenderingContext.prototype.getExtension = function (name) {
        return name === "WEBGL_debug_renderer_info" ? null : get.call(this, name);
    };
"""


def fresh(browser: Browser, card: bool) -> BrowserContext:
    """A context that knows nothing of earlier ones."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    if card:
        context.add_init_script(AS_IF_NO_IMITATION)
    return context


def used(browser: Browser) -> float:
    """Processor seconds that the processes of pages have taken."""
    session = browser.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    session.detach()
    return sum(one["cpuTime"] for one in processes if one["type"] == "renderer")


def opening(browser: Browser, address: str, card: bool) -> tuple[float, float]:
    """Seconds from the navigation to the second frame after everything was loaded; and processor seconds."""
    context = fresh(browser, card)
    page = context.new_page()
    before = used(browser)
    page.goto(address, wait_until="load", timeout=300_000)
    milliseconds: float = page.evaluate(PAINTED)
    busy = used(browser) - before
    context.close()
    return milliseconds / 1000, busy


def zooming(browser: Browser, address: str, card: bool) -> tuple[list[float], float]:
    """Milliseconds of each frame while the map is zoomed in and out again, one step a frame; and processor seconds."""
    context = fresh(browser, card)
    page = context.new_page()
    page.set_default_timeout(300_000)
    page.goto(address, wait_until="load", timeout=300_000)
    page.wait_for_timeout(2000)
    before = used(browser)
    times: list[float] = page.evaluate(ZOOMED, FRAMES)
    busy = used(browser) - before
    context.close()
    return times, busy


def write(run: Run, folder: Path) -> Path:
    """Write the page, and tell how long that takes and how large it is."""
    started = time.perf_counter()
    Html(Html.Config()).write(run, folder)
    report = folder / "report"
    files = [path for path in report.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files) / 1e6
    print(f"{run.patches.num_rows:,} patches written in {time.perf_counter() - started:.1f} s")
    page = (report / "index.html").stat().st_size / 1e6
    print(f"{size:.1f} MB in {len(files)} files, of which the page {page:.1f} MB", flush=True)
    return report


def main() -> None:
    """Measure, and print one line a figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=30, help="crops of each cluster")
    parser.add_argument("--run", type=Path, help="a finished run, in place of a drawn one")
    parser.add_argument("--report", type=Path, help="a finished report, in place of one that is written")
    parser.add_argument("--card", action="store_true", help="draw the map by WebGL, even if it is imitated")
    parser.add_argument("--times", type=int, default=5, help="how often each view is opened")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        report = options.report
        if report is None:
            drawn = load_run(options.run) if options.run else None
            run = drawn or write_toy_run(Path(folder) / "toy", LABELS, clusters=32, members=options.members)
            report = write(run, Path(folder))
        software = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
        graphics = software if options.card else ["--disable-gpu"]
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=["--no-sandbox", *graphics]
        )
        page = (report.resolve() / "index.html").as_uri()
        for name, address in ADDRESSES.items():
            opened = [opening(browser, f"{page}{address}", options.card) for _ in range(options.times)]
            seconds, busy = zip(*opened, strict=True)
            print(
                f"{name}: opened in {statistics.median(seconds):.2f} s (slowest {max(seconds):.2f} s), "
                f"processor {statistics.median(busy):.2f} s",
                flush=True,
            )
        times, busy_zooming = zooming(browser, f"{page}#/map", options.card)
        print(
            f"zooming the map: {1000 / statistics.median(times):.1f} frames/s "
            f"(a frame {statistics.median(times):.0f} ms, slowest {max(times):.0f} ms), "
            f"processor {1000 * busy_zooming / FRAMES:.0f} ms a frame"
        )
        browser.close()


if __name__ == "__main__":
    main()
