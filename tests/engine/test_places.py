"""Where runs, stores and pictures lie: what would lose data is refused before anything is written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import diffmine
from diffmine.commands.cli import main
from diffmine.errors import ArtifactError, RecipeError
from diffmine.files.names import RUN_FILE
from diffmine.runs.run import FORMAT
from diffmine.studies.study import study
from diffmine.testing.tiny_recipe import write_tiny_recipe

STUDY = """
name = "tiny"
recipe = "tiny.toml"
seeds = [1]
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return write_tiny_recipe(tmp_path, per_label=2)


def everything(folder: Path) -> dict[Path, bytes | None]:
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.mark.parametrize(
    ("out", "store", "said"),
    [
        ("store", "store", "--out and --store are one folder"),
        ("store/report/mine", "store", "--out, .*, lies inside --store"),
        ("out", "out/store", "--store, .*, lies inside --out"),
        ("pictures", "store", "are one folder"),
        ("pictures/a", "store", r"--out, .*, lies inside \[dataset\] path"),
        (".", "/tmp/diffmine-of-nobody/store", r"\[dataset\] path, .*, lies inside --out"),
        ("link", "store", "are one folder"),
        ("pictures-masks/out", "store", r"lies inside \[dataset\] masks"),
        ("out", "pictures/store", r"--store, .*, lies inside \[dataset\] path"),
        ("tiny.toml", "store", "--out .* is a file"),
        ("x" * 300, "store", "--out .* cannot be a folder: file name too long"),
    ],
)
@pytest.mark.parametrize("of_a_study", [False, True])
def test_places_that_would_harm(
    recipe: Path, tmp_path: Path, out: str, store: str, said: str, of_a_study: bool
) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "pictures")
    (tmp_path / "study.toml").write_text(STUDY)
    before = everything(tmp_path)
    begin, what = (study, "study.toml") if of_a_study else (diffmine.run, "tiny.toml")
    with pytest.raises(RecipeError, match=said):
        begin(tmp_path / what, out=tmp_path / out, store=tmp_path / store)
    assert everything(tmp_path) == before


def test_a_run_of_a_newer_format_is_not_written_over(recipe: Path, tmp_path: Path) -> None:
    run = tmp_path / "out" / RUN_FILE
    run.parent.mkdir()
    run.write_text(json.dumps({"format": FORMAT + 1}))
    with pytest.raises(ArtifactError, match=f"format {FORMAT + 1}, which a newer diffmine wrote"):
        diffmine.run(recipe, out=run.parent, store=tmp_path / "store")
    assert [*run.parent.iterdir()] == [run]
    run.write_text("{")
    diffmine.run(recipe, out=run.parent, store=tmp_path / "store", until="images")


def test_a_run_folder_takes_away_nothing_outside_of_it(recipe: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious.txt"
    precious.write_text("mine")
    run = tmp_path / "out" / RUN_FILE
    run.parent.mkdir()
    for name in ("../precious.txt", str(precious)):
        run.write_text(json.dumps({"format": FORMAT, "stages": {"images": {"published": [name]}}}))
        diffmine.run(recipe, out=run.parent, store=tmp_path / "store", until="images")
    assert precious.exists()


def test_clean_takes_nothing_that_others_put_into_the_store(recipe: Path, tmp_path: Path) -> None:
    store, theirs = tmp_path / "store", tmp_path / "store" / "images"
    diffmine.run(recipe, out=tmp_path / "out", store=store, until="images")
    (theirs / "a-run").mkdir()
    (theirs / "a-run" / RUN_FILE).write_text("{}")
    (theirs / "a-run" / "manifest.json").write_text('{"digest": "", "files": {}}')
    (theirs / "notes").mkdir()
    (theirs / "site").mkdir()
    (theirs / "site" / "manifest.json").write_text('{"name": "a page"}')
    (theirs / "link").symlink_to(tmp_path / "pictures")
    (tmp_path / "out" / RUN_FILE).unlink()
    main(["clean", "--store", str(store)])
    assert {path.name for path in theirs.iterdir() if path.is_dir()} == {"a-run", "notes", "site", "link"}
    assert (tmp_path / "pictures" / "a").exists()


def test_clean_wants_a_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "letters" / "2024.partial").mkdir(parents=True)
    before = everything(tmp_path)
    with pytest.raises(SystemExit, match="1"):
        main(["clean", "--store", str(tmp_path)])
    assert "is no store of diffmine" in capsys.readouterr().err
    assert everything(tmp_path) == before
