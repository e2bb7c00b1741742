"""Tiny genuine checkpoints and a model whose optimum is known, for tests of everything that takes a model."""

from diffmine.testing.gaussian import GaussianDenoiser, GaussianMeans, GaussianModel, GaussianPrompts
from diffmine.testing.toy_flux import tiny_flux
from diffmine.testing.toy_stable_diffusion import tiny_stable_diffusion
from diffmine.testing.toy_stable_diffusion_xl import tiny_stable_diffusion_xl
from diffmine.testing.toy_transformers import tiny_pixart, tiny_sd3
from diffmine.testing.toy_vision import tiny_clip, tiny_dino

__all__ = [
    "GaussianDenoiser",
    "GaussianMeans",
    "GaussianModel",
    "GaussianPrompts",
    "tiny_clip",
    "tiny_dino",
    "tiny_flux",
    "tiny_pixart",
    "tiny_sd3",
    "tiny_stable_diffusion",
    "tiny_stable_diffusion_xl",
]
