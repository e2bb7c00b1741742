"""The network: convolutions down to a quarter of the resolution, then one linear map for each output. Imports torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from diffmine.pictures.decoding import to_model
from diffmine.types import ByteArray
from diffmine_discriminative.options import NetworkConfig

STRIDE = 4
"""Image pixels to one cell of the last features, along each axis."""


class Residual(nn.Module):
    """A convolution whose result is added to what goes in."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, features: Tensor) -> Tensor:
        """float32, (pictures, channels, h, w), to the same shape; never negative."""
        return torch.relu(features + self.norm(self.convolution(features)))


class Network(nn.Module):
    """A fully convolutional network with global average pooling and a linear head, as CAM needs it (Zhou et al., 2016).

    Batch normalisation, so that in evaluation a cell depends on the pixels around it alone; a norm over the picture
    would spread what is found at one place over all others.

    Attributes:
        blocks: each from features to features; cells of the first are of 2 px, those of the others of ``STRIDE`` px.
        head: from the last features to the outputs, cell by cell.
    """

    def __init__(self, config: NetworkConfig, outputs: int, generator: torch.Generator) -> None:
        """Draw the weights.

        Args:
            outputs: number of maps.
            generator: on the CPU; He et al.'s normal initialisation.
        """
        super().__init__()
        width = 2 * config.width
        blocks = [_down(3, config.width), _down(config.width, width), *(Residual(width) for _ in range(config.depth))]
        self.blocks = nn.ModuleList(blocks)
        self.head = nn.Conv2d(width, outputs, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, generator=generator)
        nn.init.zeros_(self.head.bias)
        self.to(memory_format=torch.channels_last)

    def features(self, pictures: Tensor, block: int = -1) -> Tensor:
        """What a block gives; ``block`` counts as an index does.

        Args:
            pictures: float32, (pictures, 3, height, width), as ``prepared`` makes them.
        """
        features = pictures
        for layer in self.blocks[: range(len(self.blocks))[block] + 1]:
            features = layer(features)
        return features

    def after(self, features: Tensor, block: int = -1) -> Tensor:
        """The maps, from what ``features`` gave of a block."""
        for layer in self.blocks[range(len(self.blocks))[block] + 1 :]:
            features = layer(features)
        return self.head(features)

    def forward(self, pictures: Tensor) -> Tensor:
        """The map of each output, float32, (pictures, outputs, h, w).

        As the head is linear, the mean of a map is the head of the pooled features.
        """
        return self.after(self.features(pictures))

    def save(self, file: Path) -> None:
        """As safetensors."""
        # safetensors writes an array's memory, whatever its strides.
        save_file({name: value.cpu().contiguous() for name, value in self.state_dict().items()}, file)


def stride(block: int, depth: int) -> int:
    """Image pixels to one cell of a block's features; ``block`` counts as an index does."""
    return STRIDE // 2 if range(2 + depth)[block] == 0 else STRIDE


def load(config: NetworkConfig, outputs: int, file: Path, device: str) -> Network:
    """What ``Network.save`` wrote, for evaluation, without gradients."""
    network = Network(config, outputs, torch.Generator())
    network.load_state_dict(load_file(file))
    return network.eval().requires_grad_(False).to(device)


def prepared(pictures: Sequence[ByteArray], device: str) -> Tensor:
    """Pictures as a network takes them: in [-1, 1], padded to whole cells.

    Args:
        pictures: uint8, (height, width, 3), all of one size.
    Returns:
        float32, (pictures, 3, padded height, padded width).
    """
    tensor = torch.stack([to_model(pixels, STRIDE) for pixels in pictures])
    return tensor.to(device, memory_format=torch.channels_last)


def _down(incoming: int, outgoing: int) -> nn.Sequential:
    # Of even size, so that a cell lies in the middle of what it sees; of size 3, maps would be 1.5 px off.
    convolution = nn.Conv2d(incoming, outgoing, 4, stride=2, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outgoing), nn.ReLU())
