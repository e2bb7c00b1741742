from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL, DDPMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from torch import Tensor

from diffmine.builtin.encoders.clip_text import ClipText
from diffmine.builtin.models.stable_diffusion import StableDiffusion
from diffmine.builtin.models.stable_diffusion_denoiser import StableDiffusionDenoiser
from diffmine.errors import ModelError
from diffmine.interfaces import Conditioning
from diffmine.testing.contracts.models import conditions, pictures
from diffmine.testing.toys import tiny_sd3, tiny_stable_diffusion

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_stable_diffusion(tmp_path_factory.mktemp("sd"))


def load(folder: Path, **options: object) -> StableDiffusionDenoiser:
    denoiser = StableDiffusion(StableDiffusion.Config(path=str(folder), **options)).load(CPU)  # type: ignore[arg-type]
    assert isinstance(denoiser, StableDiffusionDenoiser)
    denoiser.network.eval().requires_grad_(False)
    return denoiser


@pytest.fixture(scope="module")
def denoiser(folder: Path) -> StableDiffusionDenoiser:
    return load(folder)


@pytest.fixture(scope="module")
def noisy(denoiser: StableDiffusionDenoiser) -> Tensor:
    return torch.randn(2, 4, 8, 12, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def told(denoiser: StableDiffusionDenoiser) -> Conditioning:
    return conditions(denoiser, 2)


TIMESTEPS = torch.tensor([161, 420])


@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction"])
def test_noise_and_target_are_the_schedulers(prediction_type: str, tmp_path: Path) -> None:
    denoiser = load(tiny_stable_diffusion(tmp_path, prediction_type))  # type: ignore[arg-type]
    scheduler = DDPMScheduler.from_pretrained(tmp_path, subfolder="scheduler")
    latents, noise = torch.randn(2, 3, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    timesteps = denoiser.timesteps(torch.tensor([0.0, 0.161, 0.9999]))
    assert timesteps.tolist() == [0, 161, 999]
    kept = torch.cumprod(1 - torch.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2, 0)[timesteps][:, None, None, None]
    expected = {"epsilon": noise, "v_prediction": kept.sqrt() * noise - (1 - kept).sqrt() * latents}[prediction_type]
    torch.testing.assert_close(denoiser.target(latents, noise, timesteps), expected)
    assert torch.equal(denoiser.add_noise(latents, noise, timesteps), scheduler.add_noise(latents, noise, timesteps))
    torch.testing.assert_close(denoiser.snr(timesteps), (kept / (1 - kept)).flatten(), rtol=1e-4, atol=0)


def test_every_timestep_is_reached_from_its_fraction(denoiser: StableDiffusionDenoiser) -> None:
    for dtype in (torch.float32, torch.float64):
        fractions = torch.tensor([step / 1000 for step in range(1000)], dtype=dtype)
        assert denoiser.timesteps(fractions).tolist() == list(range(1000))


def test_latents_are_the_scaled_mode_of_the_posterior(denoiser: StableDiffusionDenoiser, folder: Path) -> None:
    vae = AutoencoderKL.from_pretrained(folder, subfolder="vae").eval()
    pixels = pictures(denoiser)
    with torch.no_grad():
        expected = vae.encode(pixels).latent_dist.mean * 0.18215
    torch.testing.assert_close(denoiser.encode(pixels), expected, rtol=1e-4, atol=1e-5)


def test_predictions_are_those_of_the_unet(
    denoiser: StableDiffusionDenoiser, folder: Path, noisy: Tensor, told: Conditioning
) -> None:
    unet = UNet2DConditionModel.from_pretrained(folder, subfolder="unet").eval()
    with torch.no_grad():
        expected = unet(noisy, TIMESTEPS, told.tokens).sample
    torch.testing.assert_close(denoiser.predict(noisy, TIMESTEPS, told), expected, rtol=1e-4, atol=1e-5)


def literal_up_blocks(unet: UNet2DConditionModel, noisy: Tensor, timesteps: Tensor, tokens: Tensor) -> list[Tensor]:
    """The forward of the UNet spelled out, block by block."""
    time = unet.time_embedding(unet.time_proj(timesteps))
    hidden = unet.conv_in(noisy)
    skips = [hidden]
    for block in unet.down_blocks:
        told = {"encoder_hidden_states": tokens} if getattr(block, "has_cross_attention", False) else {}
        hidden, states = block(hidden_states=hidden, temb=time, **told)
        skips += states
    hidden = unet.mid_block(hidden, time, encoder_hidden_states=tokens)
    outputs = []
    for block in unet.up_blocks:
        taken = tuple(skips[-len(block.resnets) :])
        del skips[-len(block.resnets) :]
        told = {"encoder_hidden_states": tokens} if getattr(block, "has_cross_attention", False) else {}
        hidden = block(hidden_states=hidden, temb=time, res_hidden_states_tuple=taken, **told)
        outputs.append(hidden)
    return outputs


def test_features_are_those_of_a_literal_forward(
    denoiser: StableDiffusionDenoiser, folder: Path, noisy: Tensor, told: Conditioning
) -> None:
    unet = UNet2DConditionModel.from_pretrained(folder, subfolder="unet").eval()
    hooked: dict[int, Tensor] = {}
    for number, block in enumerate(unet.up_blocks):
        block.register_forward_hook(lambda module, inputs, output, at=number: hooked.update({at: output}))
    with torch.no_grad():
        unet(noisy, TIMESTEPS, told.tokens)
        literal = literal_up_blocks(unet, noisy, TIMESTEPS, told.tokens)
    for number, expected in enumerate(literal):
        features = denoiser.block_features(noisy, TIMESTEPS, told, number)
        torch.testing.assert_close(features, expected, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(features, hooked[number], rtol=1e-4, atol=1e-5)


def test_nothing_runs_after_the_block(
    denoiser: StableDiffusionDenoiser, noisy: Tensor, told: Conditioning, monkeypatch: pytest.MonkeyPatch
) -> None:
    unet = denoiser.network
    assert isinstance(unet.up_blocks, torch.nn.ModuleList)
    later = [*unet.up_blocks[2].modules(), unet.conv_out]
    ran: list[torch.nn.Module] = []
    handles = [module.register_forward_hook(lambda module, *_: ran.append(module)) for module in later]  # type: ignore[union-attr]
    denoiser.block_features(noisy, TIMESTEPS, told, 1)
    assert ran == []
    denoiser.block_features(noisy, TIMESTEPS, told, 2)
    assert ran
    for handle in handles:
        handle.remove()


def test_features_of_a_compiled_network_are_the_same(
    denoiser: StableDiffusionDenoiser, folder: Path, noisy: Tensor, told: Conditioning, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compiling is in place: names of weights stay, features leave the compiled code aside."""
    calls: list[str] = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda module, *_, **__: calls.append(type(module).__name__))
    compiled = load(folder, compile=True)
    assert calls == ["UNet2DConditionModel"]
    assert compiled.network.state_dict().keys() == denoiser.network.state_dict().keys()
    expected = denoiser.block_features(noisy, TIMESTEPS, told, 1)
    assert torch.equal(compiled.block_features(noisy, TIMESTEPS, told, 1), expected)


def test_what_is_saved_generates_in_diffusers(folder: Path, tmp_path: Path) -> None:
    denoiser = load(folder)
    with torch.no_grad():
        denoiser.network.get_parameter("conv_out.bias").add_(0.25)
    denoiser.save(tmp_path / "finetuned")
    pipeline = StableDiffusionPipeline.from_pretrained(tmp_path / "finetuned")
    pipeline.set_progress_bar_config(disable=True)
    assert torch.equal(pipeline.unet.conv_out.bias, denoiser.network.get_parameter("conv_out.bias"))
    image = pipeline("a car", num_inference_steps=2, height=64, width=64, output_type="np").images[0]
    assert image.shape == (64, 64, 3)
    for part in ("vae", "text_encoder"):
        saved = [load_file(file) for file in (tmp_path / "finetuned" / part).glob("*.safetensors")]
        source = [load_file(file) for file in (folder / part).glob("*.safetensors")]
        assert all(torch.equal(saved[0][key], value) for key, value in source[0].items())


def test_the_encoder_that_was_used_is_saved_with_the_model(folder: Path, tmp_path: Path) -> None:
    other = tiny_stable_diffusion(tmp_path / "other", seed=5)
    denoiser = load(folder)
    encoder = ClipText(ClipText.Config(path=str(other / "text_encoder"))).load(denoiser, ["a"], seed=0)
    denoiser.save(tmp_path / "finetuned")
    encoder.save(tmp_path / "finetuned")
    pipeline = StableDiffusionPipeline.from_pretrained(tmp_path / "finetuned")
    expected = encoder.encode(["a car from the 1920s."]).tokens
    embedded, _ = pipeline.encode_prompt("a car from the 1920s.", "cpu", 1, do_classifier_free_guidance=False)
    torch.testing.assert_close(embedded, expected, rtol=1e-4, atol=1e-4)


def test_a_variant_loads_and_is_saved_as_the_plain_one(folder: Path, tmp_path: Path) -> None:
    half = shutil.copytree(folder, tmp_path / "half")
    for file in half.rglob("*.safetensors"):
        weights = {
            name: value.half() if value.is_floating_point() else value for name, value in load_file(file).items()
        }
        file.unlink()
        save_file(weights, file.with_suffix(".fp16.safetensors"), metadata={"format": "pt"})
    denoiser = load(half, variant="fp16")
    assert denoiser.dtype == torch.float32
    denoiser.save(tmp_path / "saved")
    assert not list((tmp_path / "saved").rglob("*fp16*"))
    StableDiffusionPipeline.from_pretrained(tmp_path / "saved")
    again = load(tmp_path / "saved")
    assert torch.equal(again.encode(pictures(again)), denoiser.encode(pictures(denoiser)))


def test_large_pictures_can_be_encoded_in_tiles(folder: Path) -> None:
    tiled = load(folder, vae_tiling=True)
    tile: int = tiled.autoencoder.tile_sample_min_size
    assert tiled.encode(torch.zeros(1, 3, 2 * tile, tile)).shape == (1, 4, tile // 4, tile // 8)


def test_half_precision_computes_and_answers_in_float32(
    folder: Path, denoiser: StableDiffusionDenoiser, noisy: Tensor, told: Conditioning
) -> None:
    half = load(folder, dtype="bfloat16")
    assert half.network.get_parameter("conv_out.bias").dtype == torch.bfloat16
    prediction = half.predict(noisy, TIMESTEPS, told)
    assert prediction.dtype == torch.float32
    assert (prediction - denoiser.predict(noisy, TIMESTEPS, told)).abs().mean() < 0.05


def test_the_fingerprint_is_the_content(folder: Path, tmp_path: Path) -> None:
    def fingerprint(path: Path) -> str:
        return StableDiffusion(StableDiffusion.Config(path=str(path))).fingerprint()

    copy = shutil.copytree(folder, tmp_path / "copy")
    assert fingerprint(copy) == fingerprint(folder)
    weights = load_file(copy / "unet" / "diffusion_pytorch_model.safetensors")
    weights["conv_out.bias"][0] += 1
    save_file(weights, copy / "unet" / "diffusion_pytorch_model.safetensors", metadata={"format": "pt"})
    assert fingerprint(copy) != fingerprint(folder)


def without_unet(folder: Path) -> None:
    shutil.rmtree(folder / "unet")


def with_pickles_only(folder: Path) -> None:
    for file in (folder / "unet").glob("*.safetensors"):
        file.rename(file.with_suffix(".bin"))


def with_damage(folder: Path) -> None:
    (folder / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"not a tensor")


def without_a_weight(folder: Path) -> None:
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(weights)
    del tensors["conv_in.weight"]
    save_file(tensors, weights, metadata={"format": "pt"})


def with_a_weight_of_another_shape(folder: Path) -> None:
    weights = folder / "vae" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(weights)
    save_file({**tensors, "quant_conv.bias": torch.zeros(3)}, weights, metadata={"format": "pt"})


def with_another_autoencoder(folder: Path) -> None:
    shutil.rmtree(folder / "vae")
    shutil.copytree(tiny_sd3(folder / "sd3") / "vae", folder / "vae")


def with_samples_as_target(folder: Path) -> None:
    path = folder / "scheduler" / "scheduler_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "prediction_type": "sample"}))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (without_unet, "unet.*cannot be loaded as UNet2DConditionModel"),
        (with_pickles_only, "safe_serialization=True"),
        (with_damage, "unet.*cannot be loaded as UNet2DConditionModel"),
        (without_a_weight, "unet lacks 1 weights of a UNet2DConditionModel, such as 'conv_in.weight'"),
        (with_a_weight_of_another_shape, "vae.*cannot be loaded as AutoencoderKL"),
        (with_another_autoencoder, "16 latent channels, but its network takes 4"),
        (with_samples_as_target, "prediction_type = 'sample'; supported are epsilon, v_prediction"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused(damage: object, message: str, folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    damage(copy)  # type: ignore[operator]
    with pytest.raises(ModelError, match=f"(?s){message}"):
        load(copy)


@pytest.mark.parametrize(
    ("further", "message"),
    [
        ({"class_embed_type": "timestep"}, "asks for further conditions.*use a Stable Diffusion 1 or 2 checkpoint"),
        (
            {
                "addition_embed_type": "text_time",
                "addition_time_embed_dim": 8,
                "projection_class_embeddings_input_dim": 80,
            },
            'told a pooled vector and sizes .* of Stable Diffusion XL; set model.use = "stable-diffusion-xl"$',
        ),
        ({"in_channels": 9}, "takes 9 channels and gives 4, .* in-painting; use a text-to-image checkpoint, a Stable"),
        ({"in_channels": 8}, "takes 8 channels and gives 4"),
        ({"num_class_embeds": 10}, "asks for further conditions.*num_class_embeds = 10"),
    ],
)
def test_a_unet_that_asks_for_more_is_refused(
    further: dict[str, object], message: str, folder: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    unet = UNet2DConditionModel.from_config({**UNet2DConditionModel.load_config(folder / "unet"), **further})
    unet.save_pretrained(copy / "unet")
    with pytest.raises(ModelError, match=message):
        load(copy)


def test_a_name_that_is_nothing_is_refused() -> None:
    model = StableDiffusion(StableDiffusion.Config(path="no such/folder at all", local_files_only=True))
    with pytest.raises(ModelError, match="there is no folder 'no such/folder at all'"):
        model.load(CPU)


def test_the_published_architecture_has_its_known_size_and_shapes() -> None:
    """The full Stable Diffusion 1.5 UNet, without its weights' memory."""
    model = StableDiffusion(StableDiffusion.Config(path="owner/not-on-this-machine", local_files_only=True))
    with torch.device("meta"):
        unet = UNet2DConditionModel(**StableDiffusion.assumed)
        assert sum(parameter.numel() for parameter in unet.parameters()) == 859_520_964
        prediction = unet(torch.randn(2, 4, 64, 64), torch.zeros(2), torch.randn(2, 77, 768)).sample
    assert prediction.shape == (2, 4, 64, 64)
    assert model.forward_flops(512, 512) == pytest.approx(803e9, rel=0.01)
