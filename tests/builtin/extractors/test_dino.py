from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoModel

from diffmine.builtin.extractors.dino import Dino
from diffmine.errors import ModelError
from diffmine.interfaces import FeatureExtractor, ModelTools, PatchRequest
from diffmine.testing.contracts.extractors import BatchedExtractorContract
from diffmine.testing.toy_pictures import toy_picture
from diffmine.testing.toy_tools import as_picture, toy_tools
from diffmine.testing.toy_vision import DINO_KINDS, DINO_PREPARATION, tiny_clip, tiny_dino
from diffmine.types import Box

PREFIX = {"dino": 1, "dinov2": 1, "dinov2_with_registers": 5, "dinov3": 5}
"""Class and register tokens before the patches'."""


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> ModelTools:
    return toy_tools(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_dino(tmp_path_factory.mktemp("dino"))


class TestDinoContract(BatchedExtractorContract):
    @pytest.fixture
    def extractor(self, checkpoint: Path) -> FeatureExtractor:
        return Dino(Dino.Config(path=str(checkpoint)))


@pytest.mark.parametrize("kind", DINO_KINDS)
@pytest.mark.parametrize("image_size", [None, 48])
def test_it_is_the_mean_of_the_patch_tokens_under_the_box(
    tools: ModelTools, tmp_path: Path, kind: str, image_size: int | None
) -> None:
    path = tiny_dino(tmp_path / kind, kind)  # type: ignore[arg-type]
    pixels = toy_picture(0, 2, 44, 0, 1)[0][:30]
    boxes = (Box(0, 0, 15, 11), Box(3, 5, 29, 40), Box(29, 43, 30, 44))
    dino = Dino(Dino.Config(path=str(path), image_size=image_size))
    rows = dino.open(tools).extract([PatchRequest(as_picture(pixels), "a", boxes)])[0]

    h, w = (4, 6) if image_size is None else (6, 9)  # 30 x 44 px is 3.75 x 5.5 patches of 8 px; 48 x 70.4 is 6 x 8.8
    resized = np.asarray(Image.fromarray(pixels).resize((8 * w, 8 * h), Image.Resampling.BICUBIC)) / 255.0
    normal = (resized - DINO_PREPARATION["image_mean"]) / DINO_PREPARATION["image_std"]
    model = AutoModel.from_pretrained(path).eval()
    options = {"interpolate_pos_encoding": True} if kind == "dino" else {}
    with torch.no_grad():
        tokens = model(torch.from_numpy(normal).permute(2, 0, 1)[None].float(), **options).last_hidden_state[0]
    assert len(tokens) == PREFIX[kind] + h * w
    grid = tokens[PREFIX[kind] :].reshape(h, w, -1).numpy()
    # a fine sheet of samples stands for the picture: each takes the token under it
    fine = 18
    sheet = grid[np.arange(30 * fine) * h // (30 * fine)][:, np.arange(44 * fine) * w // (44 * fine)]
    for box, row in zip(boxes, rows, strict=True):
        expected = sheet[box.y0 * fine : box.y1 * fine, box.x0 * fine : box.x1 * fine].mean((0, 1), np.float64)
        np.testing.assert_allclose(row, expected / np.linalg.norm(expected), atol=1e-5)


def test_one_pass_serves_all_patches_and_labels_of_a_picture(tools: ModelTools, tmp_path: Path) -> None:
    extraction = Dino(Dino.Config(path=str(tiny_dino(tmp_path)))).open(tools)
    passed: list[int] = []
    extraction._network.register_forward_hook(lambda module, inputs, output: passed.append(len(output[0])))  # type: ignore[attr-defined]
    picture = as_picture(toy_picture(0, 2, 32, 0, 1)[0])
    requests = [PatchRequest(picture, label, (Box(0, 0, 8, 8), Box(8, 8, 24, 24))) for label in ("a", "b")]
    first, second = extraction.extract(requests)
    assert sum(passed) == 1
    assert np.array_equal(first, second)


def test_a_model_without_patch_tokens_is_refused(tools: ModelTools, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"'clip' model does not give one token for each patch"):
        Dino(Dino.Config(path=str(tiny_clip(tmp_path)))).open(tools)
