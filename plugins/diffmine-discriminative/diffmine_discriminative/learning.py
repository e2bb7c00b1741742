"""The training loop that all networks share. Imports torch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from diffmine.interfaces import Progress
from diffmine_discriminative.examples import Batch, Examples
from diffmine_discriminative.network import Network, prepared
from diffmine_discriminative.options import NetworkConfig


def learn(
    config: NetworkConfig,
    network: Network,
    examples: Examples,
    loss: Callable[[Tensor, Batch], Tensor],
    device: str,
    progress: Progress,
) -> None:
    """Train a network for the options' epochs, and leave it as it is for evaluation.

    AdamW (Loshchilov and Hutter, 2019) under the one-cycle schedule (Smith and Topin, 2019). On a CPU, with one number
    of threads, equal seeds give equal weights.

    Args:
        loss: of the network's maps, (pictures, outputs, h, w), for a batch; a scalar.
    """
    network.train().to(device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    steps = config.epochs * examples.batches
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.learning_rate, total_steps=max(2, steps))
    progress.start(config.epochs, "epochs")
    for epoch in range(config.epochs):
        total = 0.0
        for batch in examples.epoch(epoch):
            value = loss(network(prepared(batch.pixels, device)), batch)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            schedule.step()
            total += float(value.detach())
        progress.status(f"loss {total / examples.batches:.3f}")
        progress.advance()
    network.eval().requires_grad_(False)
