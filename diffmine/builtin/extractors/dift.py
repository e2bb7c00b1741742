"""DIFT: what the diffusion model itself computes at a patch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from diffmine.errors import ModelError
from diffmine.interfaces import (
    OUTSIDE_KEY,
    ComponentConfig,
    Conditioning,
    Extraction,
    FeatureExtractor,
    ModelTools,
    PatchRequest,
)
from diffmine.numerics.batching import BatchSize, run_in_batches
from diffmine.numerics.boxes import box_means, unit_rows
from diffmine.numerics.seeding import torch_generator
from diffmine.pictures.decoding import grid_size, to_model
from diffmine.types import FloatArray, Picture

if TYPE_CHECKING:
    from torch import Tensor

SCHEDULE_STEPS = 1000


class Dift(FeatureExtractor):
    """Activations of the diffusion model under the label: one noised pass of an image serves all its patches.

    Tang et al., *Emergent Correspondence from Image Diffusion* (2023), as used by *Diffusion Models as Data Mining
    Tools* (2024): the picture's latent is noised to one timestep; the output of one up-block is averaged over an
    ensemble of noises and over the patch's cells, and scaled to unit length. The noises are keyed by the run's seed,
    the image's content and their number, so all labels and patches of an image see the same ones. ``timestep`` goes
    through ``Denoiser.timesteps(timestep / 1000)``, so it means the same share of the way to noise on a schedule of
    another length, and on a flow's schedule what its shift makes of that share.
    """

    name = "dift"

    class Config(ComponentConfig):
        """Options of ``dift``."""

        timestep: int = Field(
            161,
            ge=0,
            lt=SCHEDULE_STEPS,
            description="position on the noise schedule in thousandths, whatever its length; "
            "with 1000 training steps the timestep itself",
        )
        block: int = Field(1, ge=0, description="up-block (or transformer block) whose output is taken, from 0")
        ensemble: int = Field(8, ge=1, description="noises to average over; each costs one pass an image and label")
        condition: Literal["label", "null"] = Field(
            "label",
            description="what the model is told of the picture: its label, as in the paper, so that the features know "
            "it; or nothing, for features that are to be compared between labels, as label_predictability does",
        )
        batch_size: Annotated[int, OUTSIDE_KEY] = Field(
            8, ge=1, description="noised pictures in one pass; halved when memory runs out"
        )

    config: Config

    def open(self, tools: ModelTools) -> Extraction:
        """Load the model and its conditioning.

        Raises:
            ModelError: the model has no such block.
        """
        blocks = tools.denoiser.num_blocks
        if self.config.block >= blocks:
            raise ModelError(
                f"[features] block = {self.config.block}: this model has {blocks} blocks; "
                f"choose one from 0 to {blocks - 1}"
            )
        return DiftExtraction(self.config, tools)

    def passes(self) -> int:
        """One for each noise of the ensemble."""
        return self.config.ensemble


class DiftExtraction(Extraction):
    """DIFT with its model loaded."""

    def __init__(self, config: Dift.Config, tools: ModelTools) -> None:
        self._config, self._tools, self._denoiser = config, tools, tools.denoiser
        self._batch = BatchSize(config.batch_size)

    def extract(self, requests: Sequence[PatchRequest]) -> list[FloatArray]:
        """Features of each request's patches, (boxes, channels of the block)."""
        import torch

        features: dict[int, FloatArray] = {}
        with torch.inference_mode():
            for size, positions in self._by_size(requests).items():
                group = [requests[position] for position in positions]
                features.update(zip(positions, self._extract_equal(group, size), strict=True))
        return [features[position] for position in range(len(requests))]

    def _extract_equal(self, requests: Sequence[PatchRequest], size: tuple[int, int]) -> Iterator[FloatArray]:
        """Features of requests whose padded pictures are of one size, (height, width)."""
        latents = self._latents([request.picture for request in requests])
        told = [request.label if self._config.condition == "label" else None for request in requests]
        conditioning = self._tools.encoder.encode(told, [request.picture.record.columns for request in requests])
        ensemble = range(self._config.ensemble)

        def forward(batch: Sequence[tuple[int, int]]) -> list[FloatArray]:
            positions = [position for position, _ in batch]
            digests = [requests[position].picture.record.digest for position in positions]
            clean = self._stack([latents[digest] for digest in digests])
            noise = self._stack([self._noise(requests[p].picture, draw, clean.shape[1:]) for p, draw in batch])
            grids = self._block_output(clean, noise, conditioning.map(lambda part: part[positions]))
            return [
                box_means(grid, requests[position].boxes, *size)
                for grid, position in zip(grids, positions, strict=True)
            ]

        passes = [(position, draw) for position in range(len(requests)) for draw in ensemble]
        pooled = run_in_batches(forward, passes, self._batch)
        for _ in requests:
            yield unit_rows(np.mean([next(pooled) for _ in ensemble], axis=0))

    def _by_size(self, requests: Sequence[PatchRequest]) -> dict[tuple[int, int], list[int]]:
        """(height, width) as the model takes a picture -> positions of the requests."""
        groups: dict[tuple[int, int], list[int]] = defaultdict(list)
        for position, request in enumerate(requests):
            height, width = request.picture.pixels.shape[:2]
            groups[grid_size(width, height, self._denoiser.size_multiple)[::-1]].append(position)
        return groups

    def _latents(self, pictures: Sequence[Picture]) -> dict[str, Tensor]:
        """Digest -> latent, (channels, h, w); a picture that several labels share is encoded once."""
        distinct = list({picture.record.digest: picture for picture in pictures}.values())

        def encode(batch: Sequence[Picture]) -> list[Tensor]:
            multiple = self._denoiser.size_multiple
            return list(self._denoiser.encode(self._stack([to_model(picture.pixels, multiple) for picture in batch])))

        latents = run_in_batches(encode, distinct, BatchSize(1))
        return {picture.record.digest: latent for picture, latent in zip(distinct, latents, strict=True)}

    def _noise(self, picture: Picture, draw: int, shape: Sequence[int]) -> Tensor:
        import torch

        generator = torch_generator(self._tools.seed, picture.record.digest, "dift", draw)
        return torch.randn(tuple(shape), generator=generator)

    def _block_output(self, latents: Tensor, noise: Tensor, conditioning: Conditioning) -> Tensor:
        """Noise the latents and run the network up to the block, (batch, channels, h, w)."""
        import torch

        fractions = torch.full((len(latents),), self._config.timestep / SCHEDULE_STEPS, dtype=torch.float64)
        timesteps = self._denoiser.timesteps(fractions).to(latents.device)
        noisy = self._denoiser.add_noise(latents, noise, timesteps)
        return self._denoiser.block_features(noisy, timesteps, conditioning, self._config.block)

    def _stack(self, tensors: Sequence[Tensor]) -> Tensor:
        import torch

        return torch.stack(list(tensors)).to(self._denoiser.device)
