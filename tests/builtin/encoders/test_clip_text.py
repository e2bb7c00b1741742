from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file, save_file
from transformers import CLIPModel, CLIPTextModel, CLIPTokenizer

from diffmine.builtin.encoders.clip_text import ClipText, Extra
from diffmine.builtin.encoders.prompts import TemplatePrompts
from diffmine.builtin.models.stable_diffusion import StableDiffusion
from diffmine.errors import DataError, DiffmineWarning, ModelError
from diffmine.interfaces import Conditioning, Denoiser
from diffmine.testing.toy_tokenizer import write_tokenizer
from diffmine.testing.toys import GaussianModel, tiny_clip, tiny_stable_diffusion

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_stable_diffusion(tmp_path_factory.mktemp("sd"))


@pytest.fixture(scope="module")
def denoiser(folder: Path) -> Denoiser:
    return StableDiffusion(StableDiffusion.Config(path=str(folder))).load(CPU)


def load(denoiser: Denoiser, **options: object) -> TemplatePrompts:
    encoder = ClipText(ClipText.Config(**options)).load(denoiser, ["a"], seed=0)  # type: ignore[arg-type]
    assert isinstance(encoder, TemplatePrompts)
    return encoder


def encoded(folder: Path, prompt: str) -> torch.Tensor:
    """As in the text-to-image examples of diffusers."""
    tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
    model = CLIPTextModel.from_pretrained(folder / "text_encoder").eval()
    ids = tokenizer(prompt, padding="max_length", max_length=77, truncation=True, return_tensors="pt").input_ids
    with torch.no_grad():
        hidden: torch.Tensor = model(ids)[0]
    return hidden


