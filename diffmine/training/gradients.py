"""Gradients of a batch, in micro-batches that shrink when memory runs out. Imports torch."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Sequence

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from diffmine.errors import DiffmineWarning, ModelError
from diffmine.numerics.batching import is_out_of_memory
from diffmine.training.batches import Example, micro_batches


class Gradients:
    """Accumulates the gradient of a batch's mean loss.

    Attributes:
        micro_batch: at most this many pictures go through the network together; halved when memory runs out, which
            changes the mean only by rounding.
    """

    def __init__(self, accelerator: Accelerator, loss: nn.Module, micro_batch: int) -> None:
        self._accelerator, self._loss, self.micro_batch = accelerator, loss, micro_batch

    def of(self, examples: Sequence[Example]) -> Tensor:
        """Add the gradient of this process's share of a batch; the parameters' gradients must be cleared.

        Returns:
            the mean loss, detached.
        Raises:
            ModelError: a single picture does not fit into memory.
        """
        while (total := self._attempt(examples)) is None:
            self._halve()
        return total

    def _attempt(self, examples: Sequence[Example]) -> Tensor | None:
        """The mean loss, or None when memory ran out; by then the failed graph is gone."""
        try:
            return self._accumulate(examples)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if self.micro_batch == 1 or self._accelerator.num_processes > 1:
                raise ModelError(
                    f"memory ran out with {self.micro_batch} pictures in a micro-batch; raise "
                    "finetune.gradient_accumulation, set finetune.gradient_checkpointing, or use smaller pictures"
                ) from error
            return None

    def _accumulate(self, examples: Sequence[Example]) -> Tensor:
        parts = list(micro_batches(examples, self.micro_batch))
        total = torch.zeros((), device=self._accelerator.device)
        for number, part in enumerate(parts, 1):
            last = number == len(parts)
            # Between processes gradients are averaged once a step, with the last micro-batch.
            with contextlib.nullcontext() if last else self._accelerator.no_sync(self._loss):
                loss = self._loss(part).sum() / len(examples)
                self._accelerator.backward(loss)
            total += loss.detach()
        return total

    def _halve(self) -> None:
        tried, self.micro_batch = self.micro_batch, self.micro_batch // 2
        self._loss.zero_grad(set_to_none=True)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        warnings.warn(
            f"memory ran out with {tried} pictures in a micro-batch; going on with {self.micro_batch} "
            "(the result stays the same up to rounding)",
            DiffmineWarning,
            stacklevel=2,
        )
