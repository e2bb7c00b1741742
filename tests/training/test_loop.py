from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers.optimization import get_scheduler
from PIL import Image

from diffmine.builtin.encoders.label_embedding import LabelEmbedding
from diffmine.builtin.models.patch_unet import PatchUNet
from diffmine.errors import DataError, DiffmineWarning, ModelError
from diffmine.interfaces import Conditioning, Denoiser, Listener, ModelTools, Progress, TrainingLog, TrainingSet
from diffmine.interfaces.progress import nobody
from diffmine.testing.gaussian import GaussianDenoiser, GaussianMeans, GaussianModel
from diffmine.testing.toy_tools import as_picture, toy_tools
from diffmine.testing.toy_training import StopAt, StoppedError, toy_training_set, training_set, untrained_tools, weights
from diffmine.training.adaptations import everything
from diffmine.training.loop import train
from diffmine.training.options import TrainingOptions
from diffmine.training.samples import Draws

CPU = torch.device("cpu")
SHORT = TrainingOptions(
    steps=9,
    batch_size=4,
    learning_rate=3e-3,
    warmup_steps=2,
    schedule="cosine",
    null_probability=0.3,
    ema=0.9,
    log_every=4,
    validate_every=5,
    validation_draws=2,
    checkpoint_every=2,
)
ROUNDING = SHORT.model_copy(update={"eps": 1e-3, "validate_every": 0})
"""With an epsilon above rounding errors, which Adam would otherwise blow up where a gradient should be zero."""


def run(
    tools: ModelTools, data: TrainingSet, options: TrainingOptions, path: Path, listener: Listener = nobody
) -> TrainingLog:
    folder, workspace = path / "model", path / "workspace"
    for one in (folder, workspace):
        one.mkdir(parents=True, exist_ok=True)
    return train(tools, data, options, everything, folder=folder, workspace=workspace, progress=Progress(listener))


def gaussian(model: GaussianModel | None = None) -> ModelTools:
    encoder = GaussianMeans(GaussianMeans.Config())
    model = model or GaussianModel(GaussianModel.Config(stride=4))
    return ModelTools(model, encoder, device="cpu", seed=0, labels=("a", "b"), folder=None)


def assert_same(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    different = [name for name, tensor in one.items() if not torch.equal(tensor, other[name])]
    assert not different


def assert_close(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        torch.testing.assert_close(tensor, other[name], rtol=1e-4, atol=2e-5, msg=name)


def test_a_model_that_starts_from_nothing_resumes_bit_for_bit(tmp_path: Path) -> None:
    data = toy_training_set(crop="random")
    log = run(untrained_tools(), data, SHORT, tmp_path / "whole")
    for units in (3, 5):
        with pytest.raises(StoppedError):
            run(untrained_tools(), data, SHORT, tmp_path / "stopped", StopAt(units))
    assert run(untrained_tools(), data, SHORT, tmp_path / "stopped") == log
    assert_same(weights(tmp_path / "whole" / "model"), weights(tmp_path / "stopped" / "model"))


def test_a_torn_checkpoint_costs_steps_but_changes_nothing(tmp_path: Path) -> None:
    run(untrained_tools(), toy_training_set(), SHORT, tmp_path / "whole")
    with pytest.raises(StoppedError):
        run(untrained_tools(), toy_training_set(), SHORT, tmp_path / "stopped", StopAt(7))
    newest = max((tmp_path / "stopped" / "workspace").glob("checkpoint-*"))
    (newest / "state.safetensors").write_bytes(b"torn")
    with pytest.warns(DiffmineWarning, match="damaged"):
        run(untrained_tools(), toy_training_set(), SHORT, tmp_path / "stopped")
    assert_same(weights(tmp_path / "whole" / "model"), weights(tmp_path / "stopped" / "model"))


SCRIPT = """
import sys
from pathlib import Path
from diffmine.interfaces import Progress
from diffmine.testing.toy_training import toy_training_set, untrained_tools
from diffmine.training.adaptations import everything
from diffmine.training.loop import train
from diffmine.training.options import TrainingOptions

folder, workspace = Path(sys.argv[1], "model"), Path(sys.argv[1], "workspace")
for path in (folder, workspace):
    path.mkdir(parents=True, exist_ok=True)
options = TrainingOptions.model_validate_json(sys.argv[2])
train(
    untrained_tools(), toy_training_set(), options, everything, folder=folder, workspace=workspace, progress=Progress()
)
"""


def test_killed_and_resumed(tmp_path: Path) -> None:
    options = SHORT.model_copy(update={"steps": 16, "checkpoint_every": 1, "validate_every": 0})
    run(untrained_tools(), toy_training_set(), options, tmp_path / "whole")
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "killed"), options.model_dump_json()]
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    process = subprocess.Popen(command, env=environment)
    while process.poll() is None and not list((tmp_path / "killed").glob("workspace/checkpoint-*3")):
        time.sleep(0.002)
    process.kill()
    assert process.wait() == -signal.SIGKILL, "it ended before it could be killed"
    subprocess.run(command, env=environment, check=True)
    assert_same(weights(tmp_path / "whole" / "model"), weights(tmp_path / "killed" / "model"))


