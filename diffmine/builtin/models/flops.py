"""Floating point operations of a forward, from the network's configuration alone.

Convolutions, matrix products and attention count, two operations for each multiplication and addition.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

KERNEL = 9
"""Weights of a 3 x 3 convolution for each pair of channels."""


def unet_flops(config: Mapping[str, Any], height: int, width: int, *, tokens: int) -> float:
    """One forward of a ``UNet2DConditionModel`` for one latent.

    Args:
        config: the UNet's ``config.json``.
        height, width: of the latent.
        tokens: length of the conditioning.
    """
    return 2.0 * _UNet(config, height, width, tokens).multiplications()


def joint_transformer_flops(config: Mapping[str, Any], height: int, width: int, *, tokens: int) -> float:
    """One forward of an ``SD3Transformer2DModel``, whose blocks attend over the picture and the text together."""
    d, n, m = _inner(config), _picture_tokens(config, height, width), tokens
    layers, dual = config["num_layers"], len(config.get("dual_attention_layers", ()))
    block = 12 * d * d * (n + m) + 2 * (n + m) ** 2 * d
    # The last block gives no text: neither the text's output projection nor its feed-forward runs.
    last_text = 9 * d * d * m
    context = config["joint_attention_dim"] * d * m
    total: int = layers * block - last_text + dual * (4 * d * d * n + 2 * n * n * d) + context + _ends(config, d, n)
    return 2.0 * total


def cross_transformer_flops(config: Mapping[str, Any], height: int, width: int, *, tokens: int) -> float:
    """One forward of a ``PixArtTransformer2DModel``, whose blocks attend over the picture, then to the text."""
    d, n, m = _inner(config), _picture_tokens(config, height, width), tokens
    block = 4 * d * d * n + 2 * n * n * d + 2 * d * d * (n + m) + 2 * n * m * d + 8 * d * d * n
    caption = (config["caption_channels"] * d + d * d) * m if config.get("caption_channels") else 0
    total: int = config["num_layers"] * block + caption + _ends(config, d, n)
    return 2.0 * total


def flux_transformer_flops(config: Mapping[str, Any], height: int, width: int, *, tokens: int) -> float:
    """One forward of a ``FluxTransformer2DModel`` for a latent, of which 2 x 2 cells are a token.

    Blocks with two streams and with one cost the same: the latter have no projection after attention, and one of both
    attention and feed-forward instead.
    """
    d, n, m = _inner(config), -(-height // 2) * -(-width // 2), tokens
    block = 12 * d * d * (n + m) + 2 * (n + m) ** 2 * d
    channels = config["in_channels"] + (config.get("out_channels") or config["in_channels"])
    context = config["joint_attention_dim"] * d * m
    total: int = (config["num_layers"] + config["num_single_layers"]) * block + context + channels * d * n
    return 2.0 * total


def _inner(config: Mapping[str, Any]) -> int:
    return int(config["num_attention_heads"] * config["attention_head_dim"])


def _picture_tokens(config: Mapping[str, Any], height: int, width: int) -> int:
    patch = config["patch_size"]
    return int(-(-height // patch) * -(-width // patch))


def _ends(config: Mapping[str, Any], inner: int, tokens: int) -> int:
    """Patches in and out."""
    channels = config["in_channels"] + (config.get("out_channels") or config["in_channels"])
    return int(channels * config["patch_size"] ** 2 * inner * tokens)


class _UNet:
    def __init__(self, config: Mapping[str, Any], height: int, width: int, tokens: int) -> None:
        self.config, self.tokens = config, tokens
        self.channels: tuple[int, ...] = tuple(config["block_out_channels"])
        self.cells = [int(-(-height // 2**level) * -(-width // 2**level)) for level in range(len(self.channels))]

    def multiplications(self) -> float:
        ends: int = (
            (self.config["in_channels"] + self.config["out_channels"]) * self.channels[0] * KERNEL * self.cells[0]
        )
        return ends + self._down() + self._middle() + self._up()

    def _down(self) -> float:
        total, previous = 0.0, self.channels[0]
        for level, out in enumerate(self.channels):
            attends = "CrossAttn" in self.config["down_block_types"][level]
            for inputs in [previous] + [out] * (self._layers(level) - 1):
                total += self._residual(inputs, out, level) + attends * self._attention(level)
            if level < len(self.channels) - 1:
                total += KERNEL * out * out * self.cells[level + 1]
            previous = out
        return total

    def _middle(self) -> float:
        kind, last = self.config.get("mid_block_type", "UNetMidBlock2DCrossAttn"), len(self.channels) - 1
        if kind is None:
            return 0.0
        attends = "CrossAttn" in kind
        return (1 + attends) * self._residual(self.channels[-1], self.channels[-1], last) + attends * self._attention(
            last
        )

    def _up(self) -> float:
        total, skips, previous = 0.0, self._skips(), self.channels[-1]
        for block, level in enumerate(reversed(range(len(self.channels)))):
            out = self.channels[level]
            attends = "CrossAttn" in self.config["up_block_types"][block]
            for _ in range(self._layers(level) + 1):
                total += self._residual(previous + skips.pop(), out, level) + attends * self._attention(level)
                previous = out
            if level > 0:
                total += KERNEL * out * out * self.cells[level - 1]
        return total

    def _skips(self) -> list[int]:
        skips = [self.channels[0]]
        for level, out in enumerate(self.channels):
            skips += [out] * (self._layers(level) + (level < len(self.channels) - 1))
        return skips

    def _residual(self, inputs: int, out: int, level: int) -> float:
        shortcut = inputs * out if inputs != out else 0
        return (KERNEL * (inputs * out + out * out) + shortcut) * self.cells[level]

    def _attention(self, level: int) -> float:
        """Projections in and out, and transformer layers: self-attention, cross-attention, gated feed-forward."""
        c, n, m = self.channels[level], self.cells[level], self.tokens
        self_attention = 4 * c * c * n + 2 * n * n * c
        cross_attention = 2 * c * c * n + 2 * c * self._of_level("cross_attention_dim", level, 1280) * m + 2 * n * m * c
        layer = self_attention + cross_attention + 12 * c * c * n
        return 2 * c * c * n + self._of_level("transformer_layers_per_block", level, 1) * layer

    def _layers(self, level: int) -> int:
        return self._of_level("layers_per_block", level, 2)

    def _of_level(self, option: str, level: int, default: int) -> int:
        value = self.config.get(option, default)
        return int(value if isinstance(value, int) else value[level])
