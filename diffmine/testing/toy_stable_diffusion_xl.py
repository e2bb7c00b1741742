"""A tiny Stable Diffusion XL checkpoint: the real classes and file formats, random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from diffusers import EulerDiscreteScheduler, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from diffmine.testing.toy_stable_diffusion import seeded, text_config, tiny_autoencoder, write_index
from diffmine.testing.toy_tokenizer import write_tokenizer

WIDTHS = (16, 24)
"""Of the two text encoders."""
POOLED = 20
SIZE_WIDTH = 8
"""Of the embedding of each of the six numbers that tell sizes."""


def tiny_stable_diffusion_xl(
    folder: Path,
    prediction_type: Literal["epsilon", "v_prediction"] = "epsilon",
    *,
    zeros_for_empty: bool = True,
    seed: int = 0,
) -> Path:
    """Write a pipeline that ``StableDiffusionXLPipeline.from_pretrained`` loads and that generates.

    The UNet has three levels (pictures: sides multiples of 32 px), attention at the two lower ones, of one and two
    layers; the second tokenizer pads with another token than the first.

    Args:
        prediction_type: of the scheduler, an ``EulerDiscreteScheduler``.
        zeros_for_empty: ``force_zeros_for_empty_prompt``.
    Returns:
        ``folder``.
    """
    with seeded(seed):
        first = text_config(write_tokenizer(folder / "tokenizer"), WIDTHS[0])
        CLIPTextModel(first).save_pretrained(folder / "text_encoder")
        second = text_config(write_tokenizer(folder / "tokenizer_2", pad="!"), WIDTHS[1], POOLED)
        CLIPTextModelWithProjection(second).save_pretrained(folder / "text_encoder_2")
        _unet().save_pretrained(folder / "unet")
        tiny_autoencoder(scaling_factor=0.13025, force_upcast=True).save_pretrained(folder / "vae")
    scheduler = EulerDiscreteScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        steps_offset=1,
        timestep_spacing="leading",
        prediction_type=prediction_type,
    )
    scheduler.save_pretrained(folder / "scheduler")
    write_index(
        folder,
        "StableDiffusionXLPipeline",
        {
            "feature_extractor": [None, None],
            "force_zeros_for_empty_prompt": zeros_for_empty,
            "image_encoder": [None, None],
            "scheduler": ["diffusers", "EulerDiscreteScheduler"],
            "text_encoder": ["transformers", "CLIPTextModel"],
            "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"],
            "tokenizer": ["transformers", "CLIPTokenizer"],
            "tokenizer_2": ["transformers", "CLIPTokenizer"],
            "unet": ["diffusers", "UNet2DConditionModel"],
            "vae": ["diffusers", "AutoencoderKL"],
        },
    )
    return folder


def _unet() -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(16, 32, 32),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        transformer_layers_per_block=(1, 1, 2),
        use_linear_projection=True,
        cross_attention_dim=sum(WIDTHS),
        attention_head_dim=(4, 8, 8),
        norm_num_groups=8,
        addition_embed_type="text_time",
        addition_time_embed_dim=SIZE_WIDTH,
        projection_class_embeddings_input_dim=6 * SIZE_WIDTH + POOLED,
    )
