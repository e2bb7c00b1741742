"""The paper's settings in the recipes as they stand, and the commands of the page about the paper."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import diffmine
from diffmine.plugins.registry import registry
from diffmine.recipes.reading import load_recipe
from diffmine.recipes.resolving import resolve

ROOT = Path(diffmine.__file__).parents[1]
RECIPES = ROOT / "recipes"
PAGE = ROOT / "docs" / "paper.md"
CLIP = "openai/clip-vit-large-patch14-336"
COUNTRIES = [
    *("United States", "Japan", "France", "Italy", "United Kingdom"),
    *("Brazil", "Russia", "Thailand", "Nigeria", "India"),
]


@dataclass(frozen=True, kw_only=True)
class Published:
    """What differs between the paper's datasets."""

    image_size: int
    crop: str
    dataset: dict[str, Any] = field(default_factory=lambda: {"holdout": 0.0})
    training: dict[str, Any] | None = None
    scorer: dict[str, Any] = field(default_factory=lambda: {"t_min": 0.1, "t_max": 0.7})
    batch: int
    null: float = 0.05
    patch: int
    template: str
    null_prompt: str
    spelling: str = "as-is"
    rewrite: tuple[dict[str, str], ...] = ()
    steps: int = 10_000
    extras: tuple[dict[str, Any], ...] = ()
    encoder: str = CLIP


PUBLISHED = {
    "cardb": Published(
        image_size=256,
        crop="random",
        batch=64,
        patch=50,
        template="A car from the {label}s.",
        null_prompt="A car.",
    ),
    "ftt": Published(
        image_size=256,
        crop="none",
        batch=64,
        null=0.1,
        steps=12_610,
        patch=50,
        template="A face portrait of the {label}s.",
        null_prompt="A face portrait.",
    ),
    "g3": Published(
        image_size=512,
        crop="random",
        dataset={"holdout": 0.0, "mine_per_label": 1000, "labels": COUNTRIES},
        batch=8,
        steps=64_542,
        patch=64,
        template="A google street view image in {label}",
        null_prompt="A google street view image",
        extras=({"text": ", at the region of {region}", "probability": 0.1},),
        encoder="geolocal/StreetCLIP",
    ),
    "places": Published(
        image_size=512,
        crop="random",
        dataset={"index": "places365_val.txt"},
        training={"index": "places365_train_standard.txt", "separator": None},
        batch=8,
        steps=112_716,
        patch=64,
        template="Image of {label}.",
        null_prompt="",
        spelling="spaces",
        rewrite=({"pattern": "^(.+)/(.+)$", "to": r"\2 \1"},),
    ),
    "xray": Published(
        image_size=512,
        crop="none",
        dataset={"only": "BBox_List_2017.csv", "separator": "|"},
        training={"only": "train_val_list.txt", "index": "metadata.csv", "separator": None},
        scorer={"t_min": 0.0, "t_max": 1.0},
        batch=8,
        patch=64,
        template="Chest X-Ray with {label}.",
        null_prompt="Chest X-Ray.",
        spelling="spaces",
        rewrite=({"pattern": r"\|", "to": ", "}, {"pattern": "No Finding", "to": "no finding"}),
    ),
}


SHARED: dict[str, dict[str, Any]] = {
    "model": {"use": "stable-diffusion", "path": "stable-diffusion-v1-5/stable-diffusion-v1-5"},
    "finetune": {
        "use": "full",
        "learning_rate": 1e-4,
        "optimizer": "adamw",
        "betas": [0.9, 0.999],
        "weight_decay": 1e-2,
        "eps": 1e-8,
        "schedule": "constant",
        "warmup_steps": 0,
        "mixed_precision": "no",
        "max_grad_norm": 1.0,
        "ema": 0.0,
        "t_min": 0.0,
        "t_max": 1.0,
        "timesteps": "uniform",
        "horizontal_flip": False,
    },
    "scorer": {"use": "diffusion", "draws": 100, "timesteps": "uniform", "shared_draws": True, "weighting": "epsilon"},
    "patches": {"use": "top", "sizes": [], "per_image": 5, "per_label": 1000, "min_distance": 1},
    "features": {"use": "dift", "timestep": 161, "block": 1, "ensemble": 8, "condition": "label"},
    "projection": {"use": "none"},
    "clusterer": {"use": "kmeans", "n_clusters": 32, "starts": 1, "rank_by": "median"},
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_settings_are_the_papers(name: str) -> None:
    parts = tables(name)
    for wanted in (SHARED, own_settings(PUBLISHED[name])):
        for table, options in wanted.items():
            found = parts.get(table)
            assert (found and options and chosen(found, options)) == options, table


@pytest.mark.parametrize("name", PUBLISHED)
def test_runs_are_called_like_their_recipes(name: str) -> None:
    assert load_recipe(RECIPES / f"{name}.toml").header.name == name


def own_settings(published: Published) -> dict[str, dict[str, Any]]:
    return {
        "dataset": {
            "image_size": published.image_size,
            "crop": published.crop if published.training is None else "none",
            "labels": None,
            "per_label": None,
            **published.dataset,
        },
        "training": published.training and {"crop": published.crop, "labels": None, **published.training},
        "scorer": published.scorer,
        "conditioning": {
            "use": "clip-text",
            "path": published.encoder,
            "template": published.template,
            "null_prompt": published.null_prompt,
            "extras": list(published.extras),
            "spelling": published.spelling,
            "rewrite": list(published.rewrite),
        },
        "finetune": {"steps": published.steps, "batch_size": published.batch, "null_probability": published.null},
        "patches": {"size": published.patch},
    }


def tables(name: str, *overrides: str) -> dict[str, Any]:
    """The recipe with every default filled in."""
    return resolve(load_recipe(RECIPES / f"{name}.toml", overrides), registry()).components.describe()


def chosen(table: dict[str, Any], names: dict[str, Any]) -> dict[str, Any]:
    return {name: table.get(name) for name in names}


def runs_on_the_page() -> Iterator[str]:
    """Every ``diffmine run`` and ``check``, in a block or within a line; for each recipe where it says DATA."""
    text = PAGE.read_text(encoding="utf-8")
    for command in re.findall(r"(?:^|`)(diffmine (?:run|check) [^`\n]+)", text, re.MULTILINE):
        names = PUBLISHED if "DATA" in command else [""]
        yield from (command.replace("DATA", name) for name in names)


def settings_of(command: str) -> list[str]:
    words = shlex.split(command)
    return [words[place + 1] for place, word in enumerate(words) if word == "--set"]


RUNS = list(runs_on_the_page())


@pytest.mark.parametrize("command", RUNS)
def test_runs_on_the_page_are_valid(command: str) -> None:
    settings = settings_of(command)
    assert settings, "where the data is has to be said, at least"
    tables(Path(shlex.split(command)[2]).stem, *settings)


def test_every_recipe_is_run_on_the_page() -> None:
    assert {Path(shlex.split(command)[2]).stem for command in RUNS} == set(PUBLISHED)


def test_the_papers_other_features_are_on_the_page() -> None:
    other = [settings_of(command) for command in RUNS if "features.use" in command and "scorer.use" not in command]
    clip, both = (tables("g3", *settings)["features"] for settings in other)
    assert chosen(clip, {"use": "", "path": ""}) == {"use": "clip", "path": "openai/clip-vit-base-patch32"}
    assert both["use"] == "concat"
    assert both["parts"][0] == clip
    assert chosen(both["parts"][1], SHARED["features"]) == SHARED["features"]
