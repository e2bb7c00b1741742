"""What plugins add to how a run is shown: figures, formats, columns, pages; and what becomes of broken ones."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from diffmine.engine.folder_lock import OWNER_FILE
from diffmine.runs.run import RECIPE_FILE, Run
from diffmine.testing.toy_runs import write_toy_run
from diffmine.testing.toy_site import Site

PLUGIN = """
    import pyarrow as pa
    from diffmine import hookimpl
    from diffmine.drawing.crops import crops
    from diffmine.drawing.panels import Panel, sheet
    from diffmine.interfaces import Column, Exporter, Figure, View

    class Faces(Figure):
        "The most central crop of each cluster."
        name = "faces"
        rows = 1
        columns = 3
        def panel(self, contents, label, rows, columns):
            best = [int(one.rows[0]) for one in contents.best_clusters(label)]
            return Panel(label, sheet([crops(contents, best, 32)], columns, 2), ["faces"])

    class Torn(Figure):
        "Fails."
        name = "torn"
        def panel(self, contents, label, rows, columns):
            raise ZeroDivisionError("torn")

    class Lines(Exporter):
        "Paths alone."
        name = "lines"
        suffix = ".txt"
        def export(self, contents, rows):
            return "\\n".join(contents.image_ids(rows)).encode()

    class Area(Column):
        "Pixels of the patch."
        name = "area"
        def values(self, contents, rows):
            return pa.array([box.area for box in contents.boxes(rows)])

    class Short(Column):
        "Gives one value, whatever it is asked for."
        name = "short"
        def values(self, contents, rows):
            return pa.array([1])

    class Path(Column):
        "Takes a name that is taken."
        name = "path"
        def values(self, contents, rows):
            return pa.array(["x"] * len(rows))

    class Sizes(View):
        "How many members clusters have."
        name = "sizes"
        title = "Sizes & <b>more</b>"
        def data(self, run):
            return {label: [len(one.rows) for one in run.contents.clusters(label)] for label in run.contents.labels}
        def script(self):
            return '''
                const {el, crop, groups} = explorer;
                for (const [label, sizes] of Object.entries(data))
                    element.append(el("p", {class: "size"}, label, ": ", sizes.join(", ")));
                element.append(crop(groups[0].start, 48));
                return () => { document.title = "left"; };
            '''

    class Nothing(View):
        "Has nothing to show."
        name = "nothing"
        title = "Nothing"
        def data(self, run):
            return None
        def script(self):
            return ""

    class NotANumber(View):
        "Tells what JSON cannot hold."
        name = "not-a-number"
        title = "NaN"
        def data(self, run):
            return float("nan")
        def script(self):
            return ""

    class Closing(View):
        "Would end its own element."
        name = "closing"
        title = "Closing"
        def data(self, run):
            return 1
        def script(self):
            return "element.textContent = '</script><script>alert(1)</script>';"

    class Unparsable(View):
        "Is no JavaScript."
        name = "unparsable"
        title = "Unparsable"
        def data(self, run):
            return 1
        def script(self):
            return "}}} not javascript"

    class Throwing(View):
        "Fails in the page."
        name = "throwing"
        title = "Throwing"
        def data(self, run):
            return 1
        def script(self):
            return "throw new Error('on purpose');"

    @hookimpl
    def diffmine_register_figures():
        return [Faces, Torn]

    @hookimpl
    def diffmine_register_exporters():
        return [Lines]

    @hookimpl
    def diffmine_register_columns():
        return [Area, Short, Path]

    @hookimpl
    def diffmine_register_views():
        return [Sizes, Nothing, NotANumber, Closing, Unparsable, Throwing]
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    site = Site(tmp_path_factory.mktemp("installed") / "site")
    site.install("diffmine-shown", PLUGIN, plugin="shown")
    return site


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = write_toy_run(tmp_path_factory.mktemp("toy"), clusters=3, members=8)
    with (run.path / RECIPE_FILE).open("a") as recipe:
        recipe.write('[report]\nuse = ["figures", "html"]\nfigures = {kinds = ["torn", "faces"], formats = ["png"]}\n')
    return run


@pytest.fixture(scope="module")
def reported(site: Site, run: Run) -> str:
    """What was said on standard error while the reports were made."""
    done = site.diffmine("report", run.path)
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_a_plugins_figure_is_drawn_and_a_broken_one_named(reported: str, run: Run) -> None:
    drawn = sorted(path.name.rpartition("-")[0] for path in (run.path / "figures").iterdir())
    assert drawn == ["faces-north", "faces-south", "faces-west"]
    assert re.search(r"the figure 'torn' of plugin 'shown' failed, and is left out: .*torn", reported)


