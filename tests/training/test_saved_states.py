from __future__ import annotations

from pathlib import Path

import pytest
import torch

from diffmine.errors import DiffmineWarning
from diffmine.training.saved_states import Checkpoints


def write(checkpoints: Checkpoints, *steps: int) -> None:
    for step in steps:
        checkpoints.write(step, {"w": torch.full((100,), float(step))}, {"step": step, "rate": 0.1 + 0.2})


def test_the_newest_comes_back_as_written_and_old_ones_go(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep=2)
    assert checkpoints.latest() is None
    write(checkpoints, 5, 20, 100)
    found = checkpoints.latest()
    assert found is not None
    tensors, facts = found
    assert facts == {"step": 100, "rate": 0.1 + 0.2}
    assert torch.equal(tensors["w"], torch.full((100,), 100.0))
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("harm", ["cut", "flip", "no facts", "no tensors", "bad facts"])
def test_a_damaged_one_is_passed_over_with_a_warning(tmp_path: Path, harm: str) -> None:
    checkpoints = Checkpoints(tmp_path)
    write(checkpoints, 5, 10)
    tensors, facts = (tmp_path / "checkpoint-00000010" / name for name in ("state.safetensors", "state.json"))
    data = tensors.read_bytes()
    if harm == "cut":
        tensors.write_bytes(data[: len(data) // 2])
    elif harm == "flip":
        tensors.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    elif harm == "bad facts":
        facts.write_bytes(facts.read_bytes()[:20])
    else:
        (facts if harm == "no facts" else tensors).unlink()
    with pytest.warns(DiffmineWarning, match="checkpoint-00000010 is damaged"):
        found = checkpoints.latest()
    assert found is not None
    assert found[1]["step"] == 5
    write(checkpoints, 10)
    found = checkpoints.latest()
    assert found is not None
    assert found[1]["step"] == 10


def test_what_a_kill_leaves_half_written_does_not_count(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    write(checkpoints, 5)
    (tmp_path / "checkpoint-00000005").rename(tmp_path / ".checkpoint-00000010.tmp")
    assert checkpoints.latest() is None
    write(checkpoints, 10)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-00000010"]
