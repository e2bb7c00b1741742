"""Tiny Stable Diffusion 3 and PixArt checkpoints: the real classes and file formats, random weights."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    DPMSolverMultistepScheduler,
    FlowMatchEulerDiscreteScheduler,
    PixArtTransformer2DModel,
    SD3Transformer2DModel,
)
from transformers import CLIPTextModelWithProjection, T5Config, T5EncoderModel, T5Tokenizer

from diffmine.testing.toy_stable_diffusion import seeded, text_config, tiny_autoencoder, write_index
from diffmine.testing.toy_tokenizer import write_tokenizer

CLIP_WIDTH = 16
T5_WIDTH = 40


def tiny_sd3(folder: Path, *, t5: bool = False, seed: int = 0) -> Path:
    """Write a pipeline that ``StableDiffusion3Pipeline.from_pretrained`` loads.

    Three blocks, 16 latent channels, shift 3 (pictures: sides multiples of 16 px), two CLIP encoders and, if ``t5``,
    the third.

    Returns:
        ``folder``.
    """
    parts: dict[str, Any] = {
        "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
        "transformer": ["diffusers", "SD3Transformer2DModel"],
        "vae": ["diffusers", "AutoencoderKL"],
        "text_encoder_3": ["transformers", "T5EncoderModel"] if t5 else [None, None],
        "tokenizer_3": ["transformers", "T5Tokenizer"] if t5 else [None, None],
        "image_encoder": [None, None],
        "feature_extractor": [None, None],
    }
    with seeded(seed):
        for suffix in ("", "_2"):
            config = text_config(write_tokenizer(folder / f"tokenizer{suffix}"), CLIP_WIDTH)
            CLIPTextModelWithProjection(config).save_pretrained(folder / f"text_encoder{suffix}")
            parts[f"text_encoder{suffix}"] = ["transformers", "CLIPTextModelWithProjection"]
            parts[f"tokenizer{suffix}"] = ["transformers", "CLIPTokenizer"]
        if t5:
            write_t5(folder, "_3")
        transformer = SD3Transformer2DModel(
            sample_size=8,
            in_channels=16,
            num_layers=3,
            attention_head_dim=8,
            num_attention_heads=4,
            caption_projection_dim=32,
            joint_attention_dim=T5_WIDTH,
            pooled_projection_dim=2 * CLIP_WIDTH,
            pos_embed_max_size=24,
        )
        perturbed(transformer).save_pretrained(folder / "transformer")
        options = {"shift_factor": 0.0609, "use_quant_conv": False, "use_post_quant_conv": False}
        tiny_autoencoder(16, **options).save_pretrained(folder / "vae")
    FlowMatchEulerDiscreteScheduler(shift=3.0).save_pretrained(folder / "scheduler")
    write_index(folder, "StableDiffusion3Pipeline", parts)
    return folder


def tiny_pixart(folder: Path, *, sample_size: int = 8, seed: int = 0) -> Path:
    """Write a pipeline that ``PixArtSigmaPipeline.from_pretrained`` loads.

    Three blocks, T5, and a predicted variance (pictures: sides multiples of 16 px).

    Args:
        sample_size: of the transformer; 128 makes it one that is told the picture's size.
    Returns:
        ``folder``.
    """
    with seeded(seed):
        write_t5(folder, "")
        transformer = PixArtTransformer2DModel(
            num_attention_heads=4,
            attention_head_dim=12,
            in_channels=4,
            out_channels=8,
            num_layers=3,
            cross_attention_dim=48,
            sample_size=sample_size,
            caption_channels=T5_WIDTH,
        )
        perturbed(transformer).save_pretrained(folder / "transformer")
        tiny_autoencoder().save_pretrained(folder / "vae")
    DPMSolverMultistepScheduler(beta_start=0.0001, beta_end=0.02).save_pretrained(folder / "scheduler")
    write_index(
        folder,
        "PixArtSigmaPipeline",
        {
            "scheduler": ["diffusers", "DPMSolverMultistepScheduler"],
            "text_encoder": ["transformers", "T5EncoderModel"],
            "tokenizer": ["transformers", "T5Tokenizer"],
            "transformer": ["diffusers", "PixArtTransformer2DModel"],
            "vae": ["diffusers", "AutoencoderKL"],
        },
    )
    return folder


def write_t5(folder: Path, suffix: str) -> None:
    """A T5 encoder of two layers whose vocabulary is single characters."""
    special: list[tuple[str, float]] = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    letters = [(letter, -3.0) for letter in "▁" + string.ascii_letters + string.digits + string.punctuation]
    vocabulary = special + letters
    tokenizer = T5Tokenizer(vocab=vocabulary, extra_ids=0, model_max_length=512)
    tokenizer.save_pretrained(folder / f"tokenizer{suffix}")
    config = T5Config(
        vocab_size=len(vocabulary), d_model=T5_WIDTH, d_kv=10, d_ff=2 * T5_WIDTH, num_layers=2, num_heads=4
    )
    T5EncoderModel(config).save_pretrained(folder / f"text_encoder{suffix}")


def perturbed(transformer: Any) -> Any:
    """Move every weight a little: as they are made, gates and modulations are zero and conditions have no effect."""
    with torch.no_grad():
        for parameter in transformer.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    return transformer
