"""What one picture's computation gives is put into that of others, and nothing stays behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffmine_translate.injection import Injection, Place
from diffmine_translate.options import TranslateConfig
from diffmine_translate.sources import Source
from diffmine_translate.translating import Translator
from torch import Tensor, nn

from diffmine.builtin.encoders.clip_text import ClipText
from diffmine.builtin.models.pixart import PixArt
from diffmine.builtin.models.stable_diffusion import StableDiffusion
from diffmine.builtin.models.stable_diffusion_3 import StableDiffusion3
from diffmine.errors import ModelError
from diffmine.interfaces import Denoiser, ModelTools
from diffmine.testing.toy_pictures import toy_picture
from diffmine.testing.toy_tools import LABELS, as_picture, toy_tools
from diffmine.testing.toys import GaussianMeans, GaussianModel, tiny_pixart, tiny_sd3, tiny_stable_diffusion

Loader = Callable[[Path], ModelTools]


def published(model: Any, encoder: Any, folder: Path) -> ModelTools:
    component = model(model.Config(path=str(folder)))
    return ModelTools(component, encoder(encoder.Config()), device="cpu", seed=0, labels=LABELS, folder=None)


MODELS: dict[str, tuple[Loader, Place]] = {
    "patch-unet": (toy_tools, (0, 0)),
    "stable-diffusion": (lambda at: published(StableDiffusion, ClipText, tiny_stable_diffusion(at)), (1, 1)),
    "stable-diffusion-3": (lambda at: published(StableDiffusion3, ClipText, tiny_sd3(at)), (1, 0)),
    "pixart": (lambda at: published(PixArt, ClipText, tiny_pixart(at)), (1, 0)),
}


@pytest.fixture(scope="module", params=MODELS)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[ModelTools, Place]:
    load, place = MODELS[request.param]
    return load(tmp_path_factory.mktemp(request.param)), place


def latents(denoiser: Denoiser, count: int, seed: int = 0) -> Tensor:
    return torch.randn(count, denoiser.latent_channels, 8, 8, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def outputs(denoiser: Denoiser, modules: tuple[nn.Module, ...], *inputs: Any) -> tuple[list[Tensor], Tensor]:
    """What modules give in one forward, and what the model predicts."""
    seen: dict[nn.Module, Tensor] = {}
    handles = [one.register_forward_hook(lambda module, _, output: seen.update({module: output})) for one in modules]
    prediction = denoiser.predict(*inputs)
    for handle in handles:
        handle.remove()
    return [seen[one] for one in modules], prediction


@torch.no_grad()
def test_what_is_injected_is_what_the_source_gave(model: tuple[ModelTools, Place]) -> None:
    """Two sources, each for two rows of other latents under another label."""
    tools, place = model
    denoiser, encode = tools.denoiser, tools.encoder.encode
    injection = Injection.into(denoiser.network, place, place)
    modules = (*injection.features, *injection.attention)
    assert len(modules) >= 3
    source = latents(denoiser, 2), denoiser.timesteps(torch.full((2,), 0.5)), encode(["a", "a"])
    other = latents(denoiser, 4, seed=1), denoiser.timesteps(torch.full((4,), 0.5)), encode(["b"] * 4)
    expected, _ = outputs(denoiser, modules, *source)
    _, plain = outputs(denoiser, (), *other)

    with injection.recording():
        denoiser.predict(*source)
    with injection.injecting(features=True, attention=True):
        found, injected = outputs(denoiser, modules, *other)
    for one, given in zip(found, expected, strict=True):
        assert torch.equal(one, given.repeat_interleave(2, dim=0))
    assert not torch.allclose(injected, plain)
    with injection.injecting(features=False, attention=True):
        found, _ = outputs(denoiser, modules, *other)
    assert not torch.allclose(found[0], expected[0].repeat_interleave(2, dim=0)), "features were not asked for"

    assert not any(one._forward_hooks for one in denoiser.network.modules())
    assert torch.equal(outputs(denoiser, (), *other)[1], plain), "the model is as it was"


def test_hooks_are_removed_after_an_error(tmp_path: Path) -> None:
    network = toy_tools(tmp_path).denoiser.network
    injection = Injection.into(network, (0, 0), (0, 0))
    with pytest.raises(RuntimeError, match="out of memory"), injection.recording():
        raise RuntimeError("out of memory")
    assert not any(one._forward_hooks for one in network.modules())


def test_a_place_that_a_model_does_not_have_is_refused(tmp_path: Path) -> None:
    network = toy_tools(tmp_path).denoiser.network  # two up-blocks, of which only the first attends
    with pytest.raises(ModelError, match=r"features_at = \[2, 1\]: .* it has \[0, 0\], \[0, 1\], \[1, 0\], \[1, 1\]"):
        Injection.into(network, (2, 1), None)
    with pytest.raises(ModelError, match=r"attention_from = \[1, 0\]: .* it has \[0, 0\], \[0, 1\]; set"):
        Injection.into(network, None, (1, 0))
    with pytest.raises(ModelError, match=r"no UNet and no transformer of diffusers; set translate\.feature_steps = 0"):
        Injection.into(nn.Linear(1, 1), (1, 1), (1, 1))


PLAIN = {"guidance": 1.0, "steps": 4, "refinements": 12, "features_at": (1, 1), "attention_from": (0, 0)}


def translated(tools: ModelTools, targets: tuple[str, ...], **options: Any) -> tuple[Tensor, list[Tensor]]:
    """A reconstruction and translations, as float64 of 0 to 255."""
    picture = as_picture(toy_picture(0, 2, 32, 0, 3)[0])
    config = TranslateConfig(**{**PLAIN, **options})
    (found,) = Translator(tools, config).translate([(Source(picture.record, "a", targets), picture.pixels)])
    return torch.from_numpy(found.reconstruction).double(), [
        torch.from_numpy(one).double() for one in found.translations
    ]


def test_under_the_same_label_a_translation_is_the_reconstruction(tmp_path: Path) -> None:
    """With everything injected, and with nothing: what is injected is what would be there anyway."""
    tools = toy_tools(tmp_path)
    for share in (0.0, 1.0):
        back, (same,) = translated(tools, ("a",), feature_steps=share, attention_steps=share)
        assert (same - back).abs().max() <= 2, "levels of 255, by how far the inversion has converged"


def test_injection_brings_a_translation_nearer_to_the_picture(tmp_path: Path) -> None:
    tools = toy_tools(tmp_path)

    def distance(share: float) -> float:
        back, (other,) = translated(tools, ("b",), feature_steps=share, attention_steps=share)
        return float((other - back).abs().mean())

    assert 0 < distance(1.0) < 0.8 * distance(0.0)


def test_targets_are_translated_each_by_itself(tmp_path: Path) -> None:
    """Together, or in batches of one row."""
    tools = toy_tools(tmp_path, labels=("a", "b", "c"))
    _, together = translated(tools, ("b", "c"), batch_size=8, guidance=2.0)
    _, alone = translated(tools, ("b", "c"), batch_size=1, guidance=2.0)
    assert all((one - two).abs().max() <= 1 for one, two in zip(together, alone, strict=True))
    assert not torch.equal(together[0], together[1])


def test_guidance_may_lead_away_from_the_own_label(tmp_path: Path) -> None:
    """Guided by 0 away from a label, the prediction is that label's own."""
    tools = toy_tools(tmp_path)
    options = {"guidance": 0.0, "feature_steps": 0.0, "attention_steps": 0.0}
    back, (own,) = translated(tools, ("b",), away_from="own", **options)
    assert (own - back).abs().max() <= 1
    _, (null,) = translated(tools, ("b",), away_from="null", **options)
    assert not torch.equal(null, own)


def test_without_injection_any_denoiser_translates(tmp_path: Path) -> None:
    """The Gaussian model has no blocks; under another label every pixel moves by the difference of the means."""
    means = GaussianMeans(GaussianMeans.Config(means={"a": (0.2, 0.2, 0.2), "b": (-0.2, 0.0, 0.4)}))
    tools = ModelTools(GaussianModel(GaussianModel.Config()), means, device="cpu", seed=0, labels=LABELS, folder=None)
    options = {"steps": 200, "feature_steps": 0.0, "attention_steps": 0.0}
    back, (moved,) = translated(tools, ("b",), **options)
    within = (back > 60) & (back < 195) & (moved > 0) & (moved < 255)
    for channel, expected in enumerate((-0.4, -0.2, 0.2)):
        shift = (moved - back)[..., channel][within[..., channel]]
        assert shift.mean() == pytest.approx(127.5 * expected, abs=3)
        assert shift.std() < 3