def test_kinds_that_are_not_installed_are_refused_with_those_that_are(site: Site, run: Run, tmp_path: Path) -> None:
    said = site.diffmine("figure", run.path, "--kind", "pie", "-o", tmp_path / "x.png").stderr
    assert "'pie'" in said
    assert "faces, grid, influence, life, paper, strips, torn, " in said
    assert "lines" in site.diffmine("show", "--help").stdout
    site.diffmine("figure", run.path, "--kind", "faces", "--labels", "north", "-o", tmp_path / "x.png")
    with Image.open(tmp_path / "x.png") as image:
        assert image.width > 2 * image.height, "one row of three"


def test_columns_reach_exports_the_terminal_and_the_page(site: Site, run: Run, reported: str) -> None:
    done = site.diffmine("show", run.path, "--export", "json", "--label", "north")
    patches = json.loads(done.stdout)
    assert {one["area"] for one in patches} == {64 * 64}
    assert "short" not in patches[0]
    assert patches[0]["path"] != "x"
    for cause in ("'short' of plugin 'shown'.*1 values for", "'path' of plugin 'shown'.*already"):
        assert re.search(cause, done.stderr)
        assert re.search(cause, reported)
    listed = site.diffmine("show", run.path, "--label", "north", "--cluster", "0").stdout
    assert "area" in listed
    assert "4096" in listed
    page = (run.path / "report" / "index.html").read_text(encoding="utf-8")
    assert '"columns":[{"name":"area","values":[4096,4096' in page


def test_a_plugins_format_is_written(site: Site, run: Run) -> None:
    lines = site.diffmine("show", run.path, "--export", "lines", "--label", "north", "--cluster", "0").stdout.split()
    assert lines == run.contents.image_ids(run.contents.clusters("north")[0].rows)


def test_views_that_cannot_be_in_the_page_are_left_out_and_named(reported: str, run: Run) -> None:
    page = (run.path / "report" / "index.html").read_text(encoding="utf-8")
    assert re.search(r"'not-a-number' of plugin 'shown'.*not JSON compliant", reported)
    assert re.search(r"'closing' of plugin 'shown'.*two pieces", reported)
    assert [name for name in ("sizes", "nothing", "not-a-number", "closing") if f'"#/view/{name}"' in page] == ["sizes"]


@pytest.mark.browser
def test_a_view_is_a_page_and_a_broken_one_breaks_nothing_else(watch, run: Run, reported: str) -> None:
    watched = watch(run.path / "report")
    page = watched.open()
    page.get_by_role("link", name="Sizes & <b>more</b>").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sizes & <b>more</b>")
    expect(page.locator('[data-tab="view/sizes"]')).to_have_attribute("aria-current", "page")
    sizes = {label: [len(one.rows) for one in run.contents.clusters(label)] for label in run.contents.labels}
    expect(page.locator(".size")).to_have_text([f"{one}: {', '.join(map(str, sizes[one]))}" for one in sizes])
    page.locator(".crop").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("Patch 1 of"))
    expect(page.locator(".pairs dt", has_text="area")).to_be_visible()
    for address, cause in (("throwing", "on purpose"), ("unparsable", "could not be read")):
        page.evaluate("address => { location.hash = address; }", f"#/view/{address}")
        expect(page.get_by_role("alert")).to_contain_text(cause)
    page.evaluate("address => { location.hash = address; }", "#/view/nothing")
    expect(page.get_by_role("heading", level=1)).to_have_text("Not found")
    [complaint] = watched.complaints
    assert "Unexpected token" in complaint, "of the script that cannot be parsed, and of nothing else"


def test_reports_wait_for_nobody_and_harm_nobody(site: Site, run: Run, reported: str) -> None:
    before = (run.path / "report" / "index.html").stat().st_mtime_ns
    hold = "import sys, time, pathlib; from diffmine.engine.folder_lock import sole_writer\n"
    hold += "with sole_writer(pathlib.Path(sys.argv[1])): print('held', flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", hold, run.path], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        refused = site.diffmine("report", run.path)
        holder.kill()
    assert refused.returncode != 0
    assert f"is being written by process {holder.pid}" in refused.stderr
    assert (run.path / "report" / "index.html").stat().st_mtime_ns == before
    assert (run.path / OWNER_FILE).exists(), "it was killed"
    assert site.diffmine("report", run.path).returncode == 0, "a killed process leaves no lock behind"
    assert not (run.path / OWNER_FILE).exists()