def test_it_does_what_a_plain_loop_does(tmp_path: Path) -> None:
    options = SHORT.model_copy(update={"ema": 0.0, "max_grad_norm": 0.02, "weight_decay": 0.1, "steps": 12})
    data = toy_training_set()
    run(gaussian(), data, options, tmp_path)
    tools = gaussian()
    denoiser, offset = tools.denoiser, tools.denoiser.network.offset.requires_grad_()
    optimizer = torch.optim.AdamW([offset], lr=options.learning_rate, weight_decay=0.1)
    schedule = get_scheduler("cosine", optimizer, num_warmup_steps=2, num_training_steps=12)
    draws = Draws(data.train, options, tools.seed)
    for step in range(options.steps):
        losses = []
        for draw in draws.batch(step, range(options.batch_size)):
            pixels = torch.from_numpy(data.picture(draw.record).pixels.copy()).permute(2, 0, 1)[None] / 127.5 - 1
            z = denoiser.encode(pixels)
            noise = torch.randn(z.shape, generator=draw.noise_generator())
            t = denoiser.timesteps(torch.tensor([draw.fraction]))
            prediction = denoiser.predict(denoiser.add_noise(z, noise, t), t, tools.encoder.encode([draw.label]))
            losses.append((prediction - denoiser.target(z, noise, t)).square().mean())
        optimizer.zero_grad()
        (sum(losses) / len(losses)).backward()
        torch.nn.utils.clip_grad_norm_([offset], 0.02)
        optimizer.step()
        schedule.step()
    found = weights(tmp_path / "model")["gaussian.safetensors:offset"]
    torch.testing.assert_close(found, offset.detach(), rtol=1e-4, atol=1e-7)


def test_micro_batches_change_nothing_but_rounding(tmp_path: Path) -> None:
    data = toy_training_set()
    run(toy_tools(tmp_path / "base"), data, ROUNDING, tmp_path / "whole")
    split = ROUNDING.model_copy(update={"gradient_accumulation": 3})
    run(toy_tools(tmp_path / "base"), data, split, tmp_path / "split")
    assert_close(weights(tmp_path / "whole" / "model"), weights(tmp_path / "split" / "model"))


def test_gradient_checkpointing_changes_nothing_but_rounding(tmp_path: Path) -> None:
    data = toy_training_set()
    run(toy_tools(tmp_path / "base"), data, ROUNDING, tmp_path / "plain")
    saving = ROUNDING.model_copy(update={"gradient_checkpointing": True})
    run(toy_tools(tmp_path / "base"), data, saving, tmp_path / "saving")
    assert_close(weights(tmp_path / "plain" / "model"), weights(tmp_path / "saving" / "model"))


