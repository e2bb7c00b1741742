"""``benchmarks/artwork.py`` on toy packages: one work never lies on both sides of the split."""

from __future__ import annotations

import csv
import importlib.util
import json
import subprocess
import sys
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

import diffmine
from diffmine.recipes.reading import load_recipe

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "benchmarks" / "artwork.py"
pytest.importorskip("resvg_py")


def package(folder: Path, bodies: dict[str, str], width: int = 16, height: int = 16) -> Path:
    """An unpacked package of Iconify."""
    (folder / "package").mkdir(parents=True)
    info = {
        "name": folder.name.title(),
        "author": {"name": "Ada", "url": "https://a.example"},
        "license": {"title": "MIT", "url": "https://l.example"},
    }
    icons = {"width": width, "height": height, "icons": {name: {"body": body} for name, body in bodies.items()}}
    about = {"name": f"@iconify-json/{folder.name}", "version": "1.0.0"}
    for name, content in {"info": info, "icons": icons, "package": about}.items():
        (folder / "package" / f"{name}.json").write_text(json.dumps(content))
    return folder


def square(colour: str, side: int = 8) -> str:
    return f'<rect width="{side}" height="{side}" fill="{colour}"/>'


def shades(red: int, works: int = 30) -> dict[str, str]:
    return {f"work-{number}": square(f"rgb({red},{number},0)") for number in range(works)}


def make(*arguments: object) -> None:
    done = subprocess.run([sys.executable, str(SCRIPT), *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "index.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("artwork", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    sys.modules["artwork"] = loaded
    spec.loader.exec_module(loaded)
    return loaded


def test_sets_share_works_and_splits(tmp_path: Path) -> None:
    red = package(tmp_path / "red", {**shades(255), "only-red": square("red")})
    dark = package(tmp_path / "dark", shades(20), width=32)
    make("--side", 32, "sets", tmp_path / "out", f"Red={red}", f"Dark={dark}")
    found = rows(tmp_path / "out")
    assert {row["work"] for row in found} == set(shades(0))
    sides = defaultdict(set)
    for row in found:
        sides[row["work"]].add(row["split"])
    assert all(len(side) == 1 for side in sides.values())
    assert {side for (side,) in sides.values()} == {"train", "test"}
    for row in found:
        assert row["picture"] == f"{row['label']}/{row['work']}.png"
        picture = Image.open(tmp_path / "out" / row["picture"])
        assert picture.size == ((32, 32) if row["label"] == "Red" else (32, 16))
        assert picture.getpixel((1, 1)) == (255 if row["label"] == "Red" else 20, int(row["work"][5:]), 0)
        assert picture.getpixel((31, 15)) == (255, 255, 255)
    sources = (tmp_path / "out" / "SOURCES.md").read_text()
    assert "[MIT](https://l.example), from @iconify-json/dark 1.0.0" in sources
    assert sources.count("Ada") == 2


def test_equal_pictures_are_one_with_all_their_labels(tmp_path: Path) -> None:
    flags = package(tmp_path / "flag", {"fr-4x3": square("blue"), "re-4x3": square("blue"), "de-4x3": square("red")})
    (tmp_path / "labels.json").write_text(
        json.dumps({"FR": {"continent": "EU"}, "RE": {"continent": "AF"}, "XX": {"continent": "EU"}})
    )
    (tmp_path / "names.json").write_text(json.dumps({"EU": "Europe", "AF": "Africa"}))
    make(
        *("table", tmp_path / "out", flags, "--suffix=-4x3", "--labels", tmp_path / "labels.json"),
        *("--key", "continent", "--names", tmp_path / "names.json"),
    )
    found = rows(tmp_path / "out")
    assert [(row["picture"], row["label"], row["work"]) for row in found] == [
        ("Europe/fr.png", "Europe", "fr"),
        ("Europe/fr.png", "Africa", "re"),
    ]
    assert len({row["split"] for row in found}) == 1
    assert [path.name for path in (tmp_path / "out").rglob("*.png")] == ["fr.png"]


def test_works_that_share_a_picture_by_way_of_others_go_together() -> None:
    names = [f"w{number}" for number in range(40)]
    neighbours = list(enumerate(pairwise(names)))
    chain = [{"picture": str(number), "work": work} for number, pair in neighbours for work in pair]
    assert len(set(module().split_of_works(chain).values())) == 1
    apart = [{"picture": name, "work": name} for name in names]
    assert set(module().split_of_works(apart).values()) == {"train", "test"}


def test_the_recipe_learns_from_no_work_that_it_mines(tmp_path: Path) -> None:
    sets = [f"{name}={package(tmp_path / name, shades(red))}" for name, red in (("Light", 250), ("Dark", 20))]
    make("sets", tmp_path / "data" / "emoji", *sets)
    (tmp_path / "recipes").mkdir()
    recipe = tmp_path / "recipes" / "emoji.toml"
    recipe.write_text((ROOT / "recipes" / "emoji.toml").read_text())
    run = diffmine.run(load_recipe(recipe), out=tmp_path / "run", until="images")
    learned, mined = (
        {Path(one.path).stem for one in run.records.values() if one.split == split} for split in ("train", "heldout")
    )
    assert learned | mined == set(shades(0))
    assert not learned & mined
