"""A network that has learned the labels, once for whoever needs it; keeping what was learned. Imports torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from diffmine.errors import DataError
from diffmine.interfaces import ModelTools, Progress, TrainingSet
from diffmine.numerics.seeding import torch_generator
from diffmine_discriminative.examples import Batch, Examples
from diffmine_discriminative.learning import learn
from diffmine_discriminative.network import Network, load
from diffmine_discriminative.options import NetworkConfig, check_labels

TENSORS, FACTS = "network.safetensors", "network.json"


@dataclass(frozen=True, slots=True)
class Outputs:
    """A network and what its outputs stand for.

    Attributes:
        network: in evaluation mode, without gradients.
        labels: one an output.
    """

    network: Network
    labels: Sequence[str]

    def save(self, folder: Path) -> None:
        """As safetensors and JSON."""
        self.network.save(folder / TENSORS)
        (folder / FACTS).write_text(json.dumps({"labels": list(self.labels)}, ensure_ascii=False), encoding="utf-8")

    @staticmethod
    def load(config: NetworkConfig, tools: ModelTools, name: str) -> Outputs:
        """What ``save`` wrote to ``tools.fitted``.

        Args:
            name: of the component that opens it.
        Raises:
            DataError: nothing was fitted.
        """
        if tools.fitted is None:
            raise DataError(f"{name} was opened before it was fitted; call fit and give its folder as tools.fitted")
        labels = json.loads((tools.fitted / FACTS).read_text(encoding="utf-8"))["labels"]
        return Outputs(load(config, len(labels), tools.fitted / TENSORS, tools.device), labels)


_learned: dict[Any, Outputs] = {}
"""The classifier that was learned last, as the scorer and the extractor of a run need the same."""


def learn_labels(config: NetworkConfig, data: TrainingSet, tools: ModelTools, name: str, progress: Progress) -> Outputs:
    """Train a classifier of the labels, by binary cross-entropy for each label against the rest.

    Both sides of a label weigh the same: a logit is the log odds of the label as if half of all pictures had it.

    Args:
        name: of the component that needs it.
    Raises:
        DataError: there is nothing to tell apart.
    """
    check_labels(name, data, tools.labels)
    pictures = tuple((one.digest, one.labels, one.height, one.width) for one in data.train)
    key = (config.model_dump_json(), tools.seed, tools.labels, tools.device, data.crop, pictures)
    if key not in _learned:
        learned = _learn(config, data, tools, progress)
        _learned.clear()
        _learned[key] = learned
    return _learned[key]


def _learn(config: NetworkConfig, data: TrainingSet, tools: ModelTools, progress: Progress) -> Outputs:
    network = Network(config, len(tools.labels), torch_generator(tools.seed, "classifier"))
    carried = torch.tensor([[label in record.labels for label in tools.labels] for record in data.train]).float()
    share = carried.mean(dim=0).clamp(max=1 - 1 / (2 * len(carried)))  # a label that all have stays finite
    weights = torch.stack([0.5 / (1 - share), 0.5 / share]).to(tools.device)
    targets = carried.to(tools.device)

    def loss(maps: Tensor, batch: Batch) -> Tensor:
        wanted = targets[torch.from_numpy(batch.places).to(targets.device)]
        return torch.nn.functional.binary_cross_entropy_with_logits(
            maps.mean(dim=(2, 3)), wanted, weight=torch.where(wanted > 0, weights[1], weights[0])
        )

    examples = Examples(config, data, data.train, (tools.seed, "classifier"))
    learn(config, network, examples, loss, tools.device, progress)
    return Outputs(network, tools.labels)
