"""Diffusion models and their conditioning.

A *component* (``DiffusionModel``, ``ConditioningEncoder``) is what a recipe names; what it loads (``Denoiser``,
``PromptEncoder``) is what computes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from diffmine.interfaces import checks
from diffmine.interfaces.boundary import Accountable, returns
from diffmine.interfaces.component import Component
from diffmine.types import Related

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Conditioning:
    """What a denoiser is told besides the noisy latents.

    Attributes:
        tokens: float, (batch, tokens, width).
        pooled: float, (batch, pooled width), for models that take one vector as well.
        mask: bool, (batch, tokens); True where a token counts; None: all of them.
    """

    tokens: Tensor
    pooled: Tensor | None = None
    mask: Tensor | None = None

    def __len__(self) -> int:
        return len(self.tokens)

    def map(self, function: Callable[[Tensor], Tensor]) -> Conditioning:
        """Apply ``function`` to each part, such as an index or a move to a device."""
        return Conditioning(
            function(self.tokens),
            None if self.pooled is None else function(self.pooled),
            None if self.mask is None else function(self.mask),
        )

    @staticmethod
    def cat(parts: Sequence[Conditioning]) -> Conditioning:
        """Join along the batch."""
        import torch

        def join(tensors: list[Tensor | None]) -> Tensor | None:
            present = [tensor for tensor in tensors if tensor is not None]
            return torch.cat(present) if present else None

        return Conditioning(
            torch.cat([part.tokens for part in parts]),
            join([part.pooled for part in parts]),
            join([part.mask for part in parts]),
        )


@dataclass(frozen=True, slots=True)
class ConditionPrior:
    """The conditions that a network was pretrained with, where they were single vectors; each (conditioning_width,).

    Attributes:
        null: the null condition.
        mean, deviation: of the other conditions.
    """

    null: Tensor
    mean: Tensor
    deviation: Tensor


class TextEncoder(Accountable, ABC):
    """Prompts to what a denoiser is told; frozen.

    Attributes:
        width: of ``Conditioning.tokens``.
    """

    width: int

    @abstractmethod
    @returns(checks.conditions)
    def encode(self, prompts: Sequence[str]) -> Conditioning:
        """Encode prompts; what does not fit into the encoder's context is cut, see ``overflow``."""

    @abstractmethod
    def overflow(self, prompt: str) -> int:
        """Number of tokens of ``prompt`` beyond the encoder's context; 0: nothing is cut."""

    def save(self, folder: Path) -> None:
        """Write encoder and tokenizer into the model folder, in the diffusers layout; for encoders that can replace
        a model's own. Default: nothing, for encoders that only come with their model.
        """


