from __future__ import annotations

import shutil
from fnmatch import fnmatch
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants

from diffmine.builtin.encoders.clip_text import ClipText
from diffmine.builtin.models.stable_diffusion import StableDiffusion
from diffmine.errors import ModelError
from diffmine.testing.toys import tiny_stable_diffusion
from diffmine.weights import pretrained
from diffmine.weights.pretrained import SETTINGS, copy_part, fetch

COMMIT = "1d0c4ebf6ff58a5caecab40fa1406526bca4b5b9"

PUBLISHED = [
    "model_index.json",
    "v1-5-pruned-emaonly.safetensors",
    "feature_extractor/preprocessor_config.json",
    "safety_checker/model.safetensors",
    "scheduler/scheduler_config.json",
    "text_encoder/config.json",
    "text_encoder/model.fp16.safetensors",
    "text_encoder/model.safetensors",
    "text_encoder/pytorch_model.bin",
    "tokenizer/merges.txt",
    "tokenizer/vocab.json",
    "unet/config.json",
    "unet/diffusion_pytorch_model.bin",
    "unet/diffusion_pytorch_model.fp16.safetensors",
    "unet/diffusion_pytorch_model.non_ema.safetensors",
    "unet/diffusion_pytorch_model.safetensors",
    "unet/diffusion_pytorch_model-00001-of-00002.safetensors",
    "unet/diffusion_pytorch_model.fp16-00001-of-00002.safetensors",
    "vae/config.json",
    "vae/diffusion_pytorch_model.safetensors",
]


def downloaded(variant: str | None) -> set[str]:
    """The weights that would be fetched of a repository with ``PUBLISHED``."""
    patterns = [*SETTINGS, *(p for part in StableDiffusion.weights for p in pretrained._weights_of(part, variant))]
    chosen = {name for name in PUBLISHED if any(fnmatch(name, pattern) for pattern in patterns)}
    assert {name for name in PUBLISHED if name.endswith((".json", ".txt"))} <= chosen
    return {name for name in chosen if not name.endswith((".json", ".txt"))}


def test_only_the_weights_that_are_used_are_fetched() -> None:
    assert downloaded(None) == {
        "text_encoder/model.safetensors",
        "unet/diffusion_pytorch_model.safetensors",
        "unet/diffusion_pytorch_model-00001-of-00002.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
    }
    assert downloaded("fp16") == {
        "text_encoder/model.fp16.safetensors",
        "unet/diffusion_pytorch_model.fp16.safetensors",
        "unet/diffusion_pytorch_model.fp16-00001-of-00002.safetensors",
    }


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The hub's cache with one snapshot of ``owner/tiny``, and no network."""
    cache = tmp_path / "hub"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    repository = cache / "models--owner--tiny"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(COMMIT)
    return tiny_stable_diffusion(repository / "snapshots" / COMMIT)


def test_a_hub_id_is_the_cached_snapshot(cached: Path) -> None:
    assert fetch("owner/tiny", parts=("unet",), local_files_only=True) == cached
    assert fetch("owner/tiny", parts=("unet",)) == cached
    assert fetch("owner/tiny", parts=("unet",), revision=COMMIT) == cached


def test_models_and_encoders_load_from_the_cache(cached: Path) -> None:
    model = StableDiffusion(StableDiffusion.Config(path="owner/tiny"))
    assert model.fingerprint() == f"commit:{COMMIT}"
    assert model.forward_flops(64, 64) < 1e9, "the checkpoint's own architecture, not the published one"
    denoiser = model.load(torch.device("cpu"))
    encoder = ClipText(ClipText.Config(path="owner/tiny", local_files_only=True)).load(denoiser, ["a"], seed=0)
    assert encoder.encode(["a"]).tokens.shape == (1, 77, 32)


def test_a_checkpoint_that_is_nowhere_is_refused(cached: Path) -> None:
    with pytest.raises(ModelError, match=r"there is no folder 'owner/other', and no such checkpoint .* give a folder"):
        fetch("owner/other", parts=("unet",), local_files_only=True)


def test_copies_hold_no_pickles(cached: Path, tmp_path: Path) -> None:
    source = shutil.copytree(cached / "unet", tmp_path / "unet")
    (source / "diffusion_pytorch_model.bin").write_bytes(b"pickle")
    (source / "diffusion_pytorch_model.fp16.safetensors").write_bytes(b"another variant")
    copy_part(source, tmp_path / "copy", variant=None)
    assert {file.name for file in (tmp_path / "copy").iterdir()} == {
        "config.json",
        "diffusion_pytorch_model.safetensors",
    }


def test_a_sharded_variant_is_copied_as_the_plain_one(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    shard = "model.fp16-00001-of-00002.safetensors"
    (source / shard).write_bytes(b"weights")
    (source / "model.safetensors.index.fp16.json").write_text(f'{{"weight_map": {{"a": "{shard}"}}}}')
    copy_part(source, tmp_path / "copy", variant="fp16")
    assert {file.name: file.read_text() for file in (tmp_path / "copy").iterdir()} == {
        "model-00001-of-00002.safetensors": "weights",
        "model.safetensors.index.json": '{"weight_map": {"a": "model-00001-of-00002.safetensors"}}',
    }
