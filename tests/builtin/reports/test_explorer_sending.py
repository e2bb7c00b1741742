"""A report that is sent to somebody: as one file, without its folder, on paper."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from playwright.sync_api import expect
from pydantic import ValidationError

from diffmine.builtin.reports.html import Html
from diffmine.commands.cli import cli
from diffmine.drawing.crops import crops
from diffmine.files.names import RUN_FILE
from diffmine.runs.run import Run
from diffmine.testing.toy_runs import write_toy_run

FIRST_CROP = """() => {
    const address = getComputedStyle(document.querySelector(".crop")).backgroundImage.slice(5, -2);
    const image = new Image();
    return new Promise((found) => {
        image.onload = () => found(image.naturalWidth);
        image.onerror = () => found(0);
        image.src = address;
    });
}"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = write_toy_run(tmp_path_factory.mktemp("sent"), clusters=3, members=8)
    Html(Html.Config()).write(run, run.path)
    return run


@pytest.mark.browser
def test_a_page_of_one_file_shows_everything_wherever_it_lies(watch, run: Run, tmp_path: Path) -> None:
    Html(Html.Config(single_file=True)).write(run, tmp_path)
    report = tmp_path / "report"
    assert [path.name for path in report.iterdir()] == ["index.html"]
    shown = {}
    for folder in (report, run.path / "report"):
        watched = watch(folder)
        page = watched.open()
        shown[folder] = [page.locator(".crop").count(), page.evaluate(FIRST_CROP)]
        page.evaluate("() => { location.hash = document.querySelector('.crop').getAttribute('href'); }")
        expect(page.locator(".stage img")).to_have_js_property("complete", True)
        shown[folder].append(page.locator(".stage img").evaluate("node => node.naturalWidth"))
        watched.check()
    assert shown[report] == shown[run.path / "report"]
    assert min(shown[report]) > 0


@pytest.mark.browser
def test_a_page_without_its_folder_says_what_is_missing(watch, run: Run, tmp_path: Path) -> None:
    shutil.copy(run.path / "report" / "index.html", tmp_path)
    page = watch(tmp_path).open()
    expect(page.get_by_role("alert")).to_contain_text("--single-file")


@pytest.mark.browser
def test_crops_are_printed(watch, run: Run) -> None:
    page = watch(run.path / "report").open()
    page.emulate_media(media="print")
    assert page.locator(".crop").first.evaluate("node => getComputedStyle(node).printColorAdjust") == "exact"
    assert not page.locator(".tabs").is_visible()


def test_a_public_page_names_no_file_and_no_folder(tmp_path: Path) -> None:
    """Every written file is searched for every name; names that say nothing, such as ``..``, cannot be."""
    run = write_toy_run(tmp_path / "toy", hostile=True, clusters=2, members=8)
    info = json.loads((run.path / RUN_FILE).read_text(encoding="utf-8"))
    path = next(iter(run.records.values())).path
    told = f"label 'x': {path!r} and '/home/some one/pictures/b c.png', ~/elsewhere/d.png and ../e/f.png are dark"
    info["warnings"].append(told)
    (run.path / RUN_FILE).write_text(json.dumps(info, ensure_ascii=False), encoding="utf-8")
    done = CliRunner().invoke(cli, ["report", str(run.path), "--public", "--set", 'report.use="html"'])
    assert done.exit_code == 0, done.output
    paths = [*(record.path for record in run.records.values()), *(one["path"] for one in run.skipped)]
    names = {name for path in paths for name in (path, Path(path).name, Path(path).parent.name)} - {""}
    names |= {str(Path.home()), str(tmp_path), "some one", "b c.png", "d.png", "../e/f", "index.csv"}
    written = [file for file in (run.path / "report").rglob("*") if file.is_file()]
    text = "\n".join(file.read_bytes().decode("utf-8", "replace") for file in written).replace("\\u0026", "&")
    for escaped, letter in (("\\u003c", "<"), ("\\u003e", ">"), ("\\u0027", "'")):
        text = text.replace(escaped, letter)
    assert "are dark" in text
    assert [name for name in names if name in text or name.replace('"', '\\"') in text] == []
    assert [file.name for file in written if file.stem in {Path(path).stem for path in paths}] == []