def test_labels_are_told_in_the_template(denoiser: Denoiser, folder: Path) -> None:
    encoder = load(denoiser, template="A car from the {label}s.", null_prompt="A car.")
    told = encoder.encode(["1920", None]).tokens
    assert (encoder.prompt("1920"), encoder.prompt(None)) == ("A car from the 1920s.", "A car.")
    torch.testing.assert_close(told[:1], encoded(folder, "A car from the 1920s."), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(told[1:], encoded(folder, "A car."), rtol=1e-4, atol=1e-5)


def test_the_empty_prompt_is_a_prompt(denoiser: Denoiser, folder: Path) -> None:
    torch.testing.assert_close(load(denoiser).encode([None]).tokens, encoded(folder, ""), rtol=1e-4, atol=1e-5)


def test_underscores_become_spaces_where_the_recipe_says_so(denoiser: Denoiser) -> None:
    assert load(denoiser, spelling="spaces").prompt("fire_station") == "fire station"
    assert load(denoiser).prompt("fire_station") == "fire_station"


def test_labels_are_reworded_one_pattern_after_the_other(denoiser: Denoiser) -> None:
    nested = {"pattern": "^(.+)/(.+)$", "to": r"\2 \1"}
    encoder = load(denoiser, spelling="spaces", rewrite=[{"pattern": "outdoor", "to": "open-air"}, nested])
    assert encoder.prompt("apartment_building/outdoor") == "open-air apartment building"
    assert encoder.prompt("fire_station") == "fire station"
    assert encoder.prompt(None) == ""


def test_what_is_no_wording_is_refused() -> None:
    for wrong in ({"pattern": "(", "to": ""}, {"pattern": "a", "to": r"\1"}):
        with pytest.raises(ValidationError):
            ClipText.Config(rewrite=(wrong,))  # type: ignore[arg-type]


def test_a_wording_that_never_ends_is_given_up(denoiser: Denoiser) -> None:
    encoder = load(denoiser, rewrite=[{"pattern": "^(a|aa)+$", "to": "b"}])
    with pytest.raises(DataError, match=r"\[conditioning\] rewrite.pattern = .* was given up after 1 s"):
        encoder.prompt("a" * 60 + "!")


def test_a_label_with_braces_stays_itself(denoiser: Denoiser) -> None:
    assert load(denoiser, template="in {label}").prompt("{region}") == "in {region}"


def test_columns_are_told(denoiser: Denoiser, folder: Path) -> None:
    encoder = load(denoiser, template="{label}, at the region of {region}")
    told = encoder.encode(["France", "France"], [{"region": "Bretagne"}, {"region": "Alsace"}]).tokens
    torch.testing.assert_close(told[1:], encoded(folder, "France, at the region of Alsace"), rtol=1e-4, atol=1e-5)
    assert encoder.prompt("France") == "France, at the region of {region}"
    with pytest.raises(
        DataError, match=r"names the column 'region', which a picture of 'France' has not; it has .*city"
    ):
        encoder.encode(["France"], [{"city": "Brest"}])


def shares(encoder: TemplatePrompts, columns: dict[str, str], draws: int = 600) -> float:
    """How often training adds the region."""
    bare = encoder.encode(["France"]).tokens
    told = encoder.encode(["France"] * draws, [columns] * draws, generator=np.random.default_rng(0)).tokens
    return float((told != bare).flatten(1).any(1).float().mean())


def test_training_adds_extras_as_often_as_it_should(denoiser: Denoiser) -> None:
    extra = Extra(text=", at the region of {region}", probability=0.1)
    encoder = load(denoiser, template="in {label}", extras=(extra,))
    assert shares(encoder, {"region": "Bretagne"}) == pytest.approx(0.1, abs=0.04)
    assert shares(encoder, {"region": ""}) == 0, "a picture without the column goes without the extra"
    assert shares(encoder, {}) == 0
    scoring = encoder.encode(["France"], [{"region": "Bretagne"}])
    assert torch.equal(scoring.tokens, encoder.encode(["France"]).tokens), "scoring never adds them"


def test_a_prompt_is_encoded_once(denoiser: Denoiser, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = load(denoiser)
    asked: list[str] = []
    real = encoder._encoder.encode

    def counting(prompts: list[str]) -> Conditioning:
        asked.extend(prompts)
        return real(prompts)

    monkeypatch.setattr(encoder._encoder, "encode", counting)
    for _ in range(3):
        encoder.encode(["a", "b", None, "a"])
    assert sorted(asked) == ["", "a", "b"]


def test_a_long_prompt_is_never_cut_in_silence(denoiser: Denoiser) -> None:
    encoder = load(denoiser)
    fits = " ".join(["car"] * 75)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        encoder.encode([fits])
    with pytest.warns(DiffmineWarning, match="does not read the last 2 tokens of this prompt"):
        encoder.encode([fits + " car car"])


class TestWhereTheEncoderMayLie:
    def expected(self, folder: Path) -> torch.Tensor:
        return encoded(folder, "a car")

    @pytest.mark.parametrize("part", ["", "text_encoder"])
    def test_in_a_pipeline(self, part: str, denoiser: Denoiser, tmp_path: Path) -> None:
        other = tiny_stable_diffusion(tmp_path, seed=9)
        told = load(denoiser, path=str(other / part)).encode(["a car"]).tokens
        torch.testing.assert_close(told, self.expected(other), rtol=1e-4, atol=1e-5)

    def test_in_a_folder_with_its_tokenizer(self, folder: Path, denoiser: Denoiser, tmp_path: Path) -> None:
        shutil.copytree(folder / "text_encoder", tmp_path, dirs_exist_ok=True)
        shutil.copytree(folder / "tokenizer", tmp_path, dirs_exist_ok=True)
        told = load(denoiser, path=str(tmp_path)).encode(["a car"]).tokens
        torch.testing.assert_close(told, self.expected(folder), rtol=1e-4, atol=1e-5)

    def test_in_a_whole_clip(self, tmp_path: Path) -> None:
        clip = tiny_clip(tmp_path / "clip")
        model = CLIPModel.from_pretrained(clip).eval()
        width = model.config.text_config.hidden_size
        write_tokenizer(clip)
        pipeline = tiny_stable_diffusion(tmp_path / "sd", width=width)
        denoiser = StableDiffusion(StableDiffusion.Config(path=str(pipeline))).load(CPU)
        encoder = load(denoiser, path=str(clip))
        context = model.config.text_config.max_position_embeddings
        tokenizer = CLIPTokenizer.from_pretrained(clip)
        ids = tokenizer("a car", padding="max_length", max_length=context, return_tensors="pt").input_ids
        with torch.no_grad():
            expected = model.text_model(ids).last_hidden_state
        torch.testing.assert_close(encoder.encode(["a car"]).tokens, expected, rtol=1e-4, atol=1e-5)


def test_an_encoder_of_another_width_is_refused_with_the_remedy(denoiser: Denoiser, tmp_path: Path) -> None:
    other = tiny_stable_diffusion(tmp_path, width=48)
    with pytest.raises(ModelError, match=r"is 48 wide, but the model takes 32; .*omit it"):
        load(denoiser, path=str(other))


def test_a_model_without_text_encoder_needs_a_path() -> None:
    model = GaussianModel(GaussianModel.Config()).load(CPU)
    with pytest.raises(ModelError, match="brings no text encoder; give \\[conditioning\\] path"):
        load(model)


def test_a_folder_without_tokenizer_is_refused(folder: Path, denoiser: Denoiser, tmp_path: Path) -> None:
    shutil.copytree(folder / "text_encoder", tmp_path / "encoder")
    with pytest.raises(ModelError, match="no tokenizer for the text encoder"):
        load(denoiser, path=str(tmp_path / "encoder"))


def test_a_checkpoint_that_lacks_weights_is_refused(folder: Path, denoiser: Denoiser, tmp_path: Path) -> None:
    """transformers would make up what is missing, and a prompt would mean nothing."""
    shutil.copytree(folder, tmp_path / "sd")
    weights = tmp_path / "sd" / "text_encoder" / "model.safetensors"
    tensors = load_file(weights)
    lost = next(name for name in tensors if name.endswith("fc1.weight"))
    save_file({name: value for name, value in tensors.items() if name != lost}, weights, metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"lacks 1 weights of a CLIPTextModel, such as '.*fc1.weight'"):
        load(denoiser, path=str(tmp_path / "sd"))


def damage(weights: Path) -> None:
    weights.write_bytes(b"x" * 100)


def reshape(weights: Path) -> None:
    tensors = load_file(weights)
    name = next(name for name in tensors if name.endswith("fc1.bias"))
    save_file({**tensors, name: torch.zeros(3)}, weights, metadata={"format": "pt"})


@pytest.mark.parametrize("harm", [damage, reshape])
def test_a_checkpoint_that_does_not_load_is_named(
    folder: Path, denoiser: Denoiser, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    shutil.copytree(folder, tmp_path / "sd")
    harm(tmp_path / "sd" / "text_encoder" / "model.safetensors")
    with pytest.raises(ModelError, match=r"text_encoder cannot be loaded"):
        load(denoiser, path=str(tmp_path / "sd"))


@pytest.mark.parametrize("template", ["in {0}", "in {}", "in {label", "in {label!}"])
def test_a_template_that_cannot_be_filled_is_refused_at_once(template: str) -> None:
    with pytest.raises(ValidationError):
        ClipText.Config(template=template)


def test_the_fingerprint_follows_the_encoder(folder: Path, tmp_path: Path) -> None:
    other = tiny_stable_diffusion(tmp_path, seed=9)

    def fingerprint(path: Path) -> str:
        return ClipText(ClipText.Config(path=str(path / "text_encoder"))).fingerprint()

    assert fingerprint(other) != fingerprint(folder)
    assert ClipText(ClipText.Config()).fingerprint() == "", "the model's own is in the model's fingerprint"


def test_prompts_beyond_the_memory_allowed_are_forgotten(denoiser: Denoiser, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = load(denoiser)
    monkeypatch.setattr("diffmine.builtin.encoders.prompts.KEPT_BYTES", 3 * encoder.encode(["a"]).tokens.nbytes)
    first = encoder.encode(["a"]).tokens
    many = encoder.encode([str(number) for number in range(10)]).tokens
    assert len(many) == 10, "a batch is encoded whole, however large"
    encoder.encode(["x"])
    assert len(encoder._encoded) <= 3
    assert torch.equal(encoder.encode(["a"]).tokens, first)
