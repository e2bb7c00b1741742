"""Tiny CLIP and DINO checkpoints: the real classes and file formats, random weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import transformers

from diffmine.testing.toy_stable_diffusion import WIDTH, seeded, text_config
from diffmine.testing.toy_tokenizer import write_tokenizer

VISION = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "image_size": 32,
    "patch_size": 8,
}
CLIP_PREPARATION = {
    "feature_extractor_type": "CLIPFeatureExtractor",
    "do_resize": True,
    "size": 32,
    "resample": 3,
    "do_center_crop": True,
    "crop_size": 32,
    "do_normalize": True,
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
}
"""As ``openai/clip-vit-large-patch14`` has it, but for the size."""

DINO_PREPARATION = {
    "do_resize": True,
    "size": {"shortest_edge": 36},
    "resample": 3,
    "do_center_crop": True,
    "crop_size": {"height": 32, "width": 32},
    "do_rescale": True,
    "rescale_factor": 0.00392156862745098,
    "do_normalize": True,
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
}
"""As ``facebook/dinov2-base`` has it, but for the size."""

DINO_KINDS: Mapping[str, tuple[str, str, str]] = {
    "dino": ("ViTConfig", "ViTModel", "ViTImageProcessor"),
    "dinov2": ("Dinov2Config", "Dinov2Model", "BitImageProcessor"),
    "dinov2_with_registers": ("Dinov2WithRegistersConfig", "Dinov2WithRegistersModel", "BitImageProcessor"),
    "dinov3": ("DINOv3ViTConfig", "DINOv3ViTModel", "DINOv3ViTImageProcessorFast"),
}
"""Kind -> classes of configuration, network and image processor."""


def tiny_clip(folder: Path, *, seed: int = 0) -> Path:
    """Write a whole CLIP checkpoint (text and vision, tokenizer, preprocessing) for pictures of 32 px.

    Returns:
        ``folder``.
    """
    with seeded(seed):
        vocabulary = write_tokenizer(folder)
        text, vision = text_config(vocabulary, WIDTH).to_dict(), {**VISION, "projection_dim": WIDTH}
        config = transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=WIDTH)
        transformers.CLIPModel(config).save_pretrained(folder)
    return _with_preparation(folder, CLIP_PREPARATION)


def tiny_dino(
    folder: Path, kind: Literal["dino", "dinov2", "dinov2_with_registers", "dinov3"] = "dinov2", *, seed: int = 0
) -> Path:
    """Write a self-supervised vision transformer with patches of 8 px.

    Returns:
        ``folder``.
    """
    config, network, processor = DINO_KINDS[kind]
    registers = {"num_register_tokens": 4} if kind == "dinov3" else {}
    with seeded(seed):
        getattr(transformers, network)(getattr(transformers, config)(**VISION, **registers)).save_pretrained(folder)
    return _with_preparation(folder, {"image_processor_type": processor, **DINO_PREPARATION})


def _with_preparation(folder: Path, settings: Mapping[str, Any]) -> Path:
    (folder / "preprocessor_config.json").write_text(json.dumps(settings, indent=1))
    return folder
