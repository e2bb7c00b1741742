from __future__ import annotations

import json
import math

import pytest
import torch
from diffusers.optimization import get_scheduler
from diffusers.training_utils import EMAModel
from torch import nn

from diffmine.training.options import TrainingOptions
from diffmine.training.start import make_optimizer, make_schedule
from diffmine.training.state import TrainingState


def make(ema: float = 0.9) -> tuple[dict[str, nn.Parameter], TrainingState]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        weight = nn.Parameter(torch.randn(4, 3, 3, 3).contiguous(memory_format=torch.channels_last))
        parameters = {"network.weight": weight, "vectors.0": nn.Parameter(torch.randn(5))}
    optimizer = make_optimizer(TrainingOptions(learning_rate=0.1, embedding_learning_rate=3), parameters)
    schedule = get_scheduler("cosine", optimizer, num_warmup_steps=3, num_training_steps=20)
    average = EMAModel(parameters.values(), decay=ema, foreach=True)
    return parameters, TrainingState(parameters, optimizer, schedule, average, None)


def step(parameters: dict[str, nn.Parameter], state: TrainingState) -> None:
    for number, parameter in enumerate(parameters.values()):
        parameter.grad = torch.sin(torch.arange(parameter.numel()) + state.step + number).reshape(parameter.shape)
        parameter.grad = parameter.grad.clone(memory_format=torch.preserve_format) + 0 * parameter.detach()
    state._optimizer.step()
    state.advance(torch.tensor(1.5))


def test_restored_state_goes_on_bit_for_bit() -> None:
    parameters, state = make()
    for _ in range(7):
        step(parameters, state)
    tensors, facts = {name: value.clone() for name, value in state.tensors().items()}, state.facts()
    others, restored = make()
    restored.restore(tensors, facts)
    for _ in range(6):
        step(parameters, state)
        step(others, restored)
    assert restored.facts() == state.facts()
    assert restored.tensors().keys() == state.tensors().keys()
    assert all(torch.equal(value, restored.tensors()[name]) for name, value in state.tensors().items())


def test_the_average_in_closed_form() -> None:
    parameter = nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    schedule = get_scheduler("constant", optimizer)
    average = EMAModel([parameter], decay=0.6, foreach=True)
    state = TrainingState({"network.p": parameter}, optimizer, schedule, average, None)
    decays = [min(0.6, count / (9 + count)) if count > 1 else 0.0 for count in range(1, 31)]
    expected = 0.0
    for count, decay in enumerate(decays, 1):
        parameter.grad = torch.full_like(parameter, -1.0)
        optimizer.step()
        state.advance(torch.tensor(0.0))
        expected = decay * expected + (1 - decay) * count
        with state.averaged():
            assert parameter.item() == pytest.approx(expected, rel=1e-12)
        assert parameter.item() == count
    # Far beyond the warm-up the average trails a line by decay / (1 - decay).
    assert expected == pytest.approx(30 - 0.6 / 0.4, abs=0.01)
    state.keep_average()
    assert parameter.item() == pytest.approx(expected)


def test_schedules_warm_up_and_end_where_they_should() -> None:
    def rates(**options: object) -> list[float]:
        settings = TrainingOptions.model_validate({"steps": 20, "warmup_steps": 4, "learning_rate": 0.1, **options})
        optimizer = make_optimizer(settings, {"network.w": nn.Parameter(torch.zeros(1))})
        schedule, rates = make_schedule(settings, optimizer), []
        for _ in range(21):
            rates.append(optimizer.param_groups[0]["lr"] / 0.1)
            optimizer.step()
            schedule.step()
        return rates

    ramp = [0, 0.25, 0.5, 0.75]
    assert rates(schedule="constant") == pytest.approx([*ramp, *[1] * 17])
    linear = [1 - step / 16 for step in range(17)]
    assert rates(schedule="linear") == pytest.approx([*ramp, *linear])
    cosine = [0.5 * (1 + math.cos(math.pi * step / 16)) for step in range(17)]
    assert rates(schedule="cosine") == pytest.approx([*ramp, *cosine])
    assert rates(schedule="cosine", final_learning_rate=0.05) == pytest.approx(
        [*ramp, *[0.05 + 0.95 * one for one in cosine]]
    )
    assert rates(schedule="linear", warmup_steps=0)[0] == 1


def test_label_vectors_have_their_own_rate_and_no_decay() -> None:
    parameters, state = make()
    network, vectors = state._optimizer.param_groups
    assert vectors["weight_decay"] == 0
    assert network["weight_decay"] == 0.01
    for _ in range(5):
        step(parameters, state)
        assert vectors["lr"] == pytest.approx(3 * network["lr"])


class CountsInPlainNumbers(torch.optim.Optimizer):
    """Keeps the number of steps of a parameter as an int, as bitsandbytes' 8-bit AdamW does."""

    def __init__(self, parameters: list[nn.Parameter]) -> None:
        super().__init__(parameters, {"lr": 0.1})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for parameter in group["params"]:
                kept = self.state[parameter]
                kept["step"] = kept.get("step", 0) + 1
                kept["mean"] = 0.9 * kept.get("mean", torch.zeros_like(parameter)) + parameter.grad
                parameter -= group["lr"] / kept["step"] * kept["mean"]


def test_plain_numbers_of_an_optimizer_are_kept() -> None:
    def made() -> tuple[dict[str, nn.Parameter], TrainingState]:
        parameters = {"network.weight": nn.Parameter(torch.ones(3, 2)), "vectors.0": nn.Parameter(torch.ones(5))}
        optimizer = CountsInPlainNumbers(list(parameters.values()))
        schedule = get_scheduler("constant", optimizer)
        return parameters, TrainingState(parameters, optimizer, schedule, None, None)

    parameters, state = made()
    for _ in range(3):
        step(parameters, state)
    tensors, facts = (
        {name: value.clone() for name, value in state.tensors().items()},
        json.loads(json.dumps(state.facts())),
    )
    others, restored = made()
    restored.restore(tensors, facts)
    step(parameters, state)
    step(others, restored)
    assert type(restored._optimizer.state[others["vectors.0"]]["step"]) is int
    for name, parameter in parameters.items():
        assert torch.equal(others[name], parameter)
