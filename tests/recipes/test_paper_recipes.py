"""The paper's five recipes, each on its published layout, run to the end with tiny genuine checkpoints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import diffmine
from diffmine.drawing.figures import draw_before_after
from diffmine.plugins.registry import registry
from diffmine.recipes.reading import load_recipe
from diffmine.recipes.resolving import resolve
from diffmine.runs.run import Run
from diffmine.studies.study import compare
from diffmine.testing.published_layouts import write_cardb, write_ftt, write_g3, write_places, write_xray
from diffmine.testing.toys import tiny_clip, tiny_stable_diffusion
from diffmine.types import ByteArray, FloatArray

if TYPE_CHECKING:
    from diffmine.builtin.encoders.clip_encoder import ClipTextEncoder
    from diffmine.interfaces import Conditioning

RECIPES = Path(diffmine.__file__).parents[1] / "recipes"
SIDE = 32
TINY = [
    f"dataset.image_size={SIDE}",
    "dataset.max_bad_fraction=0.5",
    "scorer.draws=2",
    "patches.size=8",
    "features.ensemble=1",
    "clusterer.n_clusters=2",
    'report.use=["terminal"]',
]
TRAINING = ["finetune.steps=7", "finetune.batch_size=2"]
TRAINED_ELSEWHERE = ("places", "xray")
SQUARE = {(SIDE, SIDE)}
SHAPES = {(32, 32), (43, 32), (32, 51)}
"""(width, height) of the layouts' pictures of several shapes, once the short side is ``SIDE``."""


