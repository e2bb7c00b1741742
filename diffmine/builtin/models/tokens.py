"""Transformers see a latent as tokens. Imports torch."""

from __future__ import annotations

from torch import Tensor


def tokens_to_grid(tokens: Tensor, latents: Tensor, patch: int) -> Tensor:
    """Tokens, (batch, h w / patch^2, channels), to float32, (batch, channels, h / patch, w / patch).

    Args:
        tokens: row by row, as diffusers' ``PatchEmbed`` lays them out.
        latents: (batch, channels, h, w), what they are the tokens of.
        patch: latent cells to one token, along each axis.
    """
    height, width = (side // patch for side in latents.shape[-2:])
    return tokens.transpose(1, 2).reshape(*tokens.shape[::2], height, width).float()
