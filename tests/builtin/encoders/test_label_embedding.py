from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from diffmine.builtin.encoders.label_embedding import LabelEmbedding
from diffmine.builtin.models.patch_unet import PatchUNet
from diffmine.errors import ModelError
from diffmine.interfaces import Denoiser, PromptEncoder

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def denoiser() -> Denoiser:
    return PatchUNet(PatchUNet.Config(start="scratch", channels=(16, 32), conditioning_width=16)).load(CPU)


def load(denoiser: Denoiser, *labels: str, folder: Path | None = None) -> PromptEncoder:
    return LabelEmbedding(LabelEmbedding.Config()).load(denoiser, labels, seed=0, folder=folder)


def test_labels_learn_apart(denoiser: Denoiser) -> None:
    """A step on one label moves neither the others nor the null condition."""
    encoder = load(denoiser, "a", "b")
    before = encoder.encode([None, "a", "b"]).tokens.detach().clone()
    optimizer = torch.optim.SGD(encoder.parameters(), lr=1.0)
    encoder.encode(["a"]).tokens.sum().backward()
    optimizer.step()
    moved = (encoder.encode([None, "a", "b"]).tokens - before).flatten(1)
    torch.testing.assert_close(moved, torch.tensor([[0.0], [-1.0], [0.0]]).expand(-1, 16))


def test_the_file_says_whose_row_is_whose(denoiser: Denoiser, tmp_path: Path) -> None:
    encoder = load(denoiser, "Saint-Émilion", "b")
    encoder.save(tmp_path)
    rows = load_file(tmp_path / "conditioning" / "label_embedding.safetensors")["tokens"]
    labels = json.loads((tmp_path / "conditioning" / "labels.json").read_text())
    assert labels == ["Saint-Émilion", "b"]
    assert torch.equal(rows, encoder.encode([None, *labels]).tokens[:, 0])


def test_a_run_may_keep_fewer_labels_than_were_learned(denoiser: Denoiser, tmp_path: Path) -> None:
    learned = load(denoiser, "a", "b", "c")
    learned.save(tmp_path)
    fewer = load(denoiser, "c", folder=tmp_path)
    assert torch.equal(fewer.encode(["c", None]).tokens, learned.encode(["c", None]).tokens)


def test_unknown_labels_are_named(denoiser: Denoiser, tmp_path: Path) -> None:
    load(denoiser, "a", "b").save(tmp_path)
    with pytest.raises(ModelError, match="never learned 'x', 'y'; it knows 'a', 'b'"):
        load(denoiser, "a", "x", "y", folder=tmp_path)


def test_a_folder_without_an_embedding_is_refused(denoiser: Denoiser, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds no label embedding"):
        load(denoiser, "a", folder=tmp_path)


def test_an_embedding_of_another_width_is_refused(denoiser: Denoiser, tmp_path: Path) -> None:
    load(denoiser, "a").save(tmp_path)
    other = PatchUNet(PatchUNet.Config(start="scratch", channels=(16, 32), conditioning_width=24)).load(CPU)
    with pytest.raises(ModelError, match="16 wide, but the model takes 24"):
        load(other, "a", folder=tmp_path)
