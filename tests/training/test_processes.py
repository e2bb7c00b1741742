from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import diffmine
from diffmine.testing.toy_pictures import write_toy_folder
from diffmine.testing.toy_training import weights

RECIPE = """
name = "two"
[dataset]
use = "folder"
path = "pictures"
[model]
use = "patch-unet"
start = "scratch"
channels = [16, 32]
latent_channels = 8
conditioning_width = 16
[finetune]
use = "full"
steps = 6
batch_size = 4
eps = 1e-3
warmup_steps = 0
learning_rate = 1e-2
ema = 0.5
log_every = 2
checkpoint_every = 2
"""


@pytest.mark.slow
@pytest.mark.parametrize(("folds", "models"), [(1, ["model"]), (2, ["model/fold-0", "model/fold-1"])])
def test_a_run_launched_as_two_processes_trains_as_one_does(tmp_path: Path, folds: int, models: list[str]) -> None:
    write_toy_folder(tmp_path / "pictures")
    (tmp_path / "recipe.toml").write_text(RECIPE.replace('path = "pictures"', f'path = "pictures"\nfolds = {folds}'))
    command = "-m torch.distributed.run --standalone --nproc-per-node 2 -m diffmine run recipe.toml --until finetune"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    arguments = [sys.executable, *command.split(), "--out", "two", "--store", "store-of-two"]
    subprocess.run(arguments, cwd=tmp_path, env=environment, check=True)
    one = diffmine.run(tmp_path / "recipe.toml", out=tmp_path / "one", store=tmp_path / "store", until="finetune")
    for model in models:
        expected, found = weights(tmp_path / "one" / model), weights(tmp_path / "two" / model)
        assert expected.keys() == found.keys()
        for name, tensor in expected.items():
            torch.testing.assert_close(found[name], tensor, rtol=1e-4, atol=2e-5, msg=name)
    log = diffmine.load_run(tmp_path / "two").training_log
    assert one.training_log is not None
    assert log is not None
    assert log.column("loss").to_pylist() == pytest.approx(one.training_log.column("loss").to_pylist(), rel=1e-4)
