"""What the contracts ask, and that SVMs find what was planted without having seen it."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from diffmine_hog.cells import cell_grid, windows
from diffmine_hog.extractor import Hog
from diffmine_hog.scorer import HogSvm
from diffmine_hog.svm import Svms, deal

import diffmine
from diffmine.errors import DataError
from diffmine.interfaces import Progress
from diffmine.testing.contracts.extractors import FeatureExtractorContract
from diffmine.testing.contracts.scorers import TypicalityScorerContract
from diffmine.testing.toy_pictures import write_toy_folder
from diffmine.testing.toy_tools import LABELS, as_picture, without_model
from diffmine.testing.toy_training import toy_training_set, training_set

RECIPE = Path(__file__).parent.parent / "recipes" / "hog.toml"
DATASET = """
[dataset]
use = "folder"
path = "pictures"
masks = "pictures-masks"
holdout = 0.25
"""
SMALL = ["patches.size=8", "clusterer.n_clusters=2", 'report={use=["terminal", "html"]}']


class TestHog(FeatureExtractorContract):
    @pytest.fixture
    def extractor(self) -> Hog:
        return Hog(Hog.Config())


class TestHogSvm(TypicalityScorerContract):
    @pytest.fixture
    def scorer(self) -> HogSvm:
        return HogSvm(HogSvm.Config(cell=4, reach=1))


def test_a_cells_colour_is_its_mean_and_an_edge_has_its_direction() -> None:
    pixels = np.full((16, 24, 3), 128, np.uint8)
    pixels[:, 14:] = 255
    grid = cell_grid(pixels, cell=8, orientations=4)
    assert grid.shape == (2, 3, 4 + 3)
    assert grid[0, 2, 4] == pytest.approx(1.0, abs=0.01), "white has lightness 100, which is 1 here"
    assert grid[0, 0, 4:] == pytest.approx([0.072, 0, 0], abs=0.01), "mid-grey has lightness 53.6 and no colour"
    assert grid[0, 0, :4].max() == 0, "a flat cell has no edges"
    assert grid[0, 1, :4].argmax() == 0, "a vertical edge has a horizontal gradient"


def test_windows_hold_the_cells_around_each() -> None:
    grid = np.arange(12, dtype=np.float32).reshape(3, 4, 1)
    assert windows(grid, 0).tolist() == grid.tolist()
    around = windows(grid, 1)[1, 1]
    assert around.tolist() == [0, 1, 2, 4, 5, 6, 8, 9, 10]


def test_every_fold_holds_some_of_every_label_and_its_svms_have_not_seen_it(tmp_path: Path) -> None:
    data = toy_training_set(train=12)
    folds = deal(data.train, LABELS, 3)
    for label in LABELS:
        assert {folds[one.image_id] for one in data.train if label in one.labels} == {0, 1, 2}
    scorer, tools = HogSvm(HogSvm.Config(cell=4, reach=0)), without_model()
    scorer.fit(data, tools, folder=tmp_path, progress=Progress())
    svms = Svms.load(tmp_path)
    # Refitted without one fold's pictures as anything else than they are, that fold's SVMs stay the same.
    (tmp_path / "other").mkdir()
    mine = next(one for one in data.train if folds[one.image_id] == 1)
    changed = {mine.image_id: as_picture(255 - data.picture(mine).pixels, mine.labels[0])}
    pictures = [changed.get(one.image_id, data.picture(one)) for one in data.train]
    renamed = [type(one)(mine, one.pixels) if one.record is changed[mine.image_id].record else one for one in pictures]
    scorer.fit(training_set(renamed), tools, folder=tmp_path / "other", progress=Progress())
    other = Svms.load(tmp_path / "other")
    assert np.array_equal(svms.weights[1], other.weights[1])
    assert not np.array_equal(svms.weights[0], other.weights[0])


def test_what_is_kept_is_safe_to_open(tmp_path: Path) -> None:
    HogSvm(HogSvm.Config(cell=4)).fit(toy_training_set(), without_model(), folder=tmp_path, progress=Progress())
    assert {path.suffix for path in tmp_path.iterdir()} == {".safetensors", ".json"}


def test_too_few_pictures_are_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has 1 training pictures, fewer than scorer\.folds = 3; add pictures"):
        HogSvm(HogSvm.Config()).fit(toy_training_set(train=2), without_model(), folder=tmp_path, progress=Progress())


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with toy pictures, each with an element that is its label's, and the recipe."""
    folder = tmp_path_factory.mktemp("hog")
    write_toy_folder(folder / "pictures", per_label=16)
    recipe, after = RECIPE.read_text(encoding="utf-8").split("[dataset]")
    rest = after.partition("[scorer]")[2]
    (folder / "hog.toml").write_text(f"{recipe}{DATASET}[scorer]{rest}", encoding="utf-8")
    return folder


def in_a_process(code: str, *arguments: str) -> str:
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code), *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_checking_and_running_import_no_torch_and_another_model_recomputes_nothing(place: Path) -> None:
    code = """
        import json, sys
        from diffmine.commands.cli import cli, plugin_manager
        recipe, out, store, *settings = sys.argv[1:]
        sets = [word for one in settings for word in ("--set", one)]
        cli(["check", recipe, *sets], standalone_mode=False)
        checked = "torch" in sys.modules
        cli(["run", recipe, *sets, "--out", out, "--store", store], standalone_mode=False)
        print("imported", json.dumps([checked, "torch" in sys.modules]))
    """
    where = (str(place / "hog.toml"), str(place / "run"), str(place / "store"))
    assert in_a_process(code, *where, *SMALL).splitlines()[-1] == "imported [false, false]"
    run = diffmine.load_run(place / "run")
    assert "finetune" not in run.info["stages"]
    assert "[model]" not in (run.path / "recipe.toml").read_text()
    assert run.metrics["patch_precision"]["value"] > run.metrics["patch_precision"]["chance"] + 0.2
    again = diffmine.run(
        place / "hog.toml",
        out=place / "again",
        store=place / "store",
        overrides=[*SMALL, "model.use=stable-diffusion", "model.path=nowhere", "finetune.use=lora"],
    )
    assert all(entry["reused"] for entry in again.info["stages"].values()), json.dumps(again.info["stages"], indent=1)
    assert not [text for text in run.info["warnings"] if "finetune" in text or "draws" in text]
    shown = in_a_process(
        "import sys; from diffmine.commands.cli import cli; cli(sys.argv[1:])",
        *("show", str(run.path), "--label", "a", "--cluster", "0"),
    )
    assert "None" not in shown
    assert "nan" not in shown
