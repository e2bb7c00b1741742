"""What a run is said to cost."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from diffmine.engine.estimate import THREAD_VARIABLES, estimate
from diffmine.plugins.registry import registry
from diffmine.recipes.reading import parse_recipe
from diffmine.recipes.resolving import resolve
from diffmine.testing.tiny_recipe import write_tiny_recipe

COUNTS = """
from diffmine.engine.estimate import torch_threads
ours = torch_threads()
import torch
print(ours, torch.get_num_threads())
"""


def count(start: Callable[[], None] | None, **variables: str) -> list[str]:
    """The threads that are counted, and torch's own number, in a process that starts so."""
    clean = {name: value for name, value in os.environ.items() if name not in THREAD_VARIABLES}
    command = [sys.executable, "-c", COUNTS]
    told = subprocess.run(
        command, env={**clean, **variables}, preexec_fn=start, capture_output=True, text=True, check=True
    )
    return told.stdout.split()


def on_one_core() -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system binds no process to cores")
def test_threads_are_those_that_torch_uses() -> None:
    assert count(on_one_core) == ["1", "1"]
    assert count(None, OMP_NUM_THREADS="1") == ["1", "1"]


def test_hours_on_a_processor_want_a_gpu(tmp_path: Path) -> None:
    tables = tomllib.loads(write_tiny_recipe(tmp_path, per_label=1).read_text())
    assert not estimate(resolve(parse_recipe(tables, tmp_path), registry()), "cpu").wants_gpu
    tables["finetune"]["steps"] = 2**40
    cost = estimate(resolve(parse_recipe(tables, tmp_path), registry()), "cpu")
    assert cost.wants_gpu
    assert not cost.given(["images", "finetune"]).wants_gpu, "the finetuned model is there"
