"""What every model from a diffusers pipeline folder shares: its autoencoder, loading, saving. Imports torch."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from diffmine.builtin.models.kl_autoencoder import LatentAutoencoder
from diffmine.builtin.models.loading import LoadOptions, load_network
from diffmine.builtin.models.pipeline_folder import PipelineFolder
from diffmine.interfaces import Denoiser
from diffmine.weights.pretrained import read_settings


class PipelineDenoiser(Denoiser):
    """A network over the latents of an AutoencoderKL; subclasses say which network, and add prediction.

    Class attributes:
        kind: the network's diffusers class.
        part: its folder in the pipeline.

    Attributes:
        autoencoder: on the network's device.
        source: where the frozen parts lie; ``save`` copies them.
    """

    kind: ClassVar[Any]
    part: ClassVar[str]
    autoencoder: LatentAutoencoder
    source: PipelineFolder

    @abstractmethod
    def __init__(
        self, network: Any, autoencoder: LatentAutoencoder, schedule: Mapping[str, Any], source: PipelineFolder
    ) -> None:
        """Take loaded parts, on their device, and the scheduler's configuration."""

    @classmethod
    def from_pretrained(cls, folder: Path, device: torch.device, options: LoadOptions) -> Self:
        """Load a diffusers pipeline folder.

        Raises:
            ModelError: a part is missing, damaged, not in safetensors, or does not fit the others.
        """
        network = load_network(cls.kind, folder, cls.part, device, options)
        autoencoder = LatentAutoencoder.from_pretrained(folder, device, options)
        schedule = read_settings(folder, "scheduler/scheduler_config.json")
        return cls(network, autoencoder, schedule, PipelineFolder(folder, options.variant))

    def encode(self, pixels: Tensor) -> Tensor:
        return self.autoencoder.encode(pixels)

    def decode(self, latents: Tensor) -> Tensor:
        return self.autoencoder.decode(latents)

    def prepare_training(self) -> None:
        self.source.reload_precisely(self.network, self.part)

    def save(self, folder: Path) -> None:
        """Write the network and copy the frozen parts; the result loads in the pipeline that it came from."""
        self.source.save(folder, self.part, self.network)
