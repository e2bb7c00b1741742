"""Everything that changes while a model is trained, as tensors and plain values. Imports torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from diffusers.training_utils import EMAModel
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler


class TrainingState:
    """The state after ``step`` steps.

    What is random needs no state: it is keyed by the step (see ``diffmine.training.samples``).

    Attributes:
        step: steps done.
        log: rows of the training log so far.
        loss_sum: sum of the losses since the last row, a scalar tensor, so that reading it waits for the device only
            when a row is due.
        loss_count: number of steps in that sum.
    """

    def __init__(
        self,
        parameters: Mapping[str, nn.Parameter],
        optimizer: Optimizer,
        schedule: LRScheduler,
        ema: EMAModel | None,
        scaler: torch.amp.GradScaler | None,
    ) -> None:
        """Take the parts; ``parameters`` in the order in which the optimizer has them."""
        self._parameters = dict(parameters)
        self._optimizer, self._schedule, self._ema, self._scaler = optimizer, schedule, ema, scaler
        self.step = 0
        self.log: list[dict[str, float]] = []
        self.loss_sum: Tensor = torch.zeros(())
        self.loss_count = 0

    def advance(self, loss: Tensor) -> None:
        """A step was taken with this loss: move the schedule and the average along."""
        self._schedule.step()
        if self._ema is not None:
            self._ema.step(self._parameters.values())
        self.step += 1
        self.loss_sum = self.loss_sum.to(loss.device) + loss
        self.loss_count += 1

    def learning_rate(self) -> float:
        """The learning rate of the coming step."""
        return float(self._optimizer.param_groups[0]["lr"])

    def add_row(self, loss: float, learning_rate: float, measured: Mapping[str, float]) -> dict[str, float]:
        """Log the mean ``loss`` since the last row."""
        row = {"step": self.step, "loss": loss, "learning_rate": learning_rate, **measured}
        self.log.append(row)
        self.loss_sum, self.loss_count = torch.zeros(()), 0
        return row

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Within, the parameters are their moving averages, where these are kept."""
        if self._ema is None:
            yield
            return
        self._ema.store(self._parameters.values())
        self._ema.copy_to(self._parameters.values())
        try:
            yield
        finally:
            self._ema.restore(self._parameters.values())

    def keep_average(self) -> None:
        """Make the moving averages the parameters, for good."""
        if self._ema is not None:
            self._ema.copy_to(self._parameters.values())

    def tensors(self) -> dict[str, Tensor]:
        """Parameters, moving averages and the optimizer's moments by name, contiguous, on the CPU.

        They may be the live tensors: write or copy them before the next step.
        """
        named: dict[str, Tensor] = {f"parameter/{name}": value for name, value in self._parameters.items()}
        if self._ema is not None:
            shadows = zip(self._parameters, self._ema.shadow_params, strict=True)
            named |= {f"ema/{name}": value for name, value in shadows}
        for name, moments in self._moments().items():
            named |= {f"optimizer/{key}/{name}": value for key, value in moments.items() if isinstance(value, Tensor)}
        return {name: value.detach().cpu().contiguous() for name, value in named.items()}

    def facts(self) -> dict[str, Any]:
        """The rest, as JSON takes it."""
        return {
            "step": self.step,
            "log": self.log,
            "loss_sum": float(self.loss_sum),
            "loss_count": self.loss_count,
            "learning_rates": [group["lr"] for group in self._optimizer.param_groups],
            "ema_step": 0 if self._ema is None else self._ema.optimization_step,
            "optimizer": {
                name: {key: value for key, value in moments.items() if not isinstance(value, Tensor)}
                for name, moments in self._moments().items()
            },
            "scaler": {} if self._scaler is None else self._scaler.state_dict(),
        }

    def restore(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Become the state that gave these."""
        with torch.no_grad():
            for name, parameter in self._parameters.items():
                parameter.copy_(tensors[f"parameter/{name}"])
        self._restore_moments(tensors, facts["optimizer"])
        self._restore_schedule(facts)
        if self._ema is not None:
            averages = zip(self._parameters, self._ema.shadow_params, strict=True)
            for name, shadow in averages:
                shadow.copy_(tensors[f"ema/{name}"])
            self._ema.optimization_step = facts["ema_step"]
        if self._scaler is not None:
            self._scaler.load_state_dict(facts["scaler"])
        self.step, self.log = facts["step"], list(facts["log"])
        self.loss_sum, self.loss_count = torch.tensor(facts["loss_sum"]), facts["loss_count"]

    def _moments(self) -> dict[str, dict[str, Any]]:
        """What the optimizer keeps of each parameter: tensors, and plain numbers where it counts steps in these."""
        kept = self._optimizer.state_dict()["state"]
        return {name: kept.get(index, {}) for index, name in enumerate(self._parameters)}

    def _restore_moments(self, tensors: Mapping[str, Tensor], numbers: Mapping[str, Mapping[str, Any]]) -> None:
        moments: dict[int, dict[str, Any]] = {}
        for index, (name, parameter) in enumerate(self._parameters.items()):
            if numbers[name]:
                moments[index] = dict(numbers[name])
            for key in {path.split("/")[1] for path in tensors if path.startswith("optimizer/")}:
                value = tensors.get(f"optimizer/{key}/{name}")
                if value is not None:
                    moments.setdefault(index, {})[key] = _laid_out_like(parameter, value)
        groups = self._optimizer.state_dict()["param_groups"]
        self._optimizer.load_state_dict({"state": moments, "param_groups": groups})

    def _restore_schedule(self, facts: Mapping[str, Any]) -> None:
        self._schedule.load_state_dict({**self._schedule.state_dict(), "last_epoch": facts["step"]})
        for group, rate in zip(self._optimizer.param_groups, facts["learning_rates"], strict=True):
            group["lr"] = rate


def _laid_out_like(parameter: Tensor, value: Tensor) -> Tensor:
    """Moments in their parameter's memory format: fused optimizers walk through both side by side."""
    if value.shape != parameter.shape:
        return value.clone()
    return torch.empty_like(parameter, dtype=value.dtype, requires_grad=False).copy_(value)
