"""From a network's outputs to maps of pictures. Imports torch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from diffmine.interfaces import Progress, Scoring
from diffmine.numerics.batching import BatchSize, run_in_batches
from diffmine.types import FloatArray, Picture, TypicalityMap
from diffmine_discriminative.classifier import Outputs
from diffmine_discriminative.network import Network, prepared

Maps = Callable[[Network, Tensor], Tensor]
"""From a network and pictures to a map for each output, float32, (pictures, outputs, h, w)."""


def class_activation_maps(network: Network, pictures: Tensor) -> Tensor:
    """CAM (Zhou et al., *Learning Deep Features for Discriminative Localization*, 2016, eq. 2), with the bias.

    The head applied to each cell's features; the mean over cells is the logit.
    """
    with torch.inference_mode():
        return network(pictures)


def gradient_maps(network: Network, pictures: Tensor, block: int) -> Tensor:
    """Grad-CAM (Selvaraju et al., 2017, eq. 1 and 2): a block's features, weighted by the mean gradient of the logit.

    Times the number of cells, so that pictures of several sizes compare: of the last block it is then the positive part
    of CAM without its bias.
    """
    with torch.enable_grad():
        features = network.features(pictures, block).detach().requires_grad_()
        logits = network.after(features, block).mean(dim=(2, 3)).sum(dim=0)
        maps = []
        for logit in logits:
            (gradient,) = torch.autograd.grad(logit, features, retain_graph=True)
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
            found = run_in_batches(self._all_maps, [pictures[place] for place in places], self._batch)
            for place, maps in zip(places, found, strict=True):
                scored[place] = [self._of_label(pictures[place], maps, label) for label in labels[place]]
                progress.advance()
        return [scored[place] for place in range(len(pictures))]

    def _all_maps(self, pictures: Sequence[Picture]) -> list[FloatArray]:
        tensor = prepared([picture.pixels for picture in pictures], self._device)
        return list(self._maps(self._outputs.network, tensor).float().cpu().numpy())

    def _of_label(self, picture: Picture, maps: FloatArray, label: str) -> TypicalityMap:
        return TypicalityMap(picture.record.image_id, label, maps[self._outputs.labels.index(label)].copy())