def test_kept_latents_change_nothing(tmp_path: Path) -> None:
    data = toy_training_set(crop="center")
    run(toy_tools(tmp_path / "base"), data, SHORT, tmp_path / "kept")
    fresh = SHORT.model_copy(update={"cache_latents": False})
    run(toy_tools(tmp_path / "base"), data, fresh, tmp_path / "fresh")
    assert_same(weights(tmp_path / "kept" / "model"), weights(tmp_path / "fresh" / "model"))


class SmallMemory(GaussianDenoiser):
    """A device on which two pictures fit."""

    def predict(self, noisy: torch.Tensor, timesteps: torch.Tensor, conditioning: Conditioning) -> torch.Tensor:
        if len(noisy) > self.fits:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return super().predict(noisy, timesteps, conditioning)

    fits = 2


class SmallMemoryModel(GaussianModel):
    denoiser: type[SmallMemory] = SmallMemory

    def load(self, device: torch.device, *, folder: Path | None = None) -> Denoiser:
        return self.denoiser("epsilon", 0.5, 4, device)


def test_running_out_of_memory_halves_micro_batches_and_changes_nothing(tmp_path: Path) -> None:
    options = SHORT.model_copy(update={"batch_size": 7})
    run(gaussian(), toy_training_set(), options, tmp_path / "large")
    small = gaussian(SmallMemoryModel(SmallMemoryModel.Config()))
    with pytest.warns(DiffmineWarning, match="memory ran out with 7 pictures"):
        run(small, toy_training_set(), options, tmp_path / "small")
    assert_close(weights(tmp_path / "large" / "model"), weights(tmp_path / "small" / "model"))


def test_one_picture_that_does_not_fit_is_an_error(tmp_path: Path) -> None:
    class NoMemory(SmallMemory):
        fits = 0

    class NoMemoryModel(SmallMemoryModel):
        denoiser = NoMemory

    with pytest.raises(ModelError, match="memory ran out"), pytest.warns(DiffmineWarning):
        run(gaussian(NoMemoryModel(NoMemoryModel.Config())), toy_training_set(), SHORT, tmp_path)


def test_the_model_learns_its_labels(tmp_path: Path) -> None:
    """Two labels of one flat colour each: the loss falls, and the label comes to help on held-out pictures."""
    rng = np.random.default_rng(0)
    colors = [(230, 60, 40), (30, 90, 220)]
    pixels = [np.uint8(colors[n % 2] + rng.integers(-15, 15, 3)) * np.ones((16, 16, 1), np.uint8) for n in range(24)]
    pictures = [as_picture(one, "ab"[number % 2]) for number, one in enumerate(pixels)]
    model = PatchUNet(PatchUNet.Config(start="scratch", channels=(16, 32), latent_channels=2, conditioning_width=16))
    tools = ModelTools(model, LabelEmbedding(LabelEmbedding.Config()), device="cpu", seed=0, labels="ab", folder=None)
    options = SHORT.model_copy(
        update={"steps": 60, "batch_size": 8, "learning_rate": 1e-2, "log_every": 20, "validate_every": 60}
    )
    log = run(tools, training_set(pictures[:16], pictures[16:]), options, tmp_path)
    assert log[-1]["loss"] < 0.8 * log[0]["loss"]
    assert log[-1]["validation_loss"] < 0.9 * log[-1]["validation_null_loss"]


def test_pictures_of_any_shapes_train_together(tmp_path: Path) -> None:
    shapes = [(32, 48), (40, 32), (33, 33), (32, 48)]
    pictures = [as_picture(np.random.default_rng(n).integers(0, 255, (*s, 3), np.uint8)) for n, s in enumerate(shapes)]
    for crop in ("none", "random"):
        log = run(untrained_tools(), training_set(pictures, crop=crop), SHORT, tmp_path / crop)
        assert all(math.isfinite(row["loss"]) for row in log)


