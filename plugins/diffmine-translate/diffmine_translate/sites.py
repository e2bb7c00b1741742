"""Where a network computes what is injected: residual features and self-attention, place by place. Imports torch.

Stable Diffusion, which the method was made for, is injected into from the second residual block of the up-block whose
cells are a quarter of the latents' on. Without a place in the recipe it is that block in every UNet, or its first
up-block where it has no such one, and self-attention from there on. In a transformer, which has no up-blocks, it is the
block at two thirds of its depth, as far from the end as that place is in Stable Diffusion.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from diffmine.errors import ModelError

Place = tuple[int, int]
"""(up-block, residual block in it), from 0; of a transformer (block, 0)."""
QUARTER = 3
"""How many up-blocks from the last is the one whose cells are a quarter of the latents'."""


@dataclass(frozen=True, slots=True)
class Site:
    """A module whose output is injected.

    Attributes:
        module: gives (batch, channels, h, w), or (batch, tokens, width).
        embedder: where the prompt's tokens stand in front of the picture's, the module that makes the picture's, so
            that they can be told; the prompt's own are left as they are. None: there are none of a prompt.
    """

    module: nn.Module
    embedder: nn.Module | None = None

    def injected(self, kept: Tensor, output: Tensor, tokens: int | None) -> Tensor:
        """What the module is to give.

        Args:
            kept: what it gave of the source.
            output: what it gives, of the same shape.
            tokens: of the picture, where there is an embedder.
        """
        return kept if tokens is None else torch.cat([output[:, :-tokens], kept[:, -tokens:]], dim=1)


@dataclass(frozen=True, slots=True)
class Sites:
    """The sites of a network.

    Attributes:
        features: the last layers of residual branches.
        attention: projections to queries and keys of self-attention, in the order in which they compute.
        features_at: whose features are injected where nothing else is said.
    """

    features: Mapping[Place, Site]
    attention: Sequence[tuple[Place, Site]]
    features_at: Place

    def attention_from(self, features_at: Place) -> Place:
        """Where injected self-attention begins where nothing else is said: there, or at the first if none is after."""
        places = [place for place, _ in self.attention]
        return features_at if any(place >= features_at for place in places) else min(places, default=features_at)


def sites_of(network: nn.Module) -> Sites:
    """The sites of a network of diffusers.

    Raises:
        ModelError: it is no UNet and no transformer of theirs.
    """
    if hasattr(network, "up_blocks"):
        return _of_unet(network.up_blocks)
    if hasattr(network, "transformer_blocks"):
        return _of_transformer(network)
    raise ModelError(
        f"[translate] cannot inject into {type(network).__name__}: it is no UNet and no transformer of "
        "diffusers; set translate.feature_steps = 0 and translate.attention_steps = 0 to translate without"
    )


def _of_unet(blocks: Any) -> Sites:
    features = {
        (row, at): Site(part.conv2) for row, block in enumerate(blocks) for at, part in enumerate(block.resnets)
    }
    attention = [
        ((row, at), site)
        for row, block in enumerate(blocks)
        for at, part in enumerate(getattr(block, "attentions", ()))
        for layer in part.transformer_blocks
        for site in _queries_and_keys(layer.attn1)
    ]
    return Sites(features, attention, (max(0, len(blocks) - QUARTER), 1))


def _of_transformer(network: Any) -> Sites:
    """Blocks with a stream of the picture's own, then, in Flux, blocks with one stream for prompt and picture."""
    own, joint = network.transformer_blocks, getattr(network, "single_transformer_blocks", ())
    embedder = network.x_embedder if len(joint) else None
    branches = [Site(block.ff) for block in own] + [Site(block.proj_out, embedder) for block in joint]
    parts = [(row, part, None) for row, block in enumerate(own) for part in _self_attentions(block)]
    parts += [(row, block.attn, embedder) for row, block in enumerate(joint, len(own))]
    attention = [((row, 0), site) for row, *part in parts for site in _queries_and_keys(*part)]
    features = {(row, 0): site for row, site in enumerate(branches)}
    return Sites(features, attention, (2 * len(branches) // 3, 0))


def _self_attentions(block: Any) -> list[Any]:
    """PixArt's of pictures is ``attn1``, and ``attn2`` that to the prompt.

    In Stable Diffusion 3 and Flux ``attn`` sees the prompt as well, by projections of its own; ``attn2``, which some
    blocks of Stable Diffusion 3.5 have, sees the picture alone.
    """
    if hasattr(block, "attn1"):
        return [block.attn1]
    return [part for part in (block.attn, getattr(block, "attn2", None)) if part is not None]


def _queries_and_keys(attention: Any, embedder: nn.Module | None = None) -> tuple[Site, Site]:
    return Site(attention.to_q, embedder), Site(attention.to_k, embedder)
