"""What every diffusion model keeps."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from diffmine.interfaces import Conditioning, Denoiser, DiffusionModel

CPU = torch.device("cpu")
PLAIN = {".safetensors", ".json", ".txt", ".model"}


def pictures(denoiser: Denoiser, count: int = 3, *, seed: int = 0) -> Tensor:
    """Smooth random pictures, wider than high, float32, (count, 3, h, w) in [-1, 1]."""
    side = max(denoiser.size_multiple, 16)
    side += -side % denoiser.size_multiple
    coarse = torch.randn(count, 3, 5, 7, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(coarse, (side, 2 * side), mode="bicubic").tanh()


def conditions(denoiser: Denoiser, count: int = 3, *, seed: int = 1) -> Conditioning:
    """Random conditions of the widths that the model takes."""
    generator = torch.Generator().manual_seed(seed)
    pooled = denoiser.pooled_width
    return Conditioning(
        torch.randn(count, 2, denoiser.conditioning_width, generator=generator),
        None if pooled is None else torch.randn(count, pooled, generator=generator),
    )


class DiffusionModelContract:
    """Subclass this and return your model, with a small network on the CPU, from a fixture ``model``."""

    @pytest.fixture
    def denoiser(self, model: DiffusionModel) -> Denoiser:
        denoiser = model.load(CPU)
        denoiser.initialise(pictures(denoiser, 8, seed=9), seed=0)
        denoiser.network.eval().requires_grad_(False)
        return denoiser

    @pytest.fixture
    def latents(self, denoiser: Denoiser) -> Tensor:
        return denoiser.encode(pictures(denoiser))

    @pytest.fixture
    def noise(self, latents: Tensor) -> Tensor:
        return torch.randn(latents.shape, generator=torch.Generator().manual_seed(2))

    @pytest.fixture
    def timesteps(self, denoiser: Denoiser) -> Tensor:
        return denoiser.timesteps(torch.tensor([0.15, 0.4, 0.65]))

    @pytest.fixture
    def predict(self, denoiser: Denoiser, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Callable[..., Tensor]:
        """Predicts the given rows of the batch of all."""
        noisy = denoiser.add_noise(latents, noise, timesteps)

        def rows(*chosen: int, conditioning: Conditioning | None = None) -> Tensor:
            index = list(chosen)
            told = (conditioning or conditions(denoiser)).map(lambda part: part[index])
            return denoiser.predict(noisy[index], timesteps[index], told)

        return rows

    def test_latents_lie_on_the_grid_that_is_promised(self, denoiser: Denoiser, latents: Tensor) -> None:
        height, width = pictures(denoiser).shape[-2:]
        assert latents.shape == (3, denoiser.latent_channels, height // denoiser.stride, width // denoiser.stride)
        assert latents.dtype == torch.float32
        assert latents.isfinite().all()
        assert denoiser.size_multiple % denoiser.stride == 0

    def test_decoding_gives_pixels(self, denoiser: Denoiser, latents: Tensor) -> None:
        pixels = denoiser.decode(latents)
        assert pixels.shape == pictures(denoiser).shape
        assert pixels.dtype == torch.float32
        assert pixels.abs().max() <= 1

    def test_the_latents_of_a_picture_are_its_own(self, denoiser: Denoiser, latents: Tensor) -> None:
        alone = denoiser.encode(pictures(denoiser)[1:2])
        torch.testing.assert_close(alone[0], latents[1], rtol=1e-4, atol=1e-4)

    def test_noise_grows_with_the_position_on_the_schedule(self, denoiser: Denoiser, latents: Tensor) -> None:
        ladder = denoiser.timesteps(torch.linspace(0, 0.999, 7))
        zero, one = torch.zeros(7, *latents.shape[1:]), torch.ones(7, *latents.shape[1:])
        signal = denoiser.add_noise(one, zero, ladder).flatten(1)[:, 0]
        noise = denoiser.add_noise(zero, one, ladder).flatten(1)[:, 0]
        assert (noise.diff() > 0).all()
        assert (signal.diff() < 0).all()
        assert signal[0] > 0.95
        assert noise[-1] > 0.95

    def test_noise_and_target_are_linear(
        self, denoiser: Denoiser, latents: Tensor, noise: Tensor, timesteps: Tensor
    ) -> None:
        for mix in (denoiser.add_noise, denoiser.target):
            parts = mix(latents, torch.zeros_like(noise), timesteps) + mix(torch.zeros_like(latents), noise, timesteps)
            torch.testing.assert_close(mix(latents, noise, timesteps), parts, rtol=1e-5, atol=1e-5)

    def test_noise_and_target_tell_the_latents(
        self, denoiser: Denoiser, latents: Tensor, noise: Tensor, timesteps: Tensor
    ) -> None:
        """Whoever predicts perfectly knows the picture: z_t and the target determine z."""

        def factors(mix: Callable[[Tensor, Tensor, Tensor], Tensor]) -> tuple[Tensor, Tensor]:
            one, zero = torch.ones_like(latents), torch.zeros_like(latents)
            return mix(one, zero, timesteps), mix(zero, one, timesteps)

        (a, b), (c, d) = factors(denoiser.add_noise), factors(denoiser.target)
        noisy, target = denoiser.add_noise(latents, noise, timesteps), denoiser.target(latents, noise, timesteps)
        torch.testing.assert_close((d * noisy - b * target) / (a * d - b * c), latents, rtol=1e-3, atol=1e-3)

    def test_predictions_are_float32_and_finite(self, predict: Callable[..., Tensor], latents: Tensor) -> None:
        prediction = predict(0, 1, 2)
        assert prediction.shape == latents.shape
        assert prediction.dtype == torch.float32
        assert prediction.isfinite().all()

    def test_a_prediction_does_not_depend_on_its_batch(self, predict: Callable[..., Tensor]) -> None:
        together = predict(0, 1, 2)
        torch.testing.assert_close(predict(2, 0), together[[2, 0]], rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(predict(1), together[[1]], rtol=1e-4, atol=1e-4)

    def test_a_condition_is_equal_to_itself(self, predict: Callable[..., Tensor]) -> None:
        first, second = predict(1, 1)
        torch.testing.assert_close(first, second, rtol=0, atol=1e-6)

    def test_conditions_matter(self, predict: Callable[..., Tensor], denoiser: Denoiser) -> None:
        other = predict(0, conditioning=conditions(denoiser, seed=77))
        assert (predict(0) - other).abs().max() > 1e-6

    def test_every_block_gives_features(
        self, denoiser: Denoiser, latents: Tensor, noise: Tensor, timesteps: Tensor
    ) -> None:
        noisy, told = denoiser.add_noise(latents, noise, timesteps), conditions(denoiser)
        height, width = latents.shape[-2:]
        assert denoiser.num_blocks >= 1
        for block in range(denoiser.num_blocks):
            features = denoiser.block_features(noisy, timesteps, told, block)
            assert features.dtype == torch.float32
            assert features.ndim == 4
            assert len(features) == 3
            assert features.shape[-2] * width == features.shape[-1] * height, "the picture's shape is kept"
            assert features.isfinite().all()
            alone = denoiser.block_features(noisy[1:2], timesteps[1:2], told.map(lambda part: part[1:2]), block)
            torch.testing.assert_close(alone[0], features[1], rtol=1e-3, atol=1e-3)

    def test_features_leave_the_network_as_it_was(
        self, denoiser: Denoiser, latents: Tensor, timesteps: Tensor, predict: Callable[..., Tensor]
    ) -> None:
        before = predict(0, 1, 2)
        denoiser.block_features(latents, timesteps, conditions(denoiser), 0)
        assert torch.equal(predict(0, 1, 2), before)

    def test_what_is_saved_is_what_is_loaded(
        self,
        model: DiffusionModel,
        denoiser: Denoiser,
        latents: Tensor,
        predict: Callable[..., Tensor],
        noise: Tensor,
        timesteps: Tensor,
        tmp_path: Path,
    ) -> None:
        with torch.no_grad():
            for parameter in denoiser.network.parameters():
                parameter.add_(0.01)
        folder = tmp_path / "a model"
        folder.mkdir()
        denoiser.save(folder)
        assert {file.suffix for file in folder.rglob("*") if file.is_file()} <= PLAIN
        loaded = model.load(CPU, folder=folder)
        loaded.network.eval()
        noisy = denoiser.add_noise(latents, noise, timesteps)
        again = loaded.predict(noisy, timesteps, conditions(denoiser))
        torch.testing.assert_close(again, predict(0, 1, 2), rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(loaded.encode(pictures(loaded)), latents, rtol=1e-5, atol=1e-5)

    def test_a_loaded_model_is_not_initialised_again(
        self, model: DiffusionModel, denoiser: Denoiser, latents: Tensor, tmp_path: Path
    ) -> None:
        denoiser.save(tmp_path)
        loaded = model.load(CPU, folder=tmp_path)
        before = copy.deepcopy(loaded.network.state_dict())
        loaded.initialise(pictures(loaded, seed=5), seed=5)
        torch.testing.assert_close(loaded.encode(pictures(loaded)), latents, rtol=1e-5, atol=1e-5)
        assert all(torch.equal(value, before[name]) for name, value in loaded.network.state_dict().items())

    def test_loading_leaves_the_global_generator_alone(self, model: DiffusionModel) -> None:
        state = torch.random.get_rng_state()
        first = model.load(CPU)
        assert torch.equal(torch.random.get_rng_state(), state)
        torch.manual_seed(int(state[0]) + 1)
        second = model.load(CPU)
        first.initialise(pictures(first, 8), seed=3)
        second.initialise(pictures(second, 8), seed=3)
        torch.random.set_rng_state(state)
        values = zip(first.network.parameters(), second.network.parameters(), strict=True)
        assert all(torch.equal(one, other) for one, other in values)

    def test_gradients_reach_the_network(
        self, denoiser: Denoiser, latents: Tensor, noise: Tensor, timesteps: Tensor
    ) -> None:
        denoiser.network.requires_grad_(True)
        noisy = denoiser.add_noise(latents, noise, timesteps)
        prediction = denoiser.predict(noisy, timesteps, conditions(denoiser))
        loss = (prediction - denoiser.target(latents, noise, timesteps)).square().mean()
        torch.autograd.backward(loss)
        gradients = [parameter.grad for parameter in denoiser.network.parameters() if parameter.grad is not None]
        assert any(gradient.abs().max() > 0 for gradient in gradients)

    def test_the_stride_is_known_without_loading(self, model: DiffusionModel, denoiser: Denoiser) -> None:
        assert model.stride == denoiser.stride

    def test_work_grows_with_the_picture(self, model: DiffusionModel) -> None:
        assert 0 < model.forward_flops(256, 256) < model.forward_flops(256, 512)
        assert model.forward_flops(256, 512) == pytest.approx(model.forward_flops(512, 256))
