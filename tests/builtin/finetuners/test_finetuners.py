from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from diffmine.builtin.encoders.clip_text import ClipText
from diffmine.builtin.finetuners.full import FullFinetuning
from diffmine.builtin.finetuners.lora import LoRA
from diffmine.builtin.finetuners.none import NoFinetuning
from diffmine.builtin.models.flux import Flux
from diffmine.builtin.models.pixart import PixArt
from diffmine.builtin.models.stable_diffusion import StableDiffusion
from diffmine.builtin.models.stable_diffusion_3 import StableDiffusion3
from diffmine.builtin.models.stable_diffusion_xl import StableDiffusionXL
from diffmine.errors import ModelError
from diffmine.interfaces import DiffusionModel, Finetuner, ModelTools, Progress
from diffmine.testing.contracts.finetuners import FinetunerContract
from diffmine.testing.toy_flux import tiny_flux
from diffmine.testing.toy_stable_diffusion import tiny_stable_diffusion
from diffmine.testing.toy_stable_diffusion_xl import tiny_stable_diffusion_xl
from diffmine.testing.toy_tools import LABELS, toy_tools
from diffmine.testing.toy_training import toy_training_set, untrained_tools, weights
from diffmine.testing.toy_transformers import tiny_pixart, tiny_sd3
from diffmine.training.adaptations import LowRank

OPTIONS = {
    "steps": 10,
    "batch_size": 4,
    "learning_rate": 1e-3,
    "warmup_steps": 0,
    "ema": 0.8,
    "checkpoint_every": 3,
    "validate_every": 0,
    "log_every": 4,
}


class TestFull(FinetunerContract):
    @pytest.fixture
    def finetuner(self) -> Finetuner:
        return FullFinetuning(FullFinetuning.Config.model_validate(OPTIONS))


class TestLoRA(FinetunerContract):
    @pytest.fixture
    def finetuner(self) -> Finetuner:
        return LoRA(LoRA.Config.model_validate({**OPTIONS, "dropout": 0.2}))


class TestNone(FinetunerContract):
    @pytest.fixture
    def finetuner(self) -> Finetuner:
        return NoFinetuning(NoFinetuning.Config())


def test_full_trains_every_weight_of_the_network_and_nothing_else(tmp_path: Path) -> None:
    tools = toy_tools(tmp_path / "base")
    trained = tmp_path / "trained"
    for path in (trained, tmp_path / "workspace"):
        path.mkdir()
    finetuner = FullFinetuning(FullFinetuning.Config.model_validate(OPTIONS))
    finetuner.finetune(tools, toy_training_set(), folder=trained, workspace=tmp_path / "workspace", progress=Progress())
    before, after = weights(tmp_path / "base"), weights(trained)
    assert before.keys() == after.keys()
    same = {name for name, tensor in before.items() if torch.equal(tensor, after[name])}
    different = {name.split("/")[0] for name in before.keys() - same}
    # Attention over a single token gives it all the weight, whatever the query: what makes the query gets no gradient.
    assert {name.split("/")[0] for name in same if not name.endswith("norm2.bias")} == {"vae"}
    assert different == {"unet", "conditioning"}


def test_lora_merged_predicts_what_its_adapters_did_and_changes_only_what_it_adapts(tmp_path: Path) -> None:
    network = toy_tools(tmp_path / "base").denoiser.network
    before = copy.deepcopy(network.state_dict())
    merge = LowRank(("to_q", "to_out.0"), rank=3, alpha=6, dropout=0.0, seed=1)(network)
    adapters = {name: value for name, value in network.named_parameters() if value.requires_grad}
    assert adapters.keys() == {name for name in adapters if "lora_" in name}
    inputs = {
        "sample": torch.randn(2, 8, 8, 8),
        "timestep": torch.tensor([10, 500]),
        "encoder_hidden_states": torch.randn(2, 1, 16),
    }
    with torch.no_grad():
        for value in adapters.values():
            value.add_(0.1 * torch.randn_like(value))
        adapted = network(**inputs).sample
        merge()
        torch.testing.assert_close(network(**inputs).sample, adapted, rtol=1e-4, atol=1e-5)
    after = network.state_dict()
    assert after.keys() == before.keys()
    changed = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert changed == {name for name in before if name.endswith(("to_q.weight", "to_out.0.weight"))}


def test_lora_names_layers_that_are_not_there(tmp_path: Path) -> None:
    network = toy_tools(tmp_path / "base").denoiser.network
    with pytest.raises(ModelError, match="target_modules"):
        LowRank(("query",), rank=2, alpha=2, dropout=0.0, seed=0)(network)


def test_none_refuses_a_model_that_was_never_trained(tmp_path: Path) -> None:
    finetuner = NoFinetuning(NoFinetuning.Config())
    with pytest.raises(ModelError, match=r"never been trained; use = 'full'"):
        finetuner.finetune(
            untrained_tools(), toy_training_set(), folder=tmp_path, workspace=tmp_path, progress=Progress()
        )


def finetuned(finetuner: Finetuner, tools: ModelTools, path: Path, size: int) -> Path:
    for folder in (path / "model", path / "workspace"):
        folder.mkdir(parents=True)
    data = toy_training_set(train=4, heldout=2, size=size)
    finetuner.finetune(tools, data, folder=path / "model", workspace=path / "workspace", progress=Progress())
    return path / "model"


