from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from diffmine.weights.fingerprint import checkpoint_fingerprint


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "checkpoint"
    (folder / "unet").mkdir(parents=True)
    (folder / "model_index.json").write_text("{}")
    (folder / "unet" / "model.safetensors").write_bytes(b"weights")
    return folder


def test_any_change_of_weights_settings_or_names_changes_the_fingerprint(folder: Path) -> None:
    seen = [checkpoint_fingerprint(str(folder))]
    weights = folder / "unet" / "model.safetensors"
    weights.write_bytes(b"other")
    seen.append(checkpoint_fingerprint(str(folder)))
    (folder / "model_index.json").write_text('{"a": 1}')
    seen.append(checkpoint_fingerprint(str(folder)))
    weights.rename(weights.with_name("b.safetensors"))
    seen.append(checkpoint_fingerprint(str(folder)))
    assert len(set(seen)) == 4
    assert all(value.startswith("sha256:") for value in seen)


def test_the_place_of_a_folder_and_files_that_are_never_read_do_not_count(folder: Path, tmp_path: Path) -> None:
    before = checkpoint_fingerprint(str(folder))
    (folder / "README.md").write_text("a card")
    (folder / ".cache").mkdir()
    (folder / ".cache" / "x.json").write_text("{}")
    moved = folder.rename(tmp_path / "moved")
    assert checkpoint_fingerprint(str(moved)) == before


def in_process(expression: str, hub_cache: Path) -> str:
    code = f"from diffmine.weights.fingerprint import checkpoint_fingerprint as f; print({expression}, sep=chr(10))"
    environment = os.environ | {"HF_HUB_CACHE": str(hub_cache), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_hub_id_is_known_by_the_commit_in_the_cache(tmp_path: Path) -> None:
    commit = "0123456789" * 4
    repo = tmp_path / "models--owner--name"
    snapshot = repo / "snapshots" / commit
    (snapshot / "unet").mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text(commit)
    expression = (
        f"f('owner/name'), f('owner/name', 'fp16'), f('owner/none', {commit!r}), f({str(snapshot)!r}), "
        f"f({str(snapshot / 'unet')!r}), f('a b/c')"
    )
    assert in_process(expression, tmp_path).splitlines() == [
        f"commit:{commit}",
        "unavailable:owner/name@fp16",
        f"commit:{commit}",
        f"commit:{commit}",
        f"commit:{commit}/unet",
        "unavailable:a b/c@main",
    ]