@dataclass(frozen=True)
class Weights:
    """A pipeline to finetune, and another text encoder that is a whole CLIP, as those that the recipes name."""

    model: Path
    clip: Path


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Weights:
    folder = tmp_path_factory.mktemp("weights")
    return Weights(tiny_stable_diffusion(folder / "sd"), tiny_clip(folder / "clip", seed=1))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Every prompt that a text encoder reads."""
    from diffmine.builtin.encoders.clip_encoder import ClipTextEncoder

    texts: set[str] = set()
    encode = ClipTextEncoder.encode

    def recorded(self: ClipTextEncoder, prompts: Sequence[str]) -> Conditioning:
        texts.update(prompts)
        return encode(self, prompts)

    monkeypatch.setattr(ClipTextEncoder, "encode", recorded)
    return texts


@pytest.fixture
def trained_on(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[int, int], set[tuple[int, int]]]:
    """(width, height) of a picture -> of what finetuning takes of it."""
    from diffmine.training import latents

    sizes: dict[tuple[int, int], set[tuple[int, int]]] = {}
    crop = latents.crop

    def recorded(pixels: ByteArray, how: latents.Crop, corner: tuple[float, float]) -> ByteArray:
        cropped = crop(pixels, how, corner)
        sizes.setdefault(pixels.shape[1::-1], set()).add(cropped.shape[1::-1])
        return cropped

    monkeypatch.setattr(latents, "crop", recorded)
    return sizes


def run(
    name: str, write: Callable[[Path], Path], weights: Weights, tmp_path: Path, *further: str, out: str = "run"
) -> Run:
    data = write(tmp_path / "data")
    paths = [f"dataset.path={data}", f"model.path={weights.model}", f"conditioning.path={weights.clip}"]
    if name in TRAINED_ELSEWHERE:
        paths += [f"training.path={data}", f"training.image_size={SIDE}"]
    trains = [] if "finetune.use=none" in further else TRAINING
    return diffmine.run(
        RECIPES / f"{name}.toml",
        out=tmp_path / out,
        store=tmp_path / "store",
        overrides=[*TINY, *trains, *paths, *further],
    )


def labels(run: Run) -> Counter[str]:
    return Counter(label for record in run.records.values() for label in record.labels)


def purposes(run: Run) -> Counter[tuple[str, str, bool]]:
    return Counter((record.origin, record.split, record.mined) for record in run.records.values())


def sizes(run: Run) -> set[tuple[int, int]]:
    """(width, height) of the pictures, of which every map has its own."""
    for image_id, record in run.records.items():
        for label in record.labels if record.scored else ():
            assert run.typicality_image(image_id, label).shape == (record.height, record.width)
    return {(record.width, record.height) for record in run.records.values()}


def prompts(run: Run) -> dict[str | None, str]:
    """What the model is told, by the encoder of the finished run."""

    from diffmine.interfaces import ModelTools

    parts = resolve(run.recipe, registry()).components
    tools = ModelTools(
        parts.model, parts.conditioning, device="cpu", seed=0, labels=run.labels, folder=run.path / "model"
    )
    return {label: tools.encoder.prompt(label) for label in (None, *run.labels)}


def test_cardb(weights: Weights, tmp_path: Path, trained_on: dict[Any, Any]) -> None:
    finished = run("cardb", write_cardb, weights, tmp_path)
    assert labels(finished) == {"1930": 2, "1970": 9, "1980": 3}
    assert {record.split for record in finished.records.values()} == {"train"}
    assert [row["path"] for row in finished.skipped] == ["train/car 1938 0.jpg"]
    assert sizes(finished) == SHAPES
    assert trained_on == dict.fromkeys(SHAPES, SQUARE)
    assert prompts(finished) == {
        None: "A car.",
        "1930": "A car from the 1930s.",
        "1970": "A car from the 1970s.",
        "1980": "A car from the 1980s.",
    }


def test_ftt(weights: Weights, tmp_path: Path, trained_on: dict[Any, Any]) -> None:
    finished = run("ftt", partial(write_ftt, size=2 * SIDE), weights, tmp_path)
    assert labels(finished) == {"1950": 4, "1960": 4, "1970": 4}
    assert {record.split for record in finished.records.values()} == {"train"}
    assert sizes(finished) == SQUARE
    assert trained_on == {(SIDE, SIDE): SQUARE}
    told = prompts(finished)
    assert told[None] == "A face portrait."
    assert told["1950"] == "A face portrait of the 1950s."


@pytest.mark.filterwarnings("ignore::diffmine.errors.DiffmineWarning")
def test_g3(weights: Weights, tmp_path: Path, trained_on: dict[Any, Any]) -> None:
    finished = run("g3", write_g3, weights, tmp_path)
    assert labels(finished) == {"France": 7, "Japan": 2}
    assert {record.split for record in finished.records.values()} == {"train"}
    assert "images/a1/225.jpg" not in {record.path for record in finished.records.values()}
    assert {record.columns["region"] for record in finished.records.values()} == {"Europe", "Asia"}
    assert sizes(finished) == SHAPES
    assert trained_on == dict.fromkeys(SHAPES, SQUARE)
    assert prompts(finished) == {
        None: "A google street view image",
        "France": "A google street view image in France",
        "Japan": "A google street view image in Japan",
    }


@pytest.mark.filterwarnings("ignore::diffmine.errors.DiffmineWarning")
def test_g3_names_the_region_in_training_only(weights: Weights, tmp_path: Path, told: set[str]) -> None:
    (extra,) = load_recipe(RECIPES / "g3.toml").tables["conditioning"]["extras"]
    always = f'conditioning.extras=[{{ text = "{extra["text"]}", probability = 1 }}]'
    run("g3", write_g3, weights, tmp_path, always, "finetune.null_probability=0")
    assert told == {
        "A google street view image in France, at the region of Europe",
        "A google street view image in Japan, at the region of Asia",
        "A google street view image",
        "A google street view image in France",
        "A google street view image in Japan",
    }


def test_places(weights: Weights, tmp_path: Path, trained_on: dict[Any, Any]) -> None:
    finished = run("places", write_places, weights, tmp_path)
    assert labels(finished) == {"airfield": 7, "apartment_building/outdoor": 7, "beach": 7}
    assert purposes(finished) == {("dataset", "heldout", True): 9, ("training", "train", False): 12}
    assert {row["p_value"] is None for row in finished.patches.to_pylist() if row["selection"] == "top"} == {False}
    assert sizes(finished) == SHAPES
    assert trained_on == dict.fromkeys(SHAPES, SQUARE)
    assert prompts(finished) == {
        None: "",
        "airfield": "Image of airfield.",
        "apartment_building/outdoor": "Image of outdoor apartment building.",
        "beach": "Image of beach.",
    }


def test_xray(weights: Weights, tmp_path: Path, trained_on: dict[Any, Any]) -> None:
    finished = run("xray", partial(write_xray, size=2 * SIDE), weights, tmp_path)
    joint = "Pleural_Thickening|Infiltration"
    assert labels(finished) == {"Atelectasis": 3, "Infiltration": 2, "No Finding": 1, joint: 1}
    assert purposes(finished) == {("dataset", "heldout", True): 2, ("training", "train", False): 4}
    assert sizes(finished) == SQUARE
    assert trained_on == {(SIDE, SIDE): SQUARE}
    boxed = {record.path: record for record in finished.records.values() if record.split == "heldout"}
    assert set(boxed) == {"images/00000000_000.png", "images/00000003_000.png"}
    box = np.zeros((SIDE, SIDE), dtype=bool)
    box[16:24, 8:24] = True
    assert np.array_equal(finished.masks(boxed["images/00000000_000.png"].image_id)["Atelectasis"], box)
    for localisation in ("paper_auc_pr", "box_average_precision", "box_typicality", "pixel_average_precision"):
        assert finished.metrics[localisation]["count"] == 2
        assert set(finished.metrics[localisation]["per_label"]) == {"Atelectasis", "Infiltration"}
    assert prompts(finished) == {
        None: "Chest X-Ray.",
        "Atelectasis": "Chest X-Ray with Atelectasis.",
        "Infiltration": "Chest X-Ray with Infiltration.",
        "No Finding": "Chest X-Ray with no finding.",
        joint: "Chest X-Ray with Pleural Thickening, Infiltration.",
    }


def test_a_whole_clip_becomes_the_models_text_encoder(weights: Weights, tmp_path: Path) -> None:
    """What is told by another encoder than the model's own has to be saved with what it was finetuned to."""
    finished = run("ftt", write_ftt, weights, tmp_path)
    saved, whole, own = (hidden_states(path) for path in (finished.path / "model", weights.clip, weights.model))
    assert np.array_equal(saved, whole)
    assert not np.allclose(saved, own)


def hidden_states(checkpoint: Path) -> FloatArray:
    """What the text encoder of a checkpoint makes of a prompt."""
    import torch

    from diffmine.builtin.encoders.clip_encoder import ClipTextEncoder

    encoder = ClipTextEncoder.from_pretrained(checkpoint, torch.device("cpu"))
    hidden: FloatArray = encoder.encode(["A face portrait."]).tokens.numpy()
    return hidden


def test_the_base_model_beside_the_finetuned(weights: Weights, tmp_path: Path) -> None:
    own_encoder = f"conditioning.path={weights.model}"
    finished = run("cardb", write_cardb, weights, tmp_path, out="cardb")
    base = run("cardb", Path.resolve, weights, tmp_path, "finetune.use=none", own_encoder, out="cardb-base")
    assert not (base.path / "model").exists()
    draw_before_after(finished.contents, base.contents).save(tmp_path / "before-after.png")
    results, _ = compare([finished.path, base.path])
    assert [one.variant for one in results.entries] == ["cardb", "cardb-base"]
