"""What the contracts ask; maps against closed forms; that networks find what was planted, and learn the same twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffmine_discriminative import classifier
from diffmine_discriminative.examples import Examples
from diffmine_discriminative.extractor import Cnn
from diffmine_discriminative.few_shot import FewShotMasks
from diffmine_discriminative.network import STRIDE, Network, prepared
from diffmine_discriminative.options import NetworkConfig
from diffmine_discriminative.scorers import CnnCam, CnnGradCam
from diffmine_discriminative.scoring import gradient_maps
from diffmine_discriminative.segmenting import chosen
from pydantic import ValidationError

import diffmine
from diffmine.errors import DataError, DiffmineError
from diffmine.interfaces import ModelTools, Progress, TypicalityScorer
from diffmine.numerics.seeding import torch_generator
from diffmine.runs.run import Run
from diffmine.testing.contracts.extractors import FeatureExtractorContract
from diffmine.testing.contracts.scorers import TypicalityScorerContract
from diffmine.testing.toy_pictures import toy_picture, write_toy_folder
from diffmine.testing.toy_tools import LABELS, as_picture, without_model
from diffmine.testing.toy_training import toy_training_set, training_set
from diffmine.types import BoolArray, Picture

RECIPES = Path(__file__).parent.parent / "recipes"
DATASET = """
[dataset]
use = "folder"
path = "pictures"
masks = "pictures-masks"
holdout = 0.25
mine = "heldout"
"""
SMALL = NetworkConfig(width=4, depth=1, epochs=2, batch_size=4, shift=2)
QUICK = NetworkConfig(width=8, depth=1, epochs=20, batch_size=16, shift=2)


class TestCnnCam(TypicalityScorerContract):
    @pytest.fixture
    def scorer(self) -> CnnCam:
        return CnnCam(CnnCam.Config(**SMALL.model_dump()))


class TestCnnGradCam(TypicalityScorerContract):
    @pytest.fixture
    def scorer(self) -> CnnGradCam:
        return CnnGradCam(CnnGradCam.Config(**SMALL.model_dump(), block=0))


class TestFewShotMasks(TypicalityScorerContract):
    @pytest.fixture
    def scorer(self) -> FewShotMasks:
        return FewShotMasks(FewShotMasks.Config(**SMALL.model_dump(), masks=3))


class TestCnn(FeatureExtractorContract):
    @pytest.fixture
    def extractor(self) -> Cnn:
        return Cnn(SMALL)


@pytest.fixture
def network() -> Network:
    """Of random weights and norms, for two outputs."""
    network = Network(SMALL.model_copy(update={"depth": 2}), 2, torch_generator("a test"))
    generator = torch.Generator().manual_seed(0)
    for name, value in network.state_dict().items():
        if value.ndim == 1:  # biases, and what norms scale by and have seen
            value.copy_(
                torch.rand(value.shape, generator=generator) + (0.5 if "weight" in name or "var" in name else -0.5)
            )
    return network.eval().requires_grad_(False)


@pytest.fixture
def pictures() -> torch.Tensor:
    return prepared([toy_picture(number % 2, 2, 32, 0, number)[0] for number in range(3)], "cpu")


def test_the_mean_of_a_map_is_the_log_odds_of_the_pooled_features(network: Network, pictures: torch.Tensor) -> None:
    pooled = network.features(pictures).mean(dim=(2, 3))
    log_odds = pooled @ network.head.weight[:, :, 0, 0].T + network.head.bias
    torch.testing.assert_close(network(pictures).mean(dim=(2, 3)), log_odds)


def test_grad_cam_of_the_last_block_is_the_positive_part_of_cam_without_bias(
    network: Network, pictures: torch.Tensor
) -> None:
    cam = torch.einsum("pchw,lc->plhw", network.features(pictures), network.head.weight[:, :, 0, 0])
    torch.testing.assert_close(gradient_maps(network, pictures, (0, 1), -1), cam.relu())
    assert (cam < 0).any(), "or the positive part would be all of it"


def test_grad_cam_of_an_earlier_block_is_the_papers(network: Network, pictures: torch.Tensor) -> None:
    """Equations 1 and 2 there, by finite differences of the logit in float64, times the number of cells."""
    exact = network.double()
    features = exact.features(pictures.double(), 1)
    cells = features[0, 0].numel()
    weights, step = torch.zeros(3, 2, features.shape[1], dtype=torch.float64), 1e-6
    for channel in range(features.shape[1]):
        for row, column in np.ndindex(*features.shape[2:]):
            nudged = features.clone()
            nudged[:, channel, row, column] += step
            change = exact.after(nudged, 1).mean(dim=(2, 3)) - exact.after(features, 1).mean(dim=(2, 3))
            weights[:, :, channel] += change / step / cells
    expected = cells * torch.einsum("plc,pchw->plhw", weights, features).relu()
    found = gradient_maps(exact, pictures.double(), (1, 0), 1).flip(1)
    assert found.max() > 0
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_a_cell_depends_on_the_pixels_around_it_alone(network: Network, pictures: torch.Tensor) -> None:
    """10 + 8 depth px, as the option says: the first cell of a row, whose middle is at 2 px, sees 15 columns."""
    outside, inside = pictures.clone(), pictures.clone()
    outside[..., 15:] = 0
    inside[..., 14:] = 0
    maps = network(pictures)
    torch.testing.assert_close(network(outside)[..., 0], maps[..., 0])
    assert not torch.allclose(network(inside)[..., 0], maps[..., 0])


def test_maps_lie_where_the_picture_does(network: Network, pictures: torch.Tensor) -> None:
    """With kernels that are their own mirror image, the map of a mirrored picture is the mirrored map."""
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.weight.copy_((module.weight + module.weight.flip(2, 3)) / 2)
    torch.testing.assert_close(network(pictures.flip(2, 3)), network(pictures).flip(2, 3))


def test_pictures_of_several_sizes_are_learned_from_at_the_smallest(tmp_path: Path) -> None:
    tall, wide = np.zeros((40, 24, 3), np.uint8), np.ones((20, 60, 3), np.uint8)
    for crop, size in (("none", (20, 24)), ("center", (20, 20))):
        data = training_set([as_picture(tall), as_picture(wide, "b")], crop=crop)
        examples = Examples(SMALL, data, data.train, ("key",))
        (batch,) = examples.epoch(0)
        assert [one.shape for one in batch.pixels] == [(*size, 3)] * 2
        assert {int(one.max()) for one in batch.pixels} == {0, 1}, "each picture once"


def test_targets_are_shifted_and_mirrored_with_their_pixels() -> None:
    mark = np.zeros((16, 16, 3), np.uint8)
    mark[2:5, 3:9] = 200
    picture = as_picture(mark)
    data = training_set([picture])
    options = SMALL.model_copy(update={"shift": 6})
    examples = Examples(options, data, data.train, (1,), {picture.record.image_id: mark[..., :1] // 200})
    seen = set()
    for epoch in range(20):
        (batch,) = examples.epoch(epoch)
        assert np.array_equal(batch.layers[0][..., 3] * 200, batch.layers[0][..., 0])
        seen.add(batch.layers[0].tobytes())
    assert len(seen) > 10


def digests(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(
    "scorer", [CnnCam(CnnCam.Config(**SMALL.model_dump())), FewShotMasks(FewShotMasks.Config(**SMALL.model_dump()))]
)
def test_equal_seeds_learn_the_same_whatever_else_is_drawn(tmp_path: Path, scorer: TypicalityScorer) -> None:
    learned = []
    for number, seed in enumerate((0, 0, 1)):
        torch.manual_seed(number)
        tools = without_model()
        tools.seed = seed
        classifier._learned.clear()
        folder = tmp_path / str(number)
        folder.mkdir()
        scorer.fit(toy_training_set(masks=scorer.needs_masks), tools, folder=folder, progress=Progress())
        learned.append(digests(folder))
    assert learned[0] == learned[1]
    assert learned[0] != learned[2]
    assert {Path(name).suffix for name in learned[0]} == {".safetensors", ".json"}


def test_scorer_and_extractor_learn_once_and_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    learn, learnings = classifier._learn, []
    monkeypatch.setattr(classifier, "_learn", lambda *arguments: learnings.append(1) or learn(*arguments))
    classifier._learned.clear()
    data, folders = toy_training_set(), [tmp_path / "scorer", tmp_path / "extractor"]
    for component, folder in zip((CnnCam(CnnCam.Config(**SMALL.model_dump())), Cnn(SMALL)), folders, strict=True):
        folder.mkdir()
        component.fit(data, without_model(), folder=folder, progress=Progress())
    assert len(learnings) == 1
    assert digests(folders[0]) == digests(folders[1])


def fitted(scorer: TypicalityScorer, pictures: list[Picture], masks: list[BoolArray], folder: Path) -> ModelTools:
    data = training_set(pictures)
    known = {one.record.image_id: {one.record.labels[0]: mask} for one, mask in zip(pictures, masks, strict=True)}
    data = replace(data, masks=lambda record: known[record.image_id])
    tools = without_model()
    scorer.fit(data, tools, folder=folder, progress=Progress())
    return tools.with_fitted(folder)


@pytest.mark.parametrize(
    "scorer",
    [
        CnnCam(CnnCam.Config(**QUICK.model_dump())),
        CnnGradCam(CnnGradCam.Config(**QUICK.model_dump())),
        FewShotMasks(FewShotMasks.Config(**{**QUICK.model_dump(), "epochs": 60})),
    ],
    ids=lambda scorer: scorer.name,
)
def test_planted_elements_of_unseen_pictures_are_found(tmp_path: Path, scorer: TypicalityScorer) -> None:
    drawn = [toy_picture(number % 2, 2, 32, 0, number // 2) for number in range(144)]
    pictures = [as_picture(pixels, LABELS[number % 2]) for number, (pixels, _) in enumerate(drawn)]
    tools = fitted(scorer, pictures[:120], [mask for _, mask in drawn[:120]], tmp_path)
    scoring = scorer.open(tools)
    hits, right = [], []
    for number in range(120, 144):
        mask, own = drawn[number][1], number % 2
        maps = scoring.score([pictures[number]], [LABELS], Progress())[0]
        if mask.any():
            row, column = np.unravel_index(maps[own].mean.argmax(), maps[own].mean.shape)
            rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))  # a ring has a hole
            inside = [side[0] <= STRIDE * at + 2 <= side[-1] for side, at in ((rows, row), (columns, column))]
            hits.append(all(inside))
            right.append(maps[own].mean.max() > maps[1 - own].mean.max())
    assert np.mean(hits) > 0.8, "a place drawn at random hits one in ten"
    assert np.mean(right) > 0.8


def test_few_shot_reads_so_many_masks_of_each_label_and_no_more(tmp_path: Path) -> None:
    data, read = toy_training_set(train=24, masks=True), []
    counted = replace(data, masks=lambda record: read.append(record) or data.masks(record))
    shown = chosen(counted, LABELS, 4, 0, Progress())
    assert [record.labels[0] for record in shown] == ["a"] * 4 + ["b"] * 4
    assert all(data.masks(record)[record.labels[0]].any() for record in shown)
    assert len(read) < 24
    assert chosen(data, LABELS, 4, 1, Progress()) != shown


def test_few_shot_without_masks_is_a_sentence(tmp_path: Path) -> None:
    bare = replace(toy_training_set(), masks=lambda record: {})
    scorer = FewShotMasks(FewShotMasks.Config(**SMALL.model_dump()))
    with pytest.raises(DataError, match=r"none of the 5 training pictures of 'a' has a mask, .*; give the dataset"):
        scorer.fit(bare, without_model(), folder=tmp_path, progress=Progress())


def test_a_training_of_a_single_step_is_one_too(tmp_path: Path) -> None:
    options = SMALL.model_copy(update={"epochs": 1, "batch_size": 64})
    CnnCam(CnnCam.Config(**options.model_dump())).fit(
        toy_training_set(), without_model(), folder=tmp_path, progress=Progress()
    )
    assert set(digests(tmp_path)) == {"network.safetensors", "network.json"}


def test_what_cannot_be_told_apart_is_a_sentence(tmp_path: Path) -> None:
    scorer = CnnCam(CnnCam.Config(**SMALL.model_dump()))
    only_a = training_set([as_picture(toy_picture(0, 2, 32, 0, number)[0]) for number in range(4)])
    with pytest.raises(DataError, match=r"no training picture has the label 'b', so cnn-cam cannot learn it; add"):
        scorer.fit(only_a, without_model(), folder=tmp_path, progress=Progress())
    with pytest.raises(DataError, match="cnn-cam was opened before it was fitted"):
        scorer.open(without_model())
    with pytest.raises(ValidationError, match="block = 7: a network of depth 1 has blocks 0 to 2"):
        CnnGradCam.Config(**SMALL.model_dump(), block=7)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with toy pictures, each with an element that is its label's, and recipes for them."""
    folder = tmp_path_factory.mktemp("discriminative")
    write_toy_folder(folder / "pictures", per_label=80)
    for recipe in RECIPES.glob("*.toml"):
        (folder / recipe.name).write_text(f'extends = "{recipe}"\n{DATASET}', encoding="utf-8")
    return folder


