"""What one picture's computation gives is put into that of others, and nothing stays behind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from diffmine_translate import translating
from diffmine_translate.injection import Injection
from diffmine_translate.options import TranslateConfig
from diffmine_translate.sites import Place, Site, sites_of
from diffmine_translate.sources import Source
from diffmine_translate.translating import Translator
from diffusers import FluxTransformer2DModel, SD3Transformer2DModel, UNet2DConditionModel
from torch import Tensor, nn

from diffmine.builtin.encoders.clip_text import ClipText
from diffmine.builtin.models.flux import Flux
from diffmine.builtin.models.patch_unet import PatchUNet
from diffmine.builtin.models.pixart import PixArt
from diffmine.builtin.models.stable_diffusion import StableDiffusion
from diffmine.builtin.models.stable_diffusion_3 import StableDiffusion3
from diffmine.builtin.models.stable_diffusion_xl import StableDiffusionXL
from diffmine.diffusion.sampling import sampling_path
from diffmine.errors import ModelError
from diffmine.interfaces import Conditioning, Denoiser, ModelTools
from diffmine.testing.toy_pictures import toy_picture
from diffmine.testing.toy_tools import LABELS, as_picture, toy_tools
from diffmine.testing.toys import (
    GaussianMeans,
    GaussianModel,
    tiny_flux,
    tiny_pixart,
    tiny_sd3,
    tiny_stable_diffusion,
    tiny_stable_diffusion_xl,
)

Loader = Callable[[Path], ModelTools]


def published(model: Any, encoder: Any, folder: Path) -> ModelTools:
    component = model(model.Config(path=str(folder)))
    return ModelTools(component, encoder(encoder.Config()), device="cpu", seed=0, labels=LABELS, folder=None)


MODELS: dict[str, tuple[Loader, Place]] = {
    "patch-unet": (toy_tools, (0, 0)),
    "stable-diffusion": (lambda at: published(StableDiffusion, ClipText, tiny_stable_diffusion(at)), (1, 1)),
    "stable-diffusion-3": (lambda at: published(StableDiffusion3, ClipText, tiny_sd3(at)), (1, 0)),
    "pixart": (lambda at: published(PixArt, ClipText, tiny_pixart(at)), (1, 0)),
    "stable-diffusion-xl": (lambda at: published(StableDiffusionXL, ClipText, tiny_stable_diffusion_xl(at)), (0, 1)),
    "flux": (lambda at: published(Flux, ClipText, tiny_flux(at)), (1, 0)),
}
"""A model, and a place in it; that of Flux lies before the blocks with one stream."""


@pytest.fixture(scope="module", params=MODELS)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[ModelTools, Place]:
    load, place = MODELS[request.param]
    return load(tmp_path_factory.mktemp(request.param)), place


def latents(denoiser: Denoiser, count: int, seed: int = 0) -> Tensor:
    return torch.randn(count, denoiser.latent_channels, 8, 8, generator=torch.Generator().manual_seed(seed))


def names(network: nn.Module, sites: Sequence[Site]) -> list[str]:
    """Of the modules of sites in the network."""
    named = {module: name for name, module in network.named_modules()}
    return [named[site.module] for site in sites]


Rows = tuple[Tensor, Tensor, Any]
"""What ``predict`` takes: noisy latents, timesteps, conditioning."""


def source_and_other(tools: ModelTools) -> tuple[Rows, Rows]:
    """Two sources, and for each two rows of other latents under another label."""
    denoiser, encode = tools.denoiser, tools.encoder.encode
    source = latents(denoiser, 2), denoiser.timesteps(torch.full((2,), 0.5)), encode(["a", "a"])
    return source, (latents(denoiser, 4, seed=1), denoiser.timesteps(torch.full((4,), 0.5)), encode(["b"] * 4))


@torch.no_grad()
def outputs(denoiser: Denoiser, modules: Sequence[nn.Module], rows: Rows) -> tuple[list[Any], Tensor]:
    """What modules give in one forward, and what the model predicts."""
    seen: dict[nn.Module, Any] = {}
    handles = [one.register_forward_hook(lambda module, _, output: seen.update({module: output})) for one in modules]
    prediction = denoiser.predict(*rows)
    for handle in handles:
        handle.remove()
    return [seen[one] for one in modules], prediction


def tokens_of_picture(site: Site, output: Tensor) -> Tensor:
    """Of blocks with one stream for prompt and picture, the picture's: latents of 8 x 8 are 16 tokens in Flux."""
    return output if site.embedder is None else output[:, -16:]


