"""Estimates against what torch counts while it runs, on networks without memory."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import PixArtTransformer2DModel, SD3Transformer2DModel, UNet2DConditionModel
from torch.utils.flop_counter import FlopCounterMode

from diffmine.builtin.models.flops import cross_transformer_flops, joint_transformer_flops, unet_flops
from diffmine.builtin.models.patch_unet import PatchUNet
from diffmine.builtin.models.stable_diffusion import StableDiffusion

UNEVEN = {
    **StableDiffusion.assumed,
    "block_out_channels": (32, 64, 96, 128),
    "layers_per_block": (1, 2, 1, 3),
    "transformer_layers_per_block": (1, 2, 3, 1),
}
WITHOUT_MIDDLE = {**PatchUNet(PatchUNet.Config(start="scratch")).architecture()[0], "mid_block_type": None}


def counted(network: torch.nn.Module, **inputs: Any) -> int:
    counter = FlopCounterMode(display=False)
    with counter:
        network(**inputs)
    return counter.get_total_flops()


@pytest.mark.parametrize("config", [StableDiffusion.assumed, UNEVEN, WITHOUT_MIDDLE])
def test_unet(config: dict[str, Any]) -> None:
    with torch.device("meta"):
        unet = UNet2DConditionModel(**config)
        inputs = {
            "sample": torch.randn(1, config["in_channels"], 32, 48),
            "timestep": torch.zeros(1),
            "encoder_hidden_states": torch.randn(1, 77, config["cross_attention_dim"]),
        }
        expected = counted(unet, **inputs)
    assert unet_flops(unet.config, 32, 48, tokens=77) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("options", [{}, {"dual_attention_layers": (0, 1, 2), "qk_norm": "rms_norm"}])
def test_joint_transformer(options: dict[str, Any]) -> None:
    with torch.device("meta"):
        transformer = SD3Transformer2DModel(num_layers=6, pos_embed_max_size=96, **options)
        expected = counted(
            transformer,
            hidden_states=torch.randn(1, 16, 64, 96),
            encoder_hidden_states=torch.randn(1, 333, 4096),
            pooled_projections=torch.randn(1, 2048),
            timestep=torch.zeros(1),
        )
    assert joint_transformer_flops(transformer.config, 64, 96, tokens=333) == pytest.approx(expected, rel=0.01)


def test_cross_transformer() -> None:
    with torch.device("meta"):
        transformer = PixArtTransformer2DModel(num_layers=4, sample_size=64, caption_channels=4096)
        expected = counted(
            transformer,
            hidden_states=torch.randn(1, 4, 64, 96),
            encoder_hidden_states=torch.randn(1, 300, 4096),
            timestep=torch.zeros(1),
            added_cond_kwargs={"resolution": None, "aspect_ratio": None},
        )
    assert cross_transformer_flops(transformer.config, 64, 96, tokens=300) == pytest.approx(expected, rel=0.01)
