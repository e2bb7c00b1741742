"""What of a network is trained. Imports torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from diffmine.errors import ModelError
from diffmine.numerics.seeding import derive_seed


def everything(network: nn.Module) -> Callable[[], None]:
    """Every weight."""
    network.requires_grad_(True)
    return lambda: None


@dataclass(frozen=True)
class LowRank:
    """Low-rank adapters beside frozen layers (Hu et al. 2022).

    Attributes:
        target_modules: ends of the names of the adapted layers.
        rank: of the adapters.
        alpha: their outputs are scaled by alpha / rank.
        dropout: share of their inputs dropped in training.
        seed: of their first weights.
    """

    target_modules: Sequence[str]
    rank: int
    alpha: float
    dropout: float
    seed: int

    def __call__(self, network: nn.Module) -> Callable[[], None]:
        """Put adapters into the network; the function returned merges them into its weights.

        Raises:
            ModelError: the network has no layer of these names.
        """
        import peft

        config = peft.LoraConfig(
            r=self.rank,
            lora_alpha=self.alpha,
            lora_dropout=self.dropout,
            target_modules=list(self.target_modules),
        )
        with torch.random.fork_rng():
            torch.manual_seed(derive_seed(self.seed, "lora"))
            try:
                adapted = peft.LoraModel(network, config, "default")
            except ValueError as error:
                raise ModelError(
                    f"finetune.target_modules = {list(self.target_modules)}: none of {type(network).__name__}'s layers "
                    "has such a name; name its attention projections"
                ) from error

        def merge() -> None:
            adapted.merge_and_unload()

        return merge