def mined(place: Path, recipe: str, out: str, *more: str, until: str | None = None) -> Run:
    network = {**QUICK.model_dump(), "epochs": 60 if recipe == "few-shot" else 20}
    tables = ("scorer",) if recipe == "few-shot" else ("scorer", "features")
    sets = [f"{table}.{name}={str(value).lower()}" for table in tables for name, value in network.items()]
    common = ["patches.size=8", "scorer.null_labels=1", "clusterer.n_clusters=2", 'report={use=["terminal"]}']
    return diffmine.run(
        place / f"{recipe}.toml",
        out=place / out,
        store=place / f"{out} store",
        overrides=[*sets, *common, *more],
        until=until,
    )


@pytest.fixture
def one_thread() -> Iterator[None]:
    """As many threads as each of two workers has: sums over more come out differently in their last bits."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_a_run_of_a_classifier_learns_the_same_whatever_the_number_of_workers(place: Path, one_thread: None) -> None:
    one = mined(place, "cnn-cam", "one")
    assert "finetune" not in one.info["stages"]
    assert one.metrics["patch_precision"]["value"] > one.metrics["patch_precision"]["chance"] + 0.2
    assert one.metrics["presence_auc"]["value"] > 0.8
    classifier._learned.clear()
    two = mined(place, "cnn-cam", "two", "executor.workers=2", "dataset.crop=none")
    fitted = [digests(run.artifact("typicality") / "fitted") for run in (one, two)]
    assert fitted[0] == fitted[1]
    assert one.selected_patches.select(["image_id", "y0", "x0"]) == two.selected_patches.select(
        ["image_id", "y0", "x0"]
    )
    with pytest.raises(DiffmineError, match=r"\[features\] depth = 1, but \[scorer\] depth = 2"):
        mined(place, "cnn-cam", "no", "scorer.depth=2")


def test_a_run_of_few_masks_finds_the_elements_of_pictures_whose_masks_it_has_not_seen(place: Path) -> None:
    run = mined(place, "few-shot", "few")
    assert run.metrics["patch_precision"]["value"] > run.metrics["patch_precision"]["chance"] + 0.4
    with pytest.raises(DiffmineError, match="none of the 60 training pictures of 'a' has a mask"):
        mined(place, "few-shot", "no", f"dataset.masks={place / 'pictures' / 'a'}", until="typicality")