def test_the_log(tmp_path: Path) -> None:
    log = run(gaussian(), toy_training_set(), SHORT, tmp_path / "one")
    assert [row["step"] for row in log] == [4, 5, 8, 9]
    assert [row["step"] for row in log if "validation_loss" in row] == [5, 9]
    assert all("validation_null_loss" in row for row in log if "validation_loss" in row)
    every = run(gaussian(), toy_training_set(), SHORT.model_copy(update={"log_every": 1}), tmp_path / "every")
    losses = [row["loss"] for row in every]
    assert [row["loss"] for row in log] == pytest.approx(
        [np.mean(losses[:4]), losses[4], np.mean(losses[5:8]), losses[8]], rel=1e-5
    )
    assert [row["learning_rate"] for row in every[:3]] == pytest.approx([0, 1.5e-3, 3e-3])


def test_without_held_out_pictures_there_is_no_validation(tmp_path: Path) -> None:
    log = run(gaussian(), toy_training_set(heldout=0), SHORT, tmp_path)
    assert not any("validation_loss" in row for row in log)


def test_sheets_of_generated_pictures_show_what_the_model_knows(tmp_path: Path) -> None:
    """The optimal denoiser of N(mean, spread^2) generates that, label by label."""
    encoder = GaussianMeans(GaussianMeans.Config(means={"a": (0.5, -0.5, 0.0), "b": (-0.5, 0.0, 0.5)}, null=(0, 0, 0)))
    for prediction in ("epsilon", "v_prediction", "flow"):
        model = GaussianModel(GaussianModel.Config(prediction=prediction, spread=0.1))
        tools = ModelTools(model, encoder, device="cpu", seed=0, labels=("a", "b"), folder=None)
        options = SHORT.model_copy(update={"steps": 1, "learning_rate": 1e-9, "sample_every": 1})
        run(tools, toy_training_set(), options, tmp_path / prediction)
        sheet = np.asarray(Image.open(tmp_path / prediction / "model" / "samples" / "step-00000001.png"))
        assert sheet.shape == (2 * 32, 4 * 32, 3)
        first, second = sheet[:32].mean((0, 1)) / 127.5 - 1, sheet[32:].mean((0, 1)) / 127.5 - 1
        assert first[0] > 0.4 > -0.4 > first[1]
        assert second[2] > 0.4 > -0.4 > second[0]
        assert 0.03 < sheet[:32, :, 2].std() / 127.5 < 0.3


def test_dropout_is_resumed_too(tmp_path: Path) -> None:
    class Dropping(GaussianDenoiser):
        def predict(self, noisy: torch.Tensor, timesteps: torch.Tensor, conditioning: Conditioning) -> torch.Tensor:
            return super().predict(torch.nn.functional.dropout(noisy, 0.5), timesteps, conditioning)

    class DroppingModel(SmallMemoryModel):
        denoiser = Dropping

    tools = [gaussian(DroppingModel(DroppingModel.Config())) for _ in range(3)]
    run(tools[0], toy_training_set(), SHORT, tmp_path / "whole")
    with pytest.raises(StoppedError):
        run(tools[1], toy_training_set(), SHORT, tmp_path / "stopped", StopAt(5))
    torch.manual_seed(1)
    before = torch.get_rng_state()
    run(tools[2], toy_training_set(), SHORT, tmp_path / "stopped")
    assert_same(weights(tmp_path / "whole" / "model"), weights(tmp_path / "stopped" / "model"))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_loss_that_is_not_finite_is_an_error(tmp_path: Path) -> None:
    options = SHORT.model_copy(update={"learning_rate": 1e30, "max_grad_norm": 0.0, "validate_every": 0, "steps": 40})
    with pytest.raises(ModelError, match=r"lower finetune\.learning_rate"):
        run(gaussian(), toy_training_set(), options, tmp_path)


def test_nothing_to_train_on_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no pictures to train on"):
        run(gaussian(), replace(toy_training_set(), train=[]), SHORT, tmp_path)


def test_what_cannot_be_kept_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cache_latents"):
        run(gaussian(), toy_training_set(crop="random"), SHORT.model_copy(update={"cache_latents": True}), tmp_path)


def test_an_absent_tracker_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not all of them are installed"), pytest.warns(UserWarning, match="log_with"):
        run(gaussian(), toy_training_set(), SHORT.model_copy(update={"trackers": ("comet_ml",)}), tmp_path)
