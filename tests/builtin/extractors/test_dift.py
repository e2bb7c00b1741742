from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from numpy.typing import NDArray
from safetensors.torch import load_file
from transformers import CLIPTextModel, CLIPTokenizer

from diffmine.builtin.encoders.clip_text import ClipText
from diffmine.builtin.extractors.dift import Dift
from diffmine.builtin.models.patch_autoencoder import PatchAutoencoder
from diffmine.builtin.models.stable_diffusion import StableDiffusion
from diffmine.errors import DiffmineWarning, ModelError
from diffmine.interfaces import ModelTools, PatchRequest
from diffmine.numerics.seeding import derive_seed
from diffmine.testing.toy_pictures import toy_picture
from diffmine.testing.toy_tools import as_picture, toy_tools
from diffmine.testing.toys import tiny_stable_diffusion
from diffmine.types import Box


@pytest.fixture
def tools(tmp_path: Path) -> ModelTools:
    return toy_tools(tmp_path / "model", seed=5)


@pytest.fixture
def folder(tmp_path: Path, tools: ModelTools) -> Path:
    return tmp_path / "model"


class Literal:
    """DIFT as one would write it from the paper: one noise, one patch and one cell at a time, in float64, by a hook."""

    Autoencoder: ClassVar[Any] = PatchAutoencoder

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.seed = folder, seed
        self.unet = UNet2DConditionModel.from_pretrained(folder, subfolder="unet").double().eval()
        self.alphas = DDPMScheduler.from_pretrained(folder, subfolder="scheduler").alphas_cumprod.double()
        self.autoencoder = self.Autoencoder.from_pretrained(folder, subfolder="vae").double()

    @torch.no_grad()
    def __call__(
        self, request: PatchRequest, *, timestep: int, block: int, ensemble: int, told: bool = True
    ) -> list[NDArray[np.float64]]:
        pixels, digest = request.picture.pixels, request.picture.record.digest
        latent = self.latent(torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].double() / 255 * 2 - 1)
        maps: list[torch.Tensor] = []
        handle = self.unet.up_blocks[block].register_forward_hook(lambda module, inputs, output: maps.append(output[0]))
        for number in range(ensemble):
            generator = torch.Generator().manual_seed(derive_seed(self.seed, digest, "dift", number))
            noise = torch.randn(latent.shape[1:], generator=generator)[None].double()
            noisy = self.alphas[timestep].sqrt() * latent + (1 - self.alphas[timestep]).sqrt() * noise
            self.unet(noisy, timestep, self.tokens(request.label if told else None))
        handle.remove()
        return [unit(sum(mean_of_box(grid.numpy(), box, pixels.shape[0]) for grid in maps)) for box in request.boxes]

    def latent(self, image: torch.Tensor) -> torch.Tensor:
        return self.autoencoder.encode(image)

    def tokens(self, label: str | None) -> torch.Tensor:
        conditioning = self.folder / "conditioning"
        labels = json.loads((conditioning / "labels.json").read_text())
        row = 0 if label is None else 1 + labels.index(label)
        return load_file(conditioning / "label_embedding.safetensors")["tokens"][row][None, None].double()


class LiteralStableDiffusion(Literal):
    Autoencoder = AutoencoderKL

    def latent(self, image: torch.Tensor) -> torch.Tensor:
        return self.autoencoder.encode(image).latent_dist.mode() * self.autoencoder.config.scaling_factor

    def tokens(self, label: str | None) -> torch.Tensor:
        tokenizer = CLIPTokenizer.from_pretrained(self.folder, subfolder="tokenizer")
        encoder = CLIPTextModel.from_pretrained(self.folder, subfolder="text_encoder").double()
        ids = tokenizer(f"Image of {label}.", padding="max_length", truncation=True, return_tensors="pt").input_ids
        return encoder(ids)[0]


def compare(
    literal: Literal, tools: ModelTools, size: tuple[int, int], *, timestep: int, block: int, ensemble: int
) -> None:
    boxes = (Box(0, 0, 16, 16), Box(5, 3, 22, 17), Box(13, 17, 14, 18))
    height, width = size
    requests = [
        PatchRequest(as_picture(toy_picture(number, 2, width, 0, 1)[0][:height]), label, boxes)
        for number in range(2)
        for label in ("a", "b")
    ]
    config = Dift.Config(timestep=timestep, block=block, ensemble=ensemble, batch_size=4)
    for request, rows in zip(requests, Dift(config).open(tools).extract(requests), strict=True):
        expected = literal(request, timestep=timestep, block=block, ensemble=ensemble)
        np.testing.assert_allclose(rows, expected, atol=1e-5)


def unit(vector: Any) -> NDArray[np.float64]:
    return vector / np.linalg.norm(vector)


