"""``diffmine init``: what it finds in a folder, and that its recipe runs."""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy.ndimage import gaussian_filter

import diffmine
from diffmine.commands.cli import cli
from diffmine.errors import DataError, RecipeError
from diffmine.plugins.registry import registry
from diffmine.recipes.reading import parse_recipe
from diffmine.recipes.resolving import resolve
from diffmine.starting.advice import advise
from diffmine.starting.start import remarks, start
from diffmine.starting.survey import Survey, alike
from diffmine.starting.writing import recipe_text


def picture(path: Path, seed: int, side: int = 80) -> Path:
    """Soft shapes of some colours, as photographs have."""
    noise = np.random.default_rng(seed).normal(size=(side, side, 3))
    soft = gaussian_filter(noise, (8, 8, 0))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.uint8(128 + 127 * np.clip(soft / (3 * soft.std()), -1, 1))).save(path)
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "my photos"
    for label, first in (("Köln", 0), ("koln", 100), ("Lisbon", 200)):
        for number in range(8):
            picture(folder / label / f"{number}.png", first + number)
    return folder


def test_each_fault_is_named_and_sound_pictures_have_none(photos: Path) -> None:
    sound = start(photos, out=photos.parent / "sound.toml").survey
    assert dict(sound.counts) == {"Köln": 8, "koln": 8, "Lisbon": 8}
    assert sound.shorter_side == 80
    assert sound.alike == [("Köln", "koln")]
    assert [*sound.unreadable, *sound.copies, *sound.contradictions, *sound.near, *sound.near_within] == []

    (photos / "Lisbon" / "broken.jpg").write_bytes(b"no picture")
    shutil.copy(photos / "Lisbon" / "1.png", photos / "Lisbon" / "again.png")
    shutil.copy(photos / "Lisbon" / "2.png", photos / "koln" / "both.png")
    with Image.open(photos / "Lisbon" / "3.png") as image:
        image.save(photos / "koln" / "smaller.jpg", quality=85)
        image.save(photos / "Lisbon" / "again.jpg", quality=80)
    found = start(photos, out=photos.parent / "faulty.toml").survey
    assert [path for path, _ in found.unreadable] == ["Lisbon/broken.jpg"]
    assert [{*pair} for pair in found.copies] == [{"Lisbon/1.png", "Lisbon/again.png"}]
    assert [labels for _, labels in found.contradictions] == [("Lisbon", "koln")]
    assert found.near == [("Lisbon/3.png", "koln/smaller.jpg"), ("Lisbon/again.jpg", "koln/smaller.jpg")]
    assert found.near_within == [("Lisbon/3.png", "Lisbon/again.jpg")]
    said = "\n".join(remarks(found))
    for name in (
        "broken.jpg",
        "again.jpg",
        "again.png",
        "(Lisbon, koln)",
        "smaller.jpg",
        "'Köln' and 'koln'",
        "under 40",
    ):
        assert name in said


def test_the_recipe_runs_where_it_lies(photos: Path) -> None:
    started = start(photos, out=photos.parent / "photos.toml")
    assert 'path = "my photos"' in started.recipe.read_text(encoding="utf-8")
    small = ["finetune.steps=2", "finetune.warmup_steps=0", "scorer.draws=4", "features.ensemble=1"]
    run = diffmine.run(
        started.recipe, out=photos.parent / "run", store=photos.parent / "store", overrides=small, until="clusters"
    )
    assert not run.in_sample, "with two folds no picture is scored by a model that has learned from it"
    assert {row["label"] for row in run.clusters.to_pylist()} == {"Köln", "koln", "Lisbon"}


def test_nothing_is_written_over_and_one_label_is_refused(photos: Path) -> None:
    mine = photos.parent / "mine.toml"
    mine.write_text("precious")
    with pytest.raises(RecipeError, match="there already"):
        start(photos, out=mine)
    assert mine.read_text() == "precious"
    for label in ("Köln", "koln"):
        shutil.rmtree(photos / label)
    with pytest.raises(DataError, match="1 label;"):
        start(photos, out=photos.parent / "one.toml")
    assert not (photos.parent / "one.toml").exists()


def test_the_command_says_what_to_do_next(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(photos.parent)
    done = CliRunner().invoke(cli, ["init", "my photos"], catch_exceptions=False)
    assert done.exit_code == 0
    assert "diffmine run my-photos.toml" in done.output
    told = json.loads(CliRunner().invoke(cli, ["init", "my photos", "--json", "--out", "b.toml"]).output)
    assert told["counts"]["Lisbon"] == 8
    assert told["cost"]["scored"] == 24


@given(st.lists(st.integers(1, 30_000), min_size=2, max_size=5), st.integers(8, 4000), st.sampled_from(["cpu", "cuda"]))
def test_whatever_the_pictures_the_recipe_is_valid(counts: list[int], side: int, device: str) -> None:
    found = Survey({f"l{n}": count for n, count in enumerate(counts)}, side, (), (), (), (), (), 0, ())
    tables = advise(found, device)
    text = recipe_text("any", {"use": "folder", "path": 'a "quoted" \\ folder'}, tables, "Any pictures.")
    parsed = tomllib.loads(text)
    assert parsed["dataset"]["path"] == 'a "quoted" \\ folder'
    parsed["dataset"]["path"] = str(Path(__file__).parent)
    resolve(parse_recipe(parsed), registry())
    assert parsed["patches"]["size"] <= parsed["dataset"]["image_size"] / 2


@pytest.mark.parametrize(
    ("labels", "ordered"),
    [
        (["1920", "1930", "1940", "1950"], True),
        (["1920", "1930", "1940"], False),  # the one in the middle would have neighbours alone
        (["1920", "1930", "1940", "now"], False),
        (["1", "2", "3", "4", "5"], False),  # may be classes
    ],
)
def test_years_have_an_order(labels: list[str], ordered: bool) -> None:
    found = Survey(dict.fromkeys(labels, 50), 96, (), (), (), (), (), 0, ())
    assert ("order" in advise(found, "cpu")["dataset"]) == ordered


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["a", "b"], []),
        (["São Paulo", "sao-paulo", "Rio"], [("São Paulo", "sao-paulo")]),
        (["1990", "1991"], []),
    ],
)
def test_labels_of_one_spelling_are_found(labels: list[str], expected: list[tuple[str, ...]]) -> None:
    assert alike(labels) == expected
