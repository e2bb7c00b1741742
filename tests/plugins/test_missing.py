"""A run whose plugins are gone: it opens, and says what it was made with."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
import tomli_w

import diffmine
from diffmine.errors import MissingComponentError, RecipeError
from diffmine.testing.tiny_recipe import write_tiny_recipe
from diffmine.testing.toy_site import Site

DATASET = """
    from diffmine import hookimpl
    from diffmine.builtin.datasets.folder import Folder

    class Mine(Folder):
        "Pictures in folders, as others have them."
        name = "mine"

    @hookimpl
    def diffmine_register_datasets():
        return [Mine]
"""

REPORT = """
    from diffmine import hookimpl
    from diffmine.interfaces import Report

    class Note(Report):
        "A line about the run."
        name = "{0}"

        def write(self, run, folder):
            (folder / "{0}.txt").write_text(f"{{len(run.records)}} pictures")

    @hookimpl
    def diffmine_register_reports():
        return [Note]
"""


@pytest.fixture(scope="module")
def site_and_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Site, Path]:
    """A run made with three plugins, of which two were removed."""
    folder = tmp_path_factory.mktemp("missing")
    site = Site(folder / "site")
    site.install("diffmine-folders", DATASET, version="0.2.0")
    site.install("kept", REPORT.format("kept"))
    site.install("gone", REPORT.format("gone"), version="3.1")
    recipe = write_tiny_recipe(folder)
    settings = ("dataset.use=mine", f"dataset.path={folder / 'pictures'}", 'report.use=["gone", "kept", "terminal"]')
    where = ("--out", folder / "run", "--store", folder / "store", "--quiet")
    result = site.diffmine("run", recipe, *where, *(word for one in settings for word in ("--set", one)))
    assert result.returncode == 0, result.stderr
    for name in ("diffmine-folders", "gone"):
        site.uninstall(name)
    return site, folder / "run"


def test_it_is_shown(site_and_run: tuple[Site, Path]) -> None:
    site, run = site_and_run
    result = site.diffmine("show", run)
    assert result.returncode == 0, result.stderr
    assert "tiny" in result.stdout
    opened = diffmine.load_run(run)
    assert opened.patches.num_rows
    assert opened.maps.labels(next(iter(opened.records)))


def test_what_needs_a_component_names_the_distribution_to_install(site_and_run: tuple[Site, Path]) -> None:
    _, folder = site_and_run
    run = diffmine.load_run(folder)
    said = r"\[dataset\] use = 'mine' was made with diffmine-folders 0\.2\.0; install it"
    with pytest.raises(MissingComponentError, match=said):
        run.picture(next(iter(run.records)))
    with pytest.raises(RecipeError, match=r"requires 'diffmine-folders>=0\.2\.0', which is not installed; pip install"):
        run.tools()


def test_the_reports_that_are_left_are_made(site_and_run: tuple[Site, Path]) -> None:
    site, run = site_and_run
    (run / "kept.txt").unlink()
    result = site.diffmine("report", run)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == [str(run / "kept.txt")]
    assert (run / "kept.txt").read_text() == "24 pictures"
    assert "the report 'gone' is left out" in result.stderr
    assert "was made with gone 3.1; install it" in result.stderr


def test_where_no_report_is_left_that_is_an_error(site_and_run: tuple[Site, Path], tmp_path: Path) -> None:
    site, run = site_and_run
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "run.json").write_bytes((run / "run.json").read_bytes())
    recipe = tomllib.loads((run / "recipe.toml").read_text())
    (copy / "recipe.toml").write_text(tomli_w.dumps({**recipe, "report": {"use": ["gone"]}}))
    result = site.diffmine("report", copy)
    assert result.returncode == 2
    assert "was made with gone 3.1; install it" in result.stderr


def test_a_plugin_that_is_installed_and_broken_is_told_beside(site_and_run: tuple[Site, Path], tmp_path: Path) -> None:
    _, run = site_and_run
    site = Site(tmp_path / "site")
    site.install("gone", "raise RuntimeError('no GPU here')", version="3.1")
    site.install("kept", REPORT.format("kept"))
    said = site.diffmine("report", run).stderr
    assert "was made with gone 3.1; install it" in said
    assert "plugin 'gone' (gone 3.1) failed (import): RuntimeError: no GPU here" in said


def test_check_names_the_component_whose_file_is_missing(site: Site, tmp_path: Path) -> None:
    source = DATASET.replace(
        'name = "mine"', 'name = "mine"\n        def preview(self):\n            return open("/no/index.csv")'
    )
    site.install("diffmine-folders", source)
    recipe = write_tiny_recipe(tmp_path)
    result = site.diffmine("check", recipe, "--set", "dataset.use=mine", "--set", f"dataset.path={tmp_path}")
    assert result.returncode == 1
    assert "[dataset] (use = 'mine') cannot read /no/index.csv: No such file or directory" in result.stderr
    assert "bug" not in result.stderr


def test_a_run_knows_who_brought_its_components(site_and_run: tuple[Site, Path]) -> None:
    _, run = site_and_run
    recorded = json.loads((run / "run.json").read_text())["components"]
    assert [one["use"] for one in recorded["report"]] == ["gone", "kept", "terminal"]
    assert diffmine.load_run(run).maker("gone", "report") == "gone 3.1"
    assert diffmine.load_run(run).maker("nobody", "report") is None
