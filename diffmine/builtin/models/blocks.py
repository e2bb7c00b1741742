"""What an inner block of a network computes. Imports torch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _Reached(Exception):  # noqa: N818 - a signal, not an error
    """Carries the layer's output out of the forward."""

    def __init__(self, output: Any) -> None:
        super().__init__()
        self.output = output


def _leave(module: torch.nn.Module, inputs: Any, output: Any) -> None:
    raise _Reached(output)


def output_of(network: torch.nn.Module, layer: torch.nn.Module, **inputs: Any) -> Any:
    """What ``layer`` gives inside ``network(**inputs)``; layers that come after it do not run.

    A hook leaves the forward as soon as the layer is done, so the network's own code runs, whatever its version.
    ``forward`` is called directly: a compiled ``network`` has no inner layers to hook.
    """
    handle = layer.register_forward_hook(_leave)
    try:
        network.forward(**inputs)
    except _Reached as reached:
        return reached.output
    finally:
        handle.remove()
    raise AssertionError("the layer is not part of the network's forward")


def tokens_to_grid(tokens: Tensor, latents: Tensor, patch: int) -> Tensor:
    """A transformer's tokens, (batch, h w / patch^2, channels), to float32, (batch, channels, h / patch, w / patch).

    Args:
        tokens: row by row, as diffusers' ``PatchEmbed`` lays them out.
        latents: (batch, channels, h, w), what they are the tokens of.
        patch: latent cells to one token, along each axis.
    """
    height, width = (side // patch for side in latents.shape[-2:])
    return tokens.transpose(1, 2).reshape(*tokens.shape[::2], height, width).float()