def test_a_page_that_is_too_large_to_send_says_so(tmp_path: Path) -> None:
    run = write_toy_run(tmp_path, clusters=3, members=8)
    settings = ("use='html'", "html.max_megabytes=1", "html.crop_size=256", "html.quality=100")
    asked = [word for one in settings for word in ("--set", f"report.{one}")]
    done = CliRunner().invoke(cli, ["report", str(run.path), "--single-file", *asked])
    assert done.exit_code == 0, done.output
    size = sum(path.stat().st_size for path in (run.path / "report").iterdir()) / 1e6
    assert size > 1
    assert f"{size:.1f} MB" in done.stderr


def test_report_takes_settings_of_reports_alone(run: Run) -> None:
    wrong = CliRunner().invoke(cli, ["report", str(run.path), "--set", "patches.size=8"])
    assert "patches.size=8" in str(wrong.exception)
    before = (run.path / "report" / "index.html").stat().st_size
    done = CliRunner().invoke(cli, ["report", str(run.path), "--single-file", "--set", "report.use='html'"])
    assert done.exit_code == 0, done.output
    assert [path.name for path in (run.path / "report").iterdir()] == ["index.html"]
    assert (run.path / "report" / "index.html").stat().st_size > before


def test_links_to_the_page_are_shown_with_a_picture_of_its_best_crops(tmp_path: Path) -> None:
    run = write_toy_run(tmp_path / "toy", clusters=3, members=12)
    Html(Html.Config(address="https://example.org/a%20b/")).write(run, tmp_path)
    page = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert '<meta property="og:image" content="https://example.org/a%20b/preview.png">' in page
    assert '<meta property="og:url" content="https://example.org/a%20b/">' in page
    preview = Image.open(tmp_path / "report" / "preview.png").convert("RGB")
    assert preview.size == (1200, 630)
    best = run.contents.best_clusters("north")[0].rows[:1]
    side = min((630 - 6 * 8) // 5, (1200 - 11 * 8) // 10)
    left, top = (1200 - 10 * side - 9 * 8) // 2, (630 - 5 * side - 4 * 8) // 2
    first = np.asarray(preview.crop((left, top, left + side, top + side)), dtype=float)
    assert abs(first - crops(run.contents, best, side)[0]).mean() < 8
    with pytest.raises(ValidationError, match="pattern"):
        Html.Config(address="example.org")


def test_a_run_without_clusters_has_no_picture_to_show(tmp_path: Path) -> None:
    run = write_toy_run(tmp_path / "toy", labels=("alone",), clusters=1, members=3)
    Html(Html.Config()).write(run, tmp_path)
    page = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert "og:image" not in page
    assert not (tmp_path / "report" / "preview.png").exists()


@pytest.mark.browser
@pytest.mark.parametrize("width", [320, 900])
def test_a_frame_shows_one_cluster_and_the_way_to_the_report(watch, run: Run, tmp_path: Path, width: int) -> None:
    report = run.path / "report"
    frame = f'<iframe src="{(report / "index.html").as_uri()}#south/1&amp;embed" width="{width}" height="420"></iframe>'
    (tmp_path / "index.html").write_text(f"<!doctype html><title>outside</title>{frame}", encoding="utf-8")
    watched = watch(tmp_path)
    outside = watched.open()
    inside = outside.frame_locator("iframe")
    expect(inside.get_by_role("heading", level=1)).to_have_text("Cluster 1 of south")
    expect(inside.locator(".crop")).to_have_count(8)
    expect(inside.locator(".bar")).to_be_hidden()
    assert outside.frames[1].evaluate("document.documentElement.scrollWidth") <= width
    with outside.expect_popup() as opened:
        inside.get_by_role("link", name="Open in the report").click()
    expect(opened.value.get_by_role("heading", level=1)).to_have_text("Cluster 1 of south")
    expect(opened.value.locator(".bar")).to_be_visible()
    assert [one for one in watched.complaints if not one.startswith("failed")] == []


@pytest.mark.browser
def test_only_clusters_are_embedded(watch, run: Run) -> None:
    watched = watch(run.path / "report")
    page = watched.open("#south&embed")
    expect(page.locator(".bar")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text("south")
    watched.check()