@pytest.mark.parametrize("finetuner", [FullFinetuning, LoRA])
def test_a_finetuned_stable_diffusion_loads_in_plain_diffusers_and_generates(
    finetuner: type[FullFinetuning] | type[LoRA], tmp_path: Path
) -> None:
    from diffusers import StableDiffusionPipeline

    base = tiny_stable_diffusion(tmp_path / "base", "v_prediction")
    model = StableDiffusion(StableDiffusion.Config(path=str(base)))
    prompts = ClipText(ClipText.Config(template="A photo from {label}", null_prompt="A photo"))
    tools = ModelTools(model, prompts, device="cpu", seed=0, labels=LABELS, folder=None)
    options = {**OPTIONS, "steps": 3, "min_snr_gamma": 5.0, "sample_every": 3, "validate_every": 3}
    trained = finetuned(finetuner(finetuner.Config.model_validate(options)), tools, tmp_path / "run", 64)
    before, after = weights(base), weights(trained)
    assert before.keys() == after.keys()
    assert {name.split("/")[0] for name, value in before.items() if not torch.equal(value, after[name])} == {"unet"}
    pipeline = StableDiffusionPipeline.from_pretrained(trained, safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    picture = pipeline("A photo from a", num_inference_steps=2, height=32, width=32, output_type="np").images[0]
    assert picture.shape == (32, 32, 3)
    assert np.isfinite(picture).all()


def test_weights_loaded_in_half_precision_are_trained_as_precisely_as_they_are_stored(tmp_path: Path) -> None:
    base = tiny_stable_diffusion(tmp_path / "base")
    model = StableDiffusion(StableDiffusion.Config(path=str(base), dtype="bfloat16"))
    tools = ModelTools(model, ClipText(ClipText.Config()), device="cpu", seed=0, labels=LABELS, folder=None)
    options = {**OPTIONS, "steps": 1, "learning_rate": 1e-9, "weight_decay": 0.0, "ema": 0.0}
    finetuner = FullFinetuning(FullFinetuning.Config.model_validate(options))
    before, after = weights(base), weights(finetuned(finetuner, tools, tmp_path / "run", 32))
    for name, value in before.items():
        torch.testing.assert_close(after[name], value, rtol=0, atol=2e-9, msg=name)


@pytest.mark.parametrize(("write", "family"), [(tiny_sd3, StableDiffusion3), (tiny_pixart, PixArt)])
def test_transformers_are_finetuned_too(
    write: Callable[[Path], Path], family: type[StableDiffusion3] | type[PixArt], tmp_path: Path
) -> None:
    base = write(tmp_path / "base")
    model, prompts = family(family.Config(path=str(base))), ClipText(ClipText.Config())
    tools = ModelTools(model, prompts, device="cpu", seed=0, labels=LABELS, folder=None)
    options = {**OPTIONS, "steps": 3, "ema": 0.5, "sample_every": 3, "gradient_checkpointing": True}
    trained = finetuned(LoRA(LoRA.Config.model_validate(options)), tools, tmp_path / "run", 32)
    before, after = weights(base), weights(trained)
    assert before.keys() == after.keys()
    changed = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert changed
    assert all(name.startswith("transformer/") for name in changed)
    assert all(".to_" in name for name in changed)


def large(family: type[StableDiffusionXL] | type[Flux], base: Path) -> DiffusionModel:
    if family is Flux:
        return Flux(Flux.Config(path=str(tiny_flux(base)), text_tokens=32))
    return StableDiffusionXL(StableDiffusionXL.Config(path=str(tiny_stable_diffusion_xl(base))))


TEXT_STREAM = ("add_q_proj", "add_k_proj", "add_v_proj", "to_add_out")


@pytest.mark.parametrize(
    ("family", "finetuner", "further"),
    [
        (StableDiffusionXL, FullFinetuning, {"min_snr_gamma": 5.0}),
        (StableDiffusionXL, LoRA, {}),
        (Flux, LoRA, {"target_modules": ("to_q", "to_k", "to_v", "to_out.0", *TEXT_STREAM)}),
    ],
)
def test_finetuned_large_models_load_in_plain_diffusers_and_generate(
    family: type[StableDiffusionXL] | type[Flux],
    finetuner: type[FullFinetuning] | type[LoRA],
    further: dict[str, object],
    tmp_path: Path,
) -> None:
    from diffusers import FluxPipeline, StableDiffusionXLPipeline

    of_xl, base = family is StableDiffusionXL, tmp_path / "base"
    part, kind = ("unet", StableDiffusionXLPipeline) if of_xl else ("transformer", FluxPipeline)
    prompts = ClipText(ClipText.Config(template="A photo from {label}"))
    tools = ModelTools(large(family, base), prompts, device="cpu", seed=0, labels=LABELS, folder=None)
    config = finetuner.Config.model_validate({**OPTIONS, "steps": 3, "gradient_checkpointing": True, **further})
    trained = finetuned(finetuner(config), tools, tmp_path / "run", 32)
    before, after = weights(base), weights(trained)
    assert before.keys() == after.keys()
    changed = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert {name.split("/")[0] for name in changed} == {part}
    if isinstance(config, LoRA.Config):  # each kind of layer that was named, and no other
        ends = {f".{name}.weight" for name in config.target_modules}
        assert {end for name in changed for end in ends if name.endswith(end)} == ends
        assert all(name.endswith(tuple(ends)) for name in changed)
    pipeline = kind.from_pretrained(trained)
    pipeline.set_progress_bar_config(disable=True)
    ours, theirs = tools.at(trained).denoiser.network.state_dict(), getattr(pipeline, part).state_dict()
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())
    picture = pipeline("A photo from a", num_inference_steps=1, height=32, width=32, output_type="np").images[0]
    assert picture.shape == (32, 32, 3)
    assert np.isfinite(picture).all()
