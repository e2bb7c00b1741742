"""A tiny Flux checkpoint: the real classes and file formats, random weights."""

from __future__ import annotations

from pathlib import Path

from diffusers import FlowMatchEulerDiscreteScheduler, FluxTransformer2DModel
from transformers import CLIPTextModel

from diffmine.testing.toy_stable_diffusion import seeded, text_config, tiny_autoencoder, write_index
from diffmine.testing.toy_tokenizer import write_tokenizer
from diffmine.testing.toy_transformers import T5_WIDTH, perturbed, write_t5

CLIP_WIDTH = 16


def tiny_flux(folder: Path, *, distilled: bool = True, seed: int = 0) -> Path:
    """Write a pipeline that ``FluxPipeline.from_pretrained`` loads and that generates.

    Two blocks with two streams and two with one, 16 latent channels (pictures: sides multiples of 16 px).

    Args:
        distilled: told the strength of guidance, and shifted by picture size, as FLUX.1-dev; else as FLUX.1-schnell.
    Returns:
        ``folder``.
    """
    with seeded(seed):
        clip = text_config(write_tokenizer(folder / "tokenizer"), CLIP_WIDTH)
        CLIPTextModel(clip).save_pretrained(folder / "text_encoder")
        write_t5(folder, "_2")
        transformer = FluxTransformer2DModel(
            in_channels=64,
            num_layers=2,
            num_single_layers=2,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=T5_WIDTH,
            pooled_projection_dim=CLIP_WIDTH,
            guidance_embeds=distilled,
            axes_dims_rope=(4, 6, 6),
        )
        perturbed(transformer).save_pretrained(folder / "transformer")
        options = {"shift_factor": 0.1159, "scaling_factor": 0.3611, "use_quant_conv": False}
        tiny_autoencoder(16, use_post_quant_conv=False, **options).save_pretrained(folder / "vae")
    shift = {"shift": 3.0, "use_dynamic_shifting": True} if distilled else {"shift": 1.0}
    FlowMatchEulerDiscreteScheduler(**shift).save_pretrained(folder / "scheduler")
    write_index(
        folder,
        "FluxPipeline",
        {
            "feature_extractor": [None, None],
            "image_encoder": [None, None],
            "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
            "text_encoder": ["transformers", "CLIPTextModel"],
            "text_encoder_2": ["transformers", "T5EncoderModel"],
            "tokenizer": ["transformers", "CLIPTokenizer"],
            "tokenizer_2": ["transformers", "T5Tokenizer"],
            "transformer": ["diffusers", "FluxTransformer2DModel"],
            "vae": ["diffusers", "AutoencoderKL"],
        },
    )
    return folder
