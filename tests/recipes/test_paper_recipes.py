"""The paper's five recipes, each on its published layout, run to the end with a tiny genuine checkpoint."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

import diffmine
from diffmine.recipe import load_recipe, resolve
from diffmine.registry import registry
from diffmine.run_folder import Run
from diffmine.testing.published_layouts import write_cardb, write_ftt, write_g3, write_places, write_xray
from diffmine.testing.toys import tiny_stable_diffusion

RECIPES = Path(diffmine.__file__).parents[1] / "recipes"
TINY = [
    "dataset.image_size=32",
    "dataset.max_bad_fraction=0.5",
    "finetune.steps=2",
    "finetune.batch_size=2",
    "scorer.draws=2",
    "patches.size=8",
    "features.ensemble=1",
    "clusterer.n_clusters=2",
    'report.use=["terminal"]',
]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_stable_diffusion(tmp_path_factory.mktemp("sd"))


def run(name: str, write: Callable[[Path], Path], checkpoint: Path, tmp_path: Path, *further: str) -> Run:
    data = write(tmp_path / "data")
    paths = [f"dataset.path={data}", f"model.path={checkpoint}", f"conditioning.path={checkpoint}"]
    overrides = [*TINY, *paths, *further]
    return diffmine.run(RECIPES / f"{name}.toml", out=tmp_path / "run", store=tmp_path / "store", overrides=overrides)


def labels(run: Run) -> Counter[str]:
    return Counter(label for record in run.records.values() for label in record.labels)


def prompts(run: Run, checkpoint: Path) -> dict[str | None, str]:
    """What the model is told, by the encoder of the finished run."""
    import torch

    from diffmine.interfaces import ModelTools

    parts = resolve(run.recipe, registry()).components
    cpu = torch.device("cpu")
    tools = ModelTools(
        parts.model, parts.conditioning, device=cpu, seed=0, labels=run.labels, folder=run.path / "model"
    )
    return {label: tools.encoder.prompt(label) for label in (None, *run.labels)}


def test_cardb(checkpoint: Path, tmp_path: Path) -> None:
    finished = run("cardb", write_cardb, checkpoint, tmp_path)
    assert labels(finished) == {"1930": 2, "1970": 9, "1980": 3}
    assert [row["path"] for row in finished.skipped] == ["train/car 1938 0.jpg"]
    told = prompts(finished, checkpoint)
    assert told[None] == "A car."
    assert told["1970"] == "A car from the 1970s."


def test_ftt(checkpoint: Path, tmp_path: Path) -> None:
    finished = run("ftt", write_ftt, checkpoint, tmp_path)
    assert labels(finished) == {"1950": 4, "1960": 4, "1970": 4}
    assert prompts(finished, checkpoint)["1950"] == "A face portrait of the 1950s."


@pytest.mark.filterwarnings("ignore::diffmine.errors.DiffmineWarning")
def test_g3(checkpoint: Path, tmp_path: Path) -> None:
    finished = run("g3", write_g3, checkpoint, tmp_path)
    assert labels(finished) == {"France": 7, "Japan": 2}
    assert "images/a1/225.jpg" not in {record.path for record in finished.records.values()}
    assert {record.columns["region"] for record in finished.records.values()} == {"Europe", "Asia"}
    told = prompts(finished, checkpoint)
    assert told == {
        None: "A google street view image",
        "France": "A google street view image in France",
        "Japan": "A google street view image in Japan",
    }


def test_places(checkpoint: Path, tmp_path: Path) -> None:
    finished = run("places", write_places, checkpoint, tmp_path)
    assert labels(finished) == {"airfield": 3, "apartment_building/outdoor": 3, "beach": 3}
    told = prompts(finished, checkpoint)
    assert told["apartment_building/outdoor"] == "Image of apartment building/outdoor."
    assert told[None] == ""


def test_xray(checkpoint: Path, tmp_path: Path) -> None:
    finished = run("xray", write_xray, checkpoint, tmp_path)
    assert labels(finished) == {"Atelectasis": 3, "Infiltration": 2, "No Finding": 2}
    boxed = {record.path for record in finished.records.values() if record.split == "heldout"}
    assert boxed == {"images/00000000_000.png", "images/00000003_000.png"}
    localisation = finished.metrics["pixel_average_precision"]
    assert localisation["count"] == 2
    assert set(localisation["per_label"]) == {"Atelectasis", "Infiltration"}
    assert prompts(finished, checkpoint)["Atelectasis"] == "Chest X-Ray with Atelectasis."


@pytest.mark.parametrize(
    ("name", "size", "batch", "null", "patch", "crop"),
    [
        ("cardb", 256, 64, 0.05, 50, "random"),
        ("ftt", 256, 64, 0.10, 50, "none"),
        ("g3", 512, 8, 0.05, 64, "random"),
        ("places", 512, 8, 0.05, 64, "random"),
        ("xray", 512, 8, 0.05, 64, "none"),
    ],
)
def test_settings_are_the_papers(name: str, size: int, batch: int, null: float, patch: int, crop: str) -> None:
    parts = resolve(load_recipe(RECIPES / f"{name}.toml"), registry()).components.describe()
    assert parts["dataset"]["image_size"] == size
    assert parts["dataset"]["crop"] == crop
    training = parts["finetune"]
    assert (training["batch_size"], training["null_probability"]) == (batch, null)
    assert (training["learning_rate"], training["betas"], training["weight_decay"]) == (1e-4, [0.9, 0.999], 1e-2)
    assert (training["schedule"], training["warmup_steps"], training["max_grad_norm"]) == ("constant", 500, 1.0)
    scorer = parts["scorer"]
    assert (scorer["draws"], scorer["t_min"], scorer["t_max"], scorer["timesteps"]) == (100, 0.1, 0.7, "uniform")
    patches = parts["patches"]
    assert (patches["size"], patches["per_image"], patches["per_label"]) == (patch, 5, 1000)
    features = parts["features"]
    assert (features["use"], features["timestep"], features["block"], features["ensemble"]) == ("dift", 161, 1, 8)
    assert (parts["clusterer"]["use"], parts["clusterer"]["n_clusters"]) == ("kmeans", 32)
