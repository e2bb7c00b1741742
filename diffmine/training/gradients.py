"""Gradients of a batch, in micro-batches that shrink when memory runs out. Imports torch."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from diffmine.errors import ModelError
from diffmine.numerics.batching import BatchSize, until_it_fits
from diffmine.training.batches import Example, micro_batches


class Gradients:
    """Accumulates the gradient of a batch's mean loss.

    Attributes:
        size: at most this many pictures go through the network together; halved when memory runs out, which changes
            the mean only by rounding. Not between several processes, which must stay in step.
    """

    def __init__(self, accelerator: Accelerator, loss: nn.Module, micro_batch: int) -> None:
        self._accelerator, self._loss = accelerator, loss
        self.size = BatchSize(micro_batch, least=micro_batch if accelerator.num_processes > 1 else 1)

    def of(self, examples: Sequence[Example]) -> Tensor:
        """Add the gradient of this process's share of a batch; the parameters' gradients must be cleared.

        Returns:
            the mean loss, detached.
        Raises:
            ModelError: a single picture does not fit into memory.
        """
        return until_it_fits(
            lambda micro_batch: self._accumulate(examples, micro_batch),
            self.size,
            items=self.size.limit,
            noun="pictures in a micro-batch",
            effect="the result stays the same up to rounding",
            too_large=ModelError(
                f"memory ran out with {self.size.least} pictures in a micro-batch; raise "
                "finetune.gradient_accumulation, set finetune.gradient_checkpointing, or use smaller pictures"
            ),
        )

    def _accumulate(self, examples: Sequence[Example], micro_batch: int) -> Tensor:
        self._loss.zero_grad(set_to_none=True)  # what an attempt that failed has left
        parts = list(micro_batches(examples, micro_batch))
        total = torch.zeros((), device=self._accelerator.device)
        for number, part in enumerate(parts, 1):
            last = number == len(parts)
            # Between processes gradients are averaged once a step, with the last micro-batch.
            with contextlib.nullcontext() if last else self._accelerator.no_sync(self._loss):
                loss = self._loss(part).sum() / len(examples)
                self._accelerator.backward(loss)
            total += loss.detach()
        return total