def mean_of_box(grid: NDArray[np.float64], box: Box, height: int) -> NDArray[np.float64]:
    cell = height // grid.shape[1]
    cells = [grid[:, y // cell, x // cell] for y in range(box.y0, box.y1) for x in range(box.x0, box.x1)]
    return np.mean(cells, axis=0)


@pytest.mark.parametrize(("timestep", "block", "ensemble"), [(161, 1, 3), (999, 0, 1)])
def test_it_equals_a_literal_forward(folder: Path, tools: ModelTools, timestep: int, block: int, ensemble: int) -> None:
    compare(Literal(folder, 5), tools, (24, 32), timestep=timestep, block=block, ensemble=ensemble)


def test_without_a_condition_the_features_do_not_know_the_label(folder: Path, tools: ModelTools) -> None:
    picture, boxes = as_picture(toy_picture(0, 2, 32, 0, 1)[0]), (Box(0, 0, 16, 16), Box(5, 3, 22, 17))
    extraction = Dift(Dift.Config(ensemble=2, condition="null")).open(tools)
    one, other = extraction.extract([PatchRequest(picture, label, boxes) for label in ("a", "b")])
    np.testing.assert_array_equal(one, other)
    expected = Literal(folder, 5)(PatchRequest(picture, "a", boxes), timestep=161, block=1, ensemble=2, told=False)
    np.testing.assert_allclose(one, expected, atol=1e-5)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_it_equals_a_literal_forward_of_stable_diffusion(tmp_path: Path, prediction: str) -> None:
    folder = tiny_stable_diffusion(tmp_path / "sd", prediction)  # type: ignore[arg-type]
    model = StableDiffusion(StableDiffusion.Config(path=str(folder)))
    prompts = ClipText(ClipText.Config(template="Image of {label}."))
    tools = ModelTools(model, prompts, device="cpu", seed=3, labels=("a", "b"), folder=None)
    compare(LiteralStableDiffusion(folder, 3), tools, (32, 64), timestep=161, block=1, ensemble=2)


def test_the_label_and_the_seed_matter(tmp_path: Path, tools: ModelTools) -> None:
    picture = as_picture(toy_picture(0, 2, 32, 0, 1)[0])
    requests = [PatchRequest(picture, label, (Box(0, 0, 16, 16),)) for label in ("a", "b")]
    dift = Dift(Dift.Config(ensemble=1))
    first, other_label = dift.open(tools).extract(requests)
    assert np.abs(first - other_label).max() > 1e-4
    reseeded = ModelTools(
        tools._model, tools._conditioning, device=tools.device, seed=6, labels=tools.labels, folder=tools._folder
    )
    assert np.abs(first - dift.open(reseeded).extract(requests)[0]).max() > 1e-4


def test_patches_take_the_cells_under_them(tools: ModelTools, monkeypatch: pytest.MonkeyPatch) -> None:
    """A map that is a step: channel 0 left of x = 16, channel 1 right of it; the picture is padded from 37 x 29."""

    def step(*_: object) -> torch.Tensor:
        grid = torch.zeros(1, 3, 5, 8)
        grid[:, 0, :, :4], grid[:, 1, :, 4:], grid[:, 2, 3:] = 1, 1, 5
        return grid

    monkeypatch.setattr(tools.denoiser, "block_features", step)
    pixels = np.zeros((37, 29, 3), np.uint8)
    boxes = (Box(0, 0, 16, 16), Box(0, 16, 16, 29), Box(4, 12, 20, 20), Box(0, 13, 8, 17), Box(16, 0, 32, 8))
    rows = Dift(Dift.Config(ensemble=1)).open(tools).extract([PatchRequest(as_picture(pixels), "a", boxes)])[0]
    expected = np.array([[1, 0, 0], [0, 1, 0], [0.5, 0.5, 0], [0.75, 0.25, 0], [1, 0, 2.5]])
    np.testing.assert_allclose(rows, expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-6)


def test_one_picture_is_encoded_once_and_passes_are_one_a_noise_and_label(
    tools: ModelTools, monkeypatch: pytest.MonkeyPatch
) -> None:
    denoiser = tools.denoiser
    encoded, passed = [], []
    encode, forward = denoiser.encode, denoiser.block_features

    def count_encode(pixels: torch.Tensor) -> torch.Tensor:
        encoded.append(len(pixels))
        return encode(pixels)

    def count_forward(noisy: torch.Tensor, *rest: Any) -> torch.Tensor:
        passed.append(len(noisy))
        return forward(noisy, *rest)

    monkeypatch.setattr(denoiser, "encode", count_encode)
    monkeypatch.setattr(denoiser, "block_features", count_forward)
    picture = as_picture(toy_picture(0, 2, 32, 0, 1)[0])
    boxes = tuple(Box(y, 0, y + 8, 8) for y in range(24))
    dift = Dift(Dift.Config(ensemble=3))
    dift.open(tools).extract([PatchRequest(picture, label, boxes) for label in ("a", "b")])
    assert sum(encoded) == 1
    assert sum(passed) == 2 * dift.passes()


def test_when_memory_runs_out_the_features_stay_the_same(tools: ModelTools, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = [PatchRequest(as_picture(toy_picture(0, 2, 32, 0, 1)[0]), label, (Box(0, 0, 9, 9),)) for label in "ab"]
    expected = Dift(Dift.Config(ensemble=3, batch_size=1)).open(tools).extract(requests)
    forward = tools.denoiser.block_features

    def small(noisy: torch.Tensor, *rest: Any) -> torch.Tensor:
        if len(noisy) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return forward(noisy, *rest)

    monkeypatch.setattr(tools.denoiser, "block_features", small)
    with pytest.warns(DiffmineWarning, match="going on with [31]"):
        found = Dift(Dift.Config(ensemble=3, batch_size=6)).open(tools).extract(requests)
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_a_block_that_the_model_has_not_is_refused(tools: ModelTools) -> None:
    with pytest.raises(ModelError, match=r"block = 2: this model has 2 blocks; choose one from 0 to 1"):
        Dift(Dift.Config(block=2)).open(tools)