@torch.no_grad()
def test_what_is_injected_is_what_the_source_gave(model: tuple[ModelTools, Place]) -> None:
    tools, place = model
    denoiser = tools.denoiser
    injection = Injection.into(denoiser.network, place, place)
    sites = (*injection.features, *injection.attention)
    modules = [site.module for site in sites]
    assert len(sites) >= 3
    source, other = source_and_other(tools)
    expected, _ = outputs(denoiser, modules, source)
    own, plain = outputs(denoiser, modules, other)

    with injection.recording():
        denoiser.predict(*source)
    with injection.injecting(features=True, attention=True):
        found, injected = outputs(denoiser, modules, other)
    for site, one, given in zip(sites, found, expected, strict=True):
        wanted = given.repeat_interleave(2, dim=0)
        assert torch.equal(tokens_of_picture(site, one), tokens_of_picture(site, wanted))
        assert site.embedder is None or not torch.allclose(one[:, :-16], wanted[:, :-16]), "the prompt is the target's"
    assert not torch.allclose(injected, plain)
    with injection.injecting(features=False, attention=True):
        found, _ = outputs(denoiser, modules, other)
    assert not torch.allclose(found[0], expected[0].repeat_interleave(2, dim=0)), "features were not asked for"

    assert not any(one._forward_hooks for one in denoiser.network.modules())
    again, prediction = outputs(denoiser, modules, other)
    assert torch.equal(prediction, plain), "the model is as it was"
    assert all(map(torch.equal, again, own))


def attended(attention: Any, query: Tensor, key: Tensor, value: Tensor, turned: Callable[[Tensor], Tensor]) -> Tensor:
    """Attention row by row and head by head, (batch, tokens, width); queries and keys are turned by their positions."""
    rows = []
    for q, k, v in zip(*(one.unflatten(-1, (attention.heads, -1)) for one in (query, key, value)), strict=True):
        heads = []
        for head in range(attention.heads):
            asked, answering = (
                turned(norm(one[:, head]) if norm else one[:, head])
                for norm, one in ((attention.norm_q, q), (attention.norm_k, k))
            )
            heads.append((asked @ answering.T / asked.shape[-1] ** 0.5).softmax(-1) @ v[:, head])
        rows.append(torch.cat(heads, dim=-1))
    return torch.stack(rows)


