"""A recipe that runs the whole pipeline in seconds, on toy pictures with a toy model."""

from __future__ import annotations

from pathlib import Path

from diffmine.testing.toy_pictures import write_toy_folder

TINY_RECIPE = """
name = "tiny"
seed = 1
[dataset]
use = "folder"
path = "pictures"
masks = "pictures-masks"
holdout = 0.25
[model]
use = "patch-unet"
start = "scratch"
channels = [32, 32]
latent_channels = 8
conditioning_width = 16
[conditioning]
use = "label-embedding"
[finetune]
use = "full"
steps = 6
batch_size = 4
warmup_steps = 1
learning_rate = 1e-3
checkpoint_every = 2
validate_every = 3
validation_images = 2
validation_draws = 1
[scorer]
draws = 4
[patches]
size = 8
per_image = 2
per_label = 20
[features]
use = "dift"
ensemble = 1
[clusterer]
use = "kmeans"
n_clusters = 3
[report]
use = ["terminal"]
"""


def write_tiny_recipe(folder: Path, *, per_label: int = 12, extra: str = "") -> Path:
    """Write toy pictures and ``tiny.toml`` into ``folder``.

    Args:
        per_label: pictures of each of the two labels, 32 px.
        extra: TOML to append.
    Returns:
        the path of the recipe.
    """
    write_toy_folder(folder / "pictures", per_label=per_label)
    path = folder / "tiny.toml"
    path.write_text(TINY_RECIPE + extra, encoding="utf-8")
    return path
