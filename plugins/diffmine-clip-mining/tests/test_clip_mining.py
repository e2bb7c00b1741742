"""What the contracts ask, the cosines against CLIP's own, and that maps show what the text says.

All on tiny checkpoints of random weights: they prove the code, and nothing of what a trained CLIP finds.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from diffmine_clip_mining.prompts import text
from diffmine_clip_mining.scorers import ClipDifference, ClipSimilarity
from diffmine_clip_mining.scoring import Clip
from pydantic import ValidationError

import diffmine
from diffmine.errors import DataError, DiffmineWarning, ModelError
from diffmine.interfaces import Progress
from diffmine.numerics.upsampling import upsample
from diffmine.testing.contracts.scorers import TypicalityScorerContract
from diffmine.testing.toy_pictures import toy_picture, write_toy_folder
from diffmine.testing.toy_tools import LABELS, as_picture, without_model
from diffmine.testing.toy_vision import tiny_clip, tiny_dino
from diffmine.types import FloatArray

RECIPE = Path(__file__).parent.parent / "recipes" / "clip-mining.toml"
DATASET = """
[dataset]
use = "folder"
path = "pictures"
masks = "pictures-masks"
holdout = 0.25
"""


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_clip(tmp_path_factory.mktemp("clip"))


class TestClipSimilarity(TypicalityScorerContract):
    @pytest.fixture
    def scorer(self, checkpoint: Path) -> ClipSimilarity:
        return ClipSimilarity(ClipSimilarity.Config(path=str(checkpoint), stride=4))


class TestClipDifference(TypicalityScorerContract):
    @pytest.fixture
    def scorer(self, checkpoint: Path) -> ClipDifference:
        return ClipDifference(ClipDifference.Config(path=str(checkpoint), image_size=48, batch_size=2))


def maps(scorer: ClipSimilarity | ClipDifference, pixels: np.ndarray, label: str = "a") -> FloatArray:
    return scorer.open(without_model()).score([as_picture(pixels)], [[label]], Progress())[0][0].mean


def test_cosines_are_those_of_clips_own_vectors(checkpoint: Path) -> None:
    """At the size that the checkpoint was made for, no position is interpolated and no pixel resized."""
    model = transformers.CLIPModel.from_pretrained(checkpoint).eval()
    processor = transformers.AutoImageProcessor.from_pretrained(checkpoint, backend="pil")
    tokenizer = transformers.AutoTokenizer.from_pretrained(checkpoint)
    pixels = toy_picture(0, 2, 32, 0, 0)[0]
    with torch.inference_mode():
        prepared = processor(images=[pixels], input_data_format="channels_last", return_tensors="pt")
        hidden = model.vision_model(**prepared).last_hidden_state
        own = model.visual_projection(model.vision_model.post_layernorm(hidden))[0].numpy()
        whole = np.asarray(_features(model.get_image_features(**prepared)))[0]
        texts = {
            words: np.asarray(_features(model.get_text_features(**tokenizer([words], return_tensors="pt"))))[0]
            for words in ("a face of a", "")
        }
    np.testing.assert_allclose(own[0], whole, atol=1e-5, err_msg="the class token is projected as patches are here")
    cosine = {
        words: np.array([v @ vector / np.linalg.norm(v) / np.linalg.norm(vector) for v in own[1:]]).reshape(4, 4)
        for words, vector in texts.items()
    }
    options = {"path": str(checkpoint), "template": "a face of {label}", "stride": 8}
    found = maps(ClipSimilarity(ClipSimilarity.Config(**options)), pixels)
    np.testing.assert_allclose(found, cosine["a face of a"], atol=1e-5)
    found = maps(ClipDifference(ClipDifference.Config(**options)), pixels)
    np.testing.assert_allclose(found, cosine["a face of a"] - cosine[""], atol=1e-5)


def _features(result: object) -> object:
    return getattr(result, "pooler_output", result)


def test_a_label_that_says_what_the_empty_text_says_makes_no_difference(checkpoint: Path) -> None:
    scorer = ClipDifference(ClipDifference.Config(path=str(checkpoint), template="same", null_prompt="same"))
    assert np.abs(maps(scorer, toy_picture(0, 2, 32, 0, 0)[0])).max() == 0


def test_larger_pictures_have_more_patches_and_mirrored_ones_as_many(checkpoint: Path) -> None:
    clip = Clip(checkpoint, "cpu", None)
    wide = np.concatenate([toy_picture(0, 2, 32, 0, number)[0] for number in range(3)], axis=1)
    assert clip.patches([wide])[0].shape[:2] == (4, 12)
    assert Clip(checkpoint, "cpu", 64).patches([wide])[0].shape[:2] == (8, 24)
    np.testing.assert_allclose(np.linalg.norm(clip.patches([wide])[0], axis=-1), 1, atol=1e-5)


def test_maps_are_high_where_the_text_points(checkpoint: Path, tmp_path: Path) -> None:
    """A text projection solved so that each label's text is its element's mean patch: unseen elements are found."""
    taught = _taught(checkpoint, tmp_path)
    scorer = ClipDifference(ClipDifference.Config(path=str(taught), stride=4))
    gains = []
    for number in range(60, 84):
        pixels, mask = toy_picture(number % 2, 2, 32, 0, number // 2)
        if mask.any():
            map_ = upsample(maps(scorer, pixels, LABELS[number % 2]), 4, 32, 32)
            gains.append(map_[mask].mean() - map_[~mask].mean())
    assert np.mean(np.array(gains) > 0) > 0.8


def _taught(checkpoint: Path, folder: Path) -> Path:
    clip, model = Clip(checkpoint, "cpu", None), transformers.CLIPModel.from_pretrained(checkpoint)
    tokenizer = transformers.AutoTokenizer.from_pretrained(checkpoint)
    wanted = []
    for place in range(2):
        inside, outside = [], []
        for number in range(24):
            pixels, mask = toy_picture(place, 2, 32, 0, number)
            shares = mask.reshape(4, 8, 4, 8).mean(axis=(1, 3))
            patches = clip.patches([pixels])[0]
            if mask.any():
                inside.extend(patches[shares == shares.max()])
                outside.extend(patches[shares == 0])
        wanted.append(np.mean(inside, axis=0) - np.mean(outside, axis=0))
    tokens = tokenizer([*LABELS, ""], padding=True, return_tensors="pt")
    with torch.inference_mode():
        pooled = model.text_model(**tokens).pooler_output
    targets = torch.tensor(np.array([*wanted, np.zeros_like(wanted[0])]), dtype=torch.float32)
    model.text_projection.weight.data = (torch.linalg.pinv(pooled) @ targets).T.contiguous()
    for file in checkpoint.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    model.save_pretrained(folder)
    return folder


def test_texts_name_labels_and_columns() -> None:
    assert text("{label} in {region}", "bus_stop", {"region": "New_York"}, "spaces") == "bus stop in New York"
    assert text("{label}", "bus_stop", {}, "as-is") == "bus_stop"
    with pytest.raises(DataError, match=r"names the column 'year', which a picture of 'a' has not; it has label"):
        text("{year}", "a", {}, "as-is")
    with pytest.raises(ValidationError, match="in braces"):
        ClipSimilarity.Config(path="x", template="{0}")


def test_a_text_that_is_too_long_is_cut_with_a_warning(checkpoint: Path) -> None:
    scorer = ClipSimilarity(ClipSimilarity.Config(path=str(checkpoint), template="many words " * 60 + "{label}"))
    with pytest.warns(DiffmineWarning, match="CLIP does not read the last"):
        maps(scorer, toy_picture(0, 2, 32, 0, 0)[0])


def test_what_is_no_clip_is_refused(tmp_path: Path) -> None:
    dino = tiny_dino(tmp_path / "dino")
    with pytest.raises(ModelError, match=r"is a 'dinov2' model; choose a CLIP"):
        ClipSimilarity(ClipSimilarity.Config(path=str(dino))).open(without_model())
    (tmp_path / "nothing").mkdir()
    with pytest.raises(ModelError, match=r"cannot be loaded"):
        ClipSimilarity(ClipSimilarity.Config(path=str(tmp_path / "nothing"))).open(without_model())


def test_the_key_is_the_checkpoints_content(checkpoint: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in checkpoint.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    one, two = (ClipSimilarity(ClipSimilarity.Config(path=str(path))) for path in (checkpoint, copy))
    assert one.identity() == two.identity()
    settings = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**settings, "logit_scale_init_value": 1.0}))
    assert one.identity() != ClipSimilarity(ClipSimilarity.Config(path=str(copy))).identity()


def test_the_recipe_runs_without_a_diffusion_model(checkpoint: Path, tmp_path: Path) -> None:
    write_toy_folder(tmp_path / "pictures", per_label=8)
    (tmp_path / "mine.toml").write_text(f'extends = "{RECIPE}"\n{DATASET}', encoding="utf-8")
    overrides = [f"scorer.path={checkpoint}", "scorer.image_size=32", "patches.size=8", "clusterer.n_clusters=2"]
    run = diffmine.run(
        tmp_path / "mine.toml", out=tmp_path / "run", overrides=[*overrides, 'report={use=["terminal"]}']
    )
    assert "finetune" not in run.info["stages"]
    assert "pixel_average_precision" in run.metrics
