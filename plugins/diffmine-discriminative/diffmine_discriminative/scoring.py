"""From a network's outputs to maps of pictures. Imports torch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from diffmine.interfaces import Progress, Scoring
from diffmine.numerics.batching import BatchSize, run_in_batches
from diffmine.types import Picture, TypicalityMap
from diffmine_discriminative.classifier import Outputs
from diffmine_discriminative.network import Network, prepared

Maps = Callable[[Network, Tensor, Sequence[int]], Tensor]
"""From a network, pictures and some of its outputs to a map for each of these, float32, (pictures, outputs, h, w)."""


def class_activation_maps(network: Network, pictures: Tensor, outputs: Sequence[int]) -> Tensor:
    """CAM (Zhou et al., *Learning Deep Features for Discriminative Localization*, 2016, eq. 2), with the bias.

    The head applied to each cell's features; the mean over cells is the logit.
    """
    with torch.inference_mode():
        return network(pictures)[:, list(outputs)]


def gradient_maps(network: Network, pictures: Tensor, outputs: Sequence[int], block: int) -> Tensor:
    """Grad-CAM (Selvaraju et al., 2017, eq. 1 and 2): a block's features, weighted by the mean gradient of the logit.

    Times the number of cells, so that pictures of several sizes compare: of the last block it is then the positive part
    of CAM without its bias.
    """
    with torch.enable_grad():
        features = network.features(pictures, block).detach().requires_grad_()
        logits = network.after(features, block).mean(dim=(2, 3)).sum(dim=0)
        maps = []
        for output in outputs:
            (gradient,) = torch.autograd.grad(logits[output], features, retain_graph=True)
            maps.append((gradient.sum(dim=(2, 3), keepdim=True) * features).sum(dim=1).relu())
    return torch.stack([one.detach() for one in maps], dim=1)


class NetworkScoring(Scoring):
    """Scoring with a network's maps, each picture by itself."""

    def __init__(self, outputs: Outputs, maps: Maps, stride: int, device: str, batch_size: int) -> None:
        """Take what computes maps; ``stride`` is that of the maps."""
        self._outputs, self._maps, self.stride, self._device = outputs, maps, stride, device
        self._batch = BatchSize(batch_size)

    def score(
        self, pictures: Sequence[Picture], labels: Sequence[Sequence[str]], progress: Progress
    ) -> list[list[TypicalityMap]]:
        """The maps of each picture's labels; pictures of one size go through the network together."""
        by_size: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for place, picture in enumerate(pictures):
            by_size[picture.pixels.shape].append(place)
        scored: dict[int, list[TypicalityMap]] = {}
        for places in by_size.values():
            asked = [(pictures[place], labels[place]) for place in places]
            for place, maps in zip(places, run_in_batches(self._maps_of, asked, self._batch), strict=True):
                scored[place] = maps
                progress.advance()
        return [scored[place] for place in range(len(pictures))]

    def _maps_of(self, asked: Sequence[tuple[Picture, Sequence[str]]]) -> list[list[TypicalityMap]]:
        wanted = sorted({label for _, labels in asked for label in labels})
        outputs = [self._outputs.labels.index(label) for label in wanted]
        tensor = prepared([picture.pixels for picture, _ in asked], self._device)
        found = self._maps(self._outputs.network, tensor, outputs).float().cpu().numpy()
        return [
            [TypicalityMap(picture.record.image_id, label, of[wanted.index(label)].copy()) for label in labels]
            for of, (picture, labels) in zip(found, asked, strict=True)
        ]
