"""A checkpoint of one family given to the model of another, before any weights are read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from diffmine.builtin.models.flux import Flux
from diffmine.builtin.models.pixart import PixArt
from diffmine.builtin.models.published import MODEL_OF, PublishedModel
from diffmine.builtin.models.stable_diffusion import StableDiffusion
from diffmine.builtin.models.stable_diffusion_3 import StableDiffusion3
from diffmine.builtin.models.stable_diffusion_xl import StableDiffusionXL
from diffmine.errors import ModelError
from diffmine.testing.toy_stable_diffusion import write_index
from diffmine.testing.toys import tiny_stable_diffusion, tiny_stable_diffusion_xl

FAMILIES: dict[str, type[PublishedModel]] = {
    kind.name: kind for kind in (Flux, PixArt, StableDiffusion, StableDiffusion3, StableDiffusionXL)
}


def test_every_family_has_a_pipeline_and_every_pipeline_a_family() -> None:
    assert set(MODEL_OF.values()) == set(FAMILIES)


@pytest.mark.parametrize("pipeline", MODEL_OF)
@pytest.mark.parametrize("name", FAMILIES)
def test_another_familys_checkpoint_is_refused_with_the_model_to_use(name: str, pipeline: str, tmp_path: Path) -> None:
    """The folder holds no weights: what is refused is refused without them, what is not misses them."""
    write_index(tmp_path, pipeline, {})
    model = FAMILIES[name](FAMILIES[name].Config(path=str(tmp_path)))
    of_its_own = MODEL_OF[pipeline] == name
    wanted = "cannot be loaded as" if of_its_own else f'holds a {pipeline}, .*; set model.use = "{MODEL_OF[pipeline]}"$'
    with pytest.raises(ModelError, match=wanted):
        model.load(torch.device("cpu"))


@pytest.mark.parametrize(
    ("write", "name"), [(tiny_stable_diffusion, "stable-diffusion-xl"), (tiny_stable_diffusion_xl, "stable-diffusion")]
)
def test_stable_diffusion_and_xl_are_told_apart(write: Callable[[Path], Path], name: str, tmp_path: Path) -> None:
    model = FAMILIES[name](FAMILIES[name].Config(path=str(write(tmp_path))))
    with pytest.raises(ModelError, match=r"holds a StableDiffusion\w*Pipeline, which is none for model.use = "):
        model.load(torch.device("cpu"))
