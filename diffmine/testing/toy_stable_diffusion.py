"""A tiny Stable Diffusion checkpoint: the real classes and file formats, random weights."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import diffusers
import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from diffmine.testing.toy_tokenizer import CONTEXT, write_tokenizer

WIDTH = 32
"""Of the text encoder, and of the UNet's cross-attention."""


def tiny_stable_diffusion(
    folder: Path,
    prediction_type: Literal["epsilon", "v_prediction"] = "epsilon",
    *,
    width: int = WIDTH,
    seed: int = 0,
) -> Path:
    """Write a pipeline that ``StableDiffusionPipeline.from_pretrained`` loads and that generates.

    The UNet has three levels (pictures: sides multiples of 32 px), the autoencoder the usual stride 8 and 4 channels,
    the text encoder two layers. About 1.5 MB.

    Args:
        prediction_type: of the scheduler; ``v_prediction`` as in Stable Diffusion 2.
        width: of the text encoder and the cross-attention.
    Returns:
        ``folder``.
    """
    with seeded(seed):
        tiny_text_encoder(folder, width)
        _unet(width).save_pretrained(folder / "unet")
        tiny_autoencoder().save_pretrained(folder / "vae")
    _scheduler(prediction_type).save_pretrained(folder / "scheduler")
    write_index(
        folder,
        "StableDiffusionPipeline",
        {
            "feature_extractor": [None, None],
            "image_encoder": [None, None],
            "requires_safety_checker": False,
            "safety_checker": [None, None],
            "scheduler": ["diffusers", "DDPMScheduler"],
            "text_encoder": ["transformers", "CLIPTextModel"],
            "tokenizer": ["transformers", "CLIPTokenizer"],
            "unet": ["diffusers", "UNet2DConditionModel"],
            "vae": ["diffusers", "AutoencoderKL"],
        },
    )
    return folder


def tiny_text_encoder(folder: Path, width: int) -> None:
    """Write ``text_encoder/`` and ``tokenizer/``."""
    CLIPTextModel(text_config(write_tokenizer(folder / "tokenizer"), width)).save_pretrained(folder / "text_encoder")


def text_config(vocabulary: int, width: int, projection: int | None = None) -> CLIPTextConfig:
    """A CLIP text transformer of two layers; ``projection`` is the width of its pooled vector, ``width`` if omitted."""
    return CLIPTextConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=CONTEXT,
        projection_dim=projection or width,
        bos_token_id=vocabulary - 2,
        eos_token_id=vocabulary - 1,
        pad_token_id=vocabulary - 1,
    )


def tiny_autoencoder(latent_channels: int = 4, **options: Any) -> AutoencoderKL:
    """An autoencoder of stride 8."""
    return AutoencoderKL(
        block_out_channels=(8, 8, 16, 16),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        norm_num_groups=4,
        latent_channels=latent_channels,
        sample_size=64,
        **options,
    )


def write_index(folder: Path, pipeline: str, parts: dict[str, Any]) -> None:
    """Write ``model_index.json``."""
    index = {"_class_name": pipeline, "_diffusers_version": diffusers.__version__, **parts}
    (folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Layers made inside draw their weights from ``seed``; the global generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def _unet(width: int) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(16, 32, 32),
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        layers_per_block=1,
        cross_attention_dim=width,
        attention_head_dim=4,
        norm_num_groups=8,
    )


def _scheduler(prediction_type: str) -> DDPMScheduler:
    return DDPMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        steps_offset=1,
        prediction_type=prediction_type,
    )
