from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from transformers import CLIPModel, CLIPVisionModelWithProjection

from diffmine.builtin.extractors.clip import Clip
from diffmine.errors import ModelError
from diffmine.interfaces import FeatureExtractor, ModelTools, PatchRequest
from diffmine.testing.contracts.extractors import BatchedExtractorContract
from diffmine.testing.toy_pictures import toy_picture
from diffmine.testing.toy_tools import as_picture, toy_tools
from diffmine.testing.toy_vision import CLIP_PREPARATION, tiny_clip, tiny_dino
from diffmine.types import Box, ByteArray


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> ModelTools:
    return toy_tools(tmp_path_factory.mktemp("model"))


class TestClipContract(BatchedExtractorContract):
    @pytest.fixture
    def extractor(self, checkpoint: Path) -> FeatureExtractor:
        return Clip(Clip.Config(path=str(checkpoint)))


def prepared(crop: ByteArray) -> torch.Tensor:
    """CLIP's preparation written out: short side to 32 px bicubically, centre crop, mean and deviation."""
    height, width = crop.shape[:2]
    scale = 32 / min(height, width)
    size = (int(width * scale), int(height * scale))
    resized = np.asarray(Image.fromarray(crop).resize(size, Image.Resampling.BICUBIC))
    top, left = (resized.shape[0] - 32) // 2, (resized.shape[1] - 32) // 2
    values = resized[top : top + 32, left : left + 32] / 255.0
    normal = (values - CLIP_PREPARATION["image_mean"]) / CLIP_PREPARATION["image_std"]
    return torch.from_numpy(normal).permute(2, 0, 1)[None].float()


def by_hand(checkpoint: Path, crop: ByteArray) -> NDArray[np.float32]:
    model = CLIPModel.from_pretrained(checkpoint).eval()
    with torch.no_grad():
        features = model.get_image_features(prepared(crop)).pooler_output[0].numpy()
    return features / np.linalg.norm(features)


@pytest.mark.parametrize("vision_only", [False, True])
def test_it_is_the_image_embedding_of_each_crop(
    checkpoint: Path, tools: ModelTools, tmp_path: Path, vision_only: bool
) -> None:
    path = checkpoint
    if vision_only:
        path = tmp_path / "vision"
        CLIPVisionModelWithProjection.from_pretrained(checkpoint).save_pretrained(path)
        shutil.copy(checkpoint / "preprocessor_config.json", path)
    pixels = toy_picture(0, 2, 64, 0, 1)[0]
    boxes = (Box(0, 0, 16, 16), Box(7, 20, 57, 60), Box(63, 61, 64, 64))
    rows = Clip(Clip.Config(path=str(path))).open(tools).extract([PatchRequest(as_picture(pixels), "a", boxes)])[0]
    expected = [by_hand(checkpoint, pixels[box.slices()]) for box in boxes]
    np.testing.assert_allclose(rows, expected, atol=1e-5)


def test_the_fingerprint_is_the_checkpoints_and_not_its_place(checkpoint: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(checkpoint, tmp_path / "copy")
    other = tiny_clip(tmp_path / "other", seed=1)
    identities = [Clip(Clip.Config(path=str(path))).identity() for path in (checkpoint, moved, other)]
    assert identities[0] == identities[1] != identities[2]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "preprocessor_config.json").unlink(), "preprocessor_config.json"),
        (lambda folder: (folder / "model.safetensors").unlink(), "safetensors"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"x" * 100), "cannot be loaded"),
        (lambda folder: shutil.copy(tiny_dino(folder / "dino") / "model.safetensors", folder), "lacks .* weights"),
    ],
    ids=["no preparation", "no weights", "damaged weights", "weights of another model"],
)
def test_what_is_wrong_with_a_checkpoint_is_said(
    checkpoint: Path, tools: ModelTools, tmp_path: Path, damage: object, message: str
) -> None:
    folder = shutil.copytree(checkpoint, tmp_path / "damaged")
    damage(folder)  # type: ignore[operator]
    with pytest.raises(ModelError, match=message):
        Clip(Clip.Config(path=str(folder))).open(tools)


def test_a_model_without_image_embeddings_is_refused(tools: ModelTools, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"'dinov2' model.*use = 'dino'"):
        Clip(Clip.Config(path=str(tiny_dino(tmp_path)))).open(tools)