@torch.no_grad()
@pytest.mark.parametrize("model", ["stable-diffusion-xl"], indirect=True)
def test_in_sdxl_the_source_says_where_to_look_and_adds_its_features(model: tuple[ModelTools, Place]) -> None:
    """An attention and a residual block, written out, with what is the source's from the source."""
    tools, place = model
    denoiser, network = tools.denoiser, tools.denoiser.network
    injection = Injection.into(network)
    block = network.up_blocks[place[0]]
    resnet, layer = block.resnets[place[1]], block.attentions[place[1]].transformer_blocks[-1].attn1
    assert names(network, injection.features) == [f"up_blocks.{place[0]}.resnets.{place[1]}.conv2"]
    source, other = source_and_other(tools)
    sources, _ = outputs(denoiser, (layer.to_q, layer.to_k, resnet.conv2), source)
    query, key, branch = (one.repeat_interleave(2, dim=0) for one in sources)
    with injection.recording():
        denoiser.predict(*source)
    with injection.injecting(features=True, attention=True):
        (value, looked, shortcut, added), _ = outputs(
            denoiser, (layer.to_v, layer, resnet.conv_shortcut, resnet), other
        )
    expected = layer.to_out[0](attended(layer, query, key, value, lambda one: one))
    torch.testing.assert_close(looked, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(added, (shortcut + branch) / resnet.output_scale_factor)


@torch.no_grad()
@pytest.mark.parametrize("model", ["flux"], indirect=True)
def test_in_flux_blocks_with_one_stream_keep_the_targets_prompt(model: tuple[ModelTools, Place]) -> None:
    """Queries, keys and the residual branch of the picture's tokens are the source's, those of the prompt are not."""
    tools, _ = model
    denoiser, network = tools.denoiser, tools.denoiser.network
    injection = Injection.into(network)
    block = network.single_transformer_blocks[0]
    layer = block.attn
    assert names(network, injection.features) == ["single_transformer_blocks.0.proj_out"], "two thirds of four blocks"
    source, other = source_and_other(tools)
    sources, _ = outputs(denoiser, (layer.to_q, layer.to_k, block.proj_out), source)
    own, _ = outputs(denoiser, (layer.to_q, layer.to_k), other)
    query, key = (
        torch.cat([mine[:, :-16], one.repeat_interleave(2, dim=0)[:, -16:]], dim=1)
        for mine, one in zip(own, sources, strict=False)
    )
    with injection.recording():
        denoiser.predict(*source)
    before, asked = network.transformer_blocks[-1], (layer.to_v, layer, network.pos_embed, block.norm, block)
    with injection.injecting(features=True, attention=True):
        (value, looked, (cosine, sine), (_, gate), (_, picture), (_, residual)), _ = outputs(
            denoiser, (*asked, before), other
        )

    def turned(one: Tensor) -> Tensor:
        """Pairs of numbers as complex ones, turned by the angle of their position."""
        turning = torch.complex(cosine[:, ::2], sine[:, ::2])
        return torch.view_as_real(torch.view_as_complex(one.float().unflatten(-1, (-1, 2))) * turning).flatten(-2)

    torch.testing.assert_close(looked, attended(layer, query, key, value, turned), rtol=1e-4, atol=1e-5)
    branch = sources[2].repeat_interleave(2, dim=0)[:, -16:]
    torch.testing.assert_close(picture, residual + gate[:, None] * branch)


@pytest.mark.parametrize(
    ("network", "options", "features_at", "attention_from"),
    [
        (UNet2DConditionModel, {"cross_attention_dim": 768}, (1, 1), (1, 1)),
        (UNet2DConditionModel, StableDiffusionXL.assumed, (0, 1), (0, 1)),
        (UNet2DConditionModel, PatchUNet(PatchUNet.Config()).architecture()[0], (0, 1), (0, 1)),
        (FluxTransformer2DModel, Flux.assumed, (38, 0), (38, 0)),
    ],
    ids=["stable-diffusion", "stable-diffusion-xl", "patch-unet", "flux"],
)
def test_without_a_place_in_the_recipe_it_follows_from_the_blocks(
    network: type[nn.Module], options: dict[str, Any], features_at: Place, attention_from: Place
) -> None:
    """Of networks as published: where the paper has it in Stable Diffusion, and at the same depth elsewhere."""
    with torch.device("meta"):
        built = network(**{name: value for name, value in options.items() if not name.startswith("_")})
    sites, injection = sites_of(built), Injection.into(built)
    assert names(built, injection.features) == names(built, [sites.features[features_at]])
    wanted = [site for place, site in sites.attention if place >= attention_from]
    assert names(built, injection.attention) == names(built, wanted)


def test_where_no_attention_comes_after_the_features_all_is_injected(tmp_path: Path) -> None:
    network = toy_tools(tmp_path).denoiser.network  # two up-blocks, of which only the first attends
    assert len(Injection.into(network, (1, 1)).attention) == len(sites_of(network).attention) == 4


def test_blocks_of_stable_diffusion_3_5_attend_to_the_picture_twice() -> None:
    network = SD3Transformer2DModel(
        num_layers=2, attention_head_dim=8, num_attention_heads=2, joint_attention_dim=8, caption_projection_dim=16,
        pooled_projection_dim=8, dual_attention_layers=(0,), sample_size=8, pos_embed_max_size=4,
    )  # fmt: skip
    found = zip(
        names(network, [site for _, site in sites_of(network).attention]), sites_of(network).attention, strict=True
    )
    expected = {(0, 0): ["0.attn", "0.attn2"], (1, 0): ["1.attn"]}
    assert [(place, name) for name, (place, _) in found] == [
        (place, f"transformer_blocks.{part}.{projection}")
        for place, parts in expected.items()
        for part in parts
        for projection in ("to_q", "to_k")
    ]


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


@pytest.fixture
def exactly_inverted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths are known from sampling itself: random weights hold fixed-point iterations back from the inverse."""

    def path(denoiser: Denoiser, latents: Tensor, condition: Conditioning, *, steps: int, refinements: int) -> Any:
        noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(0))
        return reversed([noise, *list(sampling_path(denoiser, noise, condition, steps=steps))[:-1]])

    monkeypatch.setattr(translating, "inversion_path", path)


def test_what_is_injected_under_the_same_label_would_be_there_anyway(
    model: tuple[ModelTools, Place], exactly_inverted: None
) -> None:
    """With everything injected, a translation to its own label is the reconstruction, and one to another is not."""
    everything = {"feature_steps": 1.0, "attention_steps": 1.0, "attention_from": (0, 0)}
    back, (same, other) = translated(model[0], ("a", "b"), steps=3, **everything)
    assert (same - back).abs().max() <= 1, "levels of 255"
    assert not torch.equal(other, back)


def test_with_the_last_layer_injected_every_label_gives_the_reconstruction(
    model: tuple[ModelTools, Place], exactly_inverted: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the source is told at each step as it is at that step's noise."""
    network = model[0].denoiser.network
    last = Site(network.conv_out if hasattr(network, "conv_out") else network.proj_out)
    monkeypatch.setattr(Injection, "into", lambda *_, **__: Injection((last,), ()))
    back, (other,) = translated(model[0], ("b",), steps=3, feature_steps=1.0)
    assert (other - back).abs().max() <= 1
    _, (free,) = translated(model[0], ("b",), steps=3, feature_steps=0.0, attention_steps=0.0)
    assert not torch.equal(free, back)


def test_with_nothing_injected_the_same_label_gives_the_reconstruction(tmp_path: Path) -> None:
    back, (same,) = translated(toy_tools(tmp_path), ("a",), feature_steps=0.0, attention_steps=0.0)
    assert (same - back).abs().max() <= 2


PLAIN = {"guidance": 1.0, "steps": 4, "refinements": 12}


def translated(tools: ModelTools, targets: tuple[str, ...], **options: Any) -> tuple[Tensor, list[Tensor]]:
    """A reconstruction and translations, as float64 of 0 to 255."""
    picture = as_picture(toy_picture(0, 2, 32, 0, 3)[0])
    config = TranslateConfig(**{**PLAIN, **options})
    (found,) = Translator(tools, config).translate([(Source(picture.record, "a", targets), picture.pixels)])
    return torch.from_numpy(found.reconstruction).double(), [
        torch.from_numpy(one).double() for one in found.translations
    ]


def test_injection_brings_a_translation_nearer_to_the_picture(tmp_path: Path) -> None:
    tools, places = toy_tools(tmp_path), {"features_at": (1, 1), "attention_from": (0, 0)}

    def distance(share: float) -> float:
        back, (other,) = translated(tools, ("b",), feature_steps=share, attention_steps=share, **places)
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