class Denoiser(Accountable, ABC):
    """A loaded diffusion model. Computes without gradients only where its caller asks for that.

    Attributes:
        device, dtype: where and in which precision the network computes; latents and losses are float32.
        latent_channels: channels of a latent.
        stride: image pixels to one latent cell, along each axis.
        size_multiple: the sides of an encoded picture must be multiples of this.
        num_blocks: number of up-blocks (or transformer blocks) whose output ``block_features`` gives.
    """

    device: torch.device
    dtype: torch.dtype
    latent_channels: int
    stride: int
    size_multiple: int
    num_blocks: int

    @property
    @abstractmethod
    def network(self) -> torch.nn.Module:
        """The module that finetuning trains (a UNet or a transformer)."""

    @property
    @abstractmethod
    def conditioning_width(self) -> int:
        """Width of ``Conditioning.tokens`` that the network takes."""

    @property
    def pooled_width(self) -> int | None:
        """Width of ``Conditioning.pooled``; None: the network takes tokens only."""
        return None

    @abstractmethod
    def encode(self, pixels: Tensor) -> Tensor:
        """Pixels to latents (the posterior's mode, scaled as the network expects).

        Args:
            pixels: float32, (batch, 3, height, width) in [-1, 1]; sides multiples of ``size_multiple``.
        Returns:
            float32, (batch, latent_channels, height / stride, width / stride).
        """

    @abstractmethod
    def decode(self, latents: Tensor) -> Tensor:
        """Latents to pixels, float32, (batch, 3, height, width) in [-1, 1]."""

    @abstractmethod
    def timesteps(self, fractions: Tensor) -> Tensor:
        """Positions on the noise schedule to the network's timesteps.

        Args:
            fractions: float, (batch,), in [0, 1); 0 is clean, 1 is noise.
        """

    @abstractmethod
    def add_noise(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """The noisy latents z_t."""

    @abstractmethod
    def target(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """What ``predict`` should return: noise, v, or the flow's velocity."""

    @abstractmethod
    @returns(checks.same_shape)
    def predict(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning) -> Tensor:
        """The network's prediction, float32, of the shape of ``noisy``."""

    @abstractmethod
    def block_features(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning, block: int) -> Tensor:
        """The output of up-block ``block`` (from 0), float32, (batch, channels, h, w); later layers do not run."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write the model in the diffusers layout, safetensors only."""

    def initialise(self, pixels: Tensor, *, seed: int) -> None:
        """Called once before finetuning, with a sample of training pictures, for models that start from nothing.

        Args:
            pixels: float32, (pictures, 3, height, width) in [-1, 1].
        """

    def prepare_training(self) -> None:
        """Called once before finetuning: hold the network's weights in float32, as precisely as they are stored.

        Weights of half precision would swallow an optimizer's small steps.
        """
        self.network.float()

    @returns(checks.instance_or_none("TextEncoder"))
    def text_encoder(self) -> TextEncoder | None:
        """The text encoder that came with the checkpoint, or None."""
        return None

    def condition_prior(self) -> ConditionPrior | None:
        """The condition vectors that the checkpoint was pretrained with; encoders that learn vectors start there."""
        return None

    def snr(self, timesteps: Tensor) -> Tensor | None:
        """Signal-to-noise ratio at ``timesteps``, or None where it is not defined; for min-SNR weighting."""
        return None


class DiffusionModel(Component):
    """A recipe's ``[model]``."""

    @abstractmethod
    @returns(checks.instance_of("Denoiser"))
    def load(self, device: torch.device, *, folder: Path | None = None) -> Denoiser:
        """Load the network.

        Args:
            device: where it computes.
            folder: what ``Denoiser.save`` wrote; None: the recipe's own checkpoint, or nothing trained.
        Raises:
            ModelError: there is no such checkpoint or it does not fit.
        """

    @property
    @abstractmethod
    def pretrained(self) -> bool:
        """Whether ``load`` without a folder gives a trained model, which can be mined without finetuning."""

    @property
    def stride(self) -> int:
        """Image pixels to one latent cell, as far as the configuration tells without loading; for estimates of cost."""
        return 8

    @abstractmethod
    def forward_flops(self, height: int, width: int) -> float:
        """Floating point operations of one forward for one picture of this size, from the configuration alone."""


class PromptEncoder(Accountable, ABC):
    """A loaded conditioning encoder."""

    @abstractmethod
    @returns(checks.conditions)
    def encode(
        self,
        labels: Sequence[str | None],
        columns: Sequence[Mapping[str, str]] | None = None,
        *,
        generator: np.random.Generator | None = None,
    ) -> Conditioning:
        """The conditioning of each label; None stands for the null condition.

        Args:
            labels: one a picture.
            columns: the picture's further columns, for encoders whose prompts name them.
            generator: given in training only; lets an encoder vary its prompts (``clip-text`` with ``extras``).
        """

    def parameters(self) -> Iterable[torch.nn.Parameter]:
        """Parameters that are trained with the network; none where the encoder is frozen."""
        return ()

    def prompt(self, label: str | None) -> str:
        """The label as the model is told it, for people."""
        return "(null)" if label is None else label

    def save(self, folder: Path) -> None:
        """Write what ``parameters`` learned; nothing where the encoder is frozen."""


class ConditioningEncoder(Component):
    """A recipe's ``[conditioning]``."""

    @abstractmethod
    @returns(checks.instance_of("PromptEncoder"))
    def load(
        self, denoiser: Denoiser, labels: Sequence[str], *, seed: int, folder: Path | None = None
    ) -> PromptEncoder:
        """Load the encoder for a run's labels.

        Args:
            denoiser: the model it conditions; gives width, device and, where wanted, the checkpoint's own encoder.
            labels: every label of the run, sorted.
            seed: the run's seed, for encoders that start from random vectors.
            folder: what ``PromptEncoder.save`` wrote; None: not finetuned.
        """


@dataclass
class Loaded:
    """What tools have loaded so far; shared by all that stand for the same model."""

    denoiser: Denoiser | None = None
    encoder: PromptEncoder | None = None


class ModelTools:
    """A run's model and conditioning encoder, for scorers and feature extractors; ``Run.tools()`` gives those of a run.

    Making one loads nothing and imports no torch: ``denoiser`` and ``encoder`` are loaded when first used, and kept.

    Attributes:
        device: where to compute, a torch device's name such as ``cpu`` or ``cuda:0``.
        seed: the run's seed.
        labels: every label of the run, sorted.
        fitted: the folder in which a component that fits itself to the training set finds what it fitted; None: it
            has fitted nothing.
        related: label -> the labels that look so much like it that they are not to be told from it, such as the decades
            before and after; empty where the labels have no order.
        parents: label -> the label above it, None of a root; empty where the labels have no hierarchy.
    """

    def __init__(
        self,
        model: DiffusionModel,
        conditioning: ConditioningEncoder,
        *,
        device: str,
        seed: int,
        labels: Sequence[str],
        folder: Path | None,
        fitted: Path | None = None,
        related: Related | None = None,
        parents: Mapping[str, str | None] | None = None,
    ) -> None:
        """Take what is loaded later.

        Args:
            model: the recipe's ``[model]``.
            conditioning: the recipe's ``[conditioning]``.
            device: the attribute.
            seed: the attribute.
            labels: the attribute, in any sequence.
            folder: where finetuning saved model and encoder; None: they were not finetuned.
            fitted: the attribute.
            related: the attribute; omitted: empty.
            parents: the attribute; omitted: empty.
        """
        self._model, self._conditioning, self._folder = model, conditioning, folder
        self.device, self.seed, self.labels, self.fitted = device, seed, tuple(labels), fitted
        self.related, self.parents = dict(related or {}), dict(parents or {})
        self._loaded = Loaded()

    @property
    def pretrained(self) -> bool:
        """Whether the model has been trained: by the checkpoint that the recipe names, or by the run itself."""
        return self._folder is not None or self._model.pretrained

    def with_fitted(self, fitted: Path | None) -> ModelTools:
        """The same tools, sharing what is loaded, with another ``fitted``."""
        other = copy(self)
        other.fitted = fitted
        return other

    def at(self, folder: Path) -> ModelTools:
        """The same tools with the model and the encoder as their ``save`` wrote them to ``folder``."""
        return ModelTools(
            self._model,
            self._conditioning,
            device=self.device,
            seed=self.seed,
            labels=self.labels,
            folder=folder,
            fitted=self.fitted,
            related=self.related,
            parents=self.parents,
        )

    @property
    def denoiser(self) -> Denoiser:
        """The model on ``device``, finetuned where the run has finetuned it; in evaluation mode, without gradients.

        Raises:
            ModelError: its checkpoint is missing, damaged, or does not fit.
        """
        if self._loaded.denoiser is None:
            import torch

            denoiser = self._model.load(torch.device(self.device), folder=self._folder)
            denoiser.network.eval().requires_grad_(False)
            self._loaded.denoiser = denoiser
        return self._loaded.denoiser

    @property
    def encoder(self) -> PromptEncoder:
        """The encoder that turns labels into what ``denoiser`` is told, ``encoder.encode(["a", None])``; None stands
        for the null condition. Loads the model as well.

        Raises:
            ModelError: its checkpoint is missing, damaged, or does not fit the model.
        """
        if self._loaded.encoder is None:
            self._loaded.encoder = self._conditioning.load(
                self.denoiser, self.labels, seed=self.seed, folder=self._folder
            )
        return self._loaded.encoder
