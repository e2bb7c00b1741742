"""Stable Diffusion 1.5's architecture, or a narrower one of the same make, with random weights."""

from __future__ import annotations

from pathlib import Path

from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from diffmine.testing.toy_stable_diffusion import seeded, write_index
from diffmine.testing.toy_tokenizer import CONTEXT, write_tokenizer


def stable_diffusion(folder: Path, divisor: int = 1) -> Path:
    """Write a pipeline whose parts are ``divisor`` times narrower than the published ones; the vocabulary is small."""
    width = 768 // divisor
    groups = 32 if divisor == 1 else 16
    with seeded(0):
        vocabulary = write_tokenizer(folder / "tokenizer")
        text = CLIPTextConfig(
            vocab_size=vocabulary,
            hidden_size=width,
            intermediate_size=4 * width,
            num_hidden_layers=12,
            num_attention_heads=12,
            max_position_embeddings=CONTEXT,
            bos_token_id=vocabulary - 2,
            eos_token_id=vocabulary - 1,
            pad_token_id=vocabulary - 1,
        )
        CLIPTextModel(text).save_pretrained(folder / "text_encoder")
        UNet2DConditionModel(
            sample_size=64,
            block_out_channels=tuple(channels // divisor for channels in (320, 640, 1280, 1280)),
            norm_num_groups=groups,
            cross_attention_dim=width,
        ).save_pretrained(folder / "unet")
        AutoencoderKL(
            block_out_channels=tuple(channels // divisor for channels in (128, 256, 512, 512)),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            layers_per_block=2,
            norm_num_groups=groups,
        ).save_pretrained(folder / "vae")
    schedule = DDPMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
    schedule.save_pretrained(folder / "scheduler")
    parts = {"unet": "UNet2DConditionModel", "vae": "AutoencoderKL", "scheduler": "DDPMScheduler"}
    index = {name: ["diffusers", kind] for name, kind in parts.items()}
    index |= {"text_encoder": ["transformers", "CLIPTextModel"], "tokenizer": ["transformers", "CLIPTokenizer"]}
    write_index(folder, "StableDiffusionPipeline", index)
    return folder
