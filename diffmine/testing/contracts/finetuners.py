"""What every finetuner keeps."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from diffmine.interfaces import Event, Finetuner, Listener, ModelTools, Progress, TrainingLog, TrainingSet
from diffmine.interfaces.progress import nobody
from diffmine.testing.toy_tools import LABELS, toy_tools
from diffmine.testing.toy_training import StopAt, StoppedError, toy_training_set, weights


class FinetunerContract:
    """Subclass this and return your finetuner, of about ten steps, from a fixture ``finetuner``."""

    @pytest.fixture
    def data(self) -> TrainingSet:
        return toy_training_set()

    @pytest.fixture
    def run(
        self, finetuner: Finetuner, data: TrainingSet, tmp_path: Path
    ) -> Callable[..., tuple[Path, ModelTools, TrainingLog]]:
        """Finetune a tiny model in ``tmp_path / name``; gives the model's folder, the tools and the log."""

        def run(name: str, listener: Listener = nobody) -> tuple[Path, ModelTools, TrainingLog]:
            folder, workspace = tmp_path / name / "model", tmp_path / name / "workspace"
            for path in (folder, workspace):
                path.mkdir(parents=True, exist_ok=True)
            tools = toy_tools(tmp_path / "base")
            done = finetuner.finetune(tools, data, folder=folder, workspace=workspace, progress=Progress(listener))
            return folder, tools, done

        return run

    def test_the_result_is_a_model_that_can_be_opened(
        self, run: Callable[..., tuple[Path, ModelTools, TrainingLog]]
    ) -> None:
        folder, tools, _ = run("first")
        if not any(folder.iterdir()):
            return
        opened = tools.at(folder)
        denoiser = opened.denoiser
        latents = torch.zeros(2, denoiser.latent_channels, 8, 8)
        with torch.no_grad():
            told = opened.encoder.encode([LABELS[0], None])
            prediction = denoiser.predict(latents, denoiser.timesteps(torch.tensor([0.2, 0.6])), told)
        assert prediction.shape == latents.shape
        assert torch.isfinite(prediction).all()

    def test_the_log_has_finite_rows_with_rising_steps(
        self, run: Callable[..., tuple[Path, ModelTools, TrainingLog]]
    ) -> None:
        _, _, log = run("first")
        assert all(row.keys() >= {"step", "loss", "learning_rate"} for row in log)
        assert all(math.isfinite(value) for row in log for value in row.values())
        assert all(one["step"] < other["step"] for one, other in itertools.pairwise(log))

    def test_it_says_how_much_there_is_to_do_and_does_that(
        self, run: Callable[..., tuple[Path, ModelTools, TrainingLog]]
    ) -> None:
        heard: list[Event] = []
        run("first", heard.append)
        counted = [event for event in heard if event.what in ("work started", "advanced")]
        totals = [event.amount for event in counted if event.what == "work started"]
        if counted:
            assert counted[0].what == "work started"
            assert sum(event.amount for event in counted if event.what == "advanced") == sum(totals)

    def test_stopped_and_resumed_it_gives_the_same_weights_and_log(
        self, run: Callable[..., tuple[Path, ModelTools, TrainingLog]]
    ) -> None:
        folder, _, log = run("without stops")
        for units in (4, 8):
            try:
                run("with stops", StopAt(units))
            except StoppedError:
                continue
        resumed, _, resumed_log = run("with stops")
        expected, found = weights(folder), weights(resumed)
        assert expected.keys() == found.keys()
        assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
        assert list(resumed_log) == list(log)
