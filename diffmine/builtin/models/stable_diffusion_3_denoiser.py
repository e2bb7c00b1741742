"""The networks behind ``stable-diffusion-3``. Imports torch; loaded by the component only when it computes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diffusers import SD3Transformer2DModel
from torch import Tensor

from diffmine.builtin.encoders.sd3_encoder import StableDiffusion3TextEncoder
from diffmine.builtin.models.kl_autoencoder import LatentAutoencoder
from diffmine.builtin.models.pipeline_folder import PipelineFolder
from diffmine.builtin.models.transformer_denoiser import TransformerDenoiser
from diffmine.errors import ModelError
from diffmine.interfaces import Conditioning, TextEncoder


class StableDiffusion3Denoiser(TransformerDenoiser):
    """A transformer over the latents of an AutoencoderKL, trained by rectified flow.

    z_t = (1 - sigma) z + sigma eps, and the target is the velocity eps - z (Esser et al. 2024, eqs. 13 and 14). The
    network's timestep is sigma times the number of training timesteps, a real number.
    """

    kind = SD3Transformer2DModel

    def __init__(
        self, network: Any, autoencoder: LatentAutoencoder, schedule: Mapping[str, Any], source: PipelineFolder
    ) -> None:
        """Take loaded parts, on their device, and the scheduler's configuration.

        Raises:
            ModelError: the schedule is of a kind that is not supported.
        """
        if schedule.get("use_dynamic_shifting"):
            raise ModelError(
                f"the scheduler in {source.path} shifts by picture size (use_dynamic_shifting), "
                "which is not supported; use a Stable Diffusion 3 or 3.5 checkpoint"
            )
        super().__init__(network, autoencoder, schedule, source)
        self._steps: int = schedule.get("num_train_timesteps", 1000)
        self._shift: float = schedule.get("shift", 1.0)

    @property
    def conditioning_width(self) -> int:
        width: int = self._transformer.config.joint_attention_dim
        return width

    @property
    def pooled_width(self) -> int:
        width: int = self._transformer.config.pooled_projection_dim
        return width

    def timesteps(self, fractions: Tensor) -> Tensor:
        """Real numbers in [0, number of training timesteps): the shifted sigma (Esser et al. 2024, eq. 23), scaled."""
        place = fractions.double()
        sigma = self._shift * place / (1 + (self._shift - 1) * place)
        return (sigma * self._steps).float().to(self.device)

    def add_noise(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        sigma = (timesteps / self._steps)[:, None, None, None].to(latents)
        return (1 - sigma) * latents + sigma * noise

    def target(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """The velocity, the same at every timestep."""
        return noise - latents

    def predict(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning) -> Tensor:
        velocity: Tensor = self._transformer(**self.inputs(noisy, timesteps, conditioning)).sample
        return velocity.float()

    def text_encoder(self) -> TextEncoder | None:
        if not (self.source.has("text_encoder") and self.source.has("text_encoder_2")):
            return None
        return StableDiffusion3TextEncoder.from_pretrained(
            self.source, self.device, width=self.conditioning_width, dtype=self.dtype
        )

    def inputs(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning) -> dict[str, Any]:
        dtype = self._transformer.dtype
        if conditioning.pooled is None:
            raise ModelError("this model takes a pooled vector as well, which the conditioning encoder does not give")
        return {
            "hidden_states": noisy.to(dtype),
            "timestep": timesteps,
            "encoder_hidden_states": conditioning.tokens.to(dtype),
            "pooled_projections": conditioning.pooled.to(dtype),
        }

    def picture_tokens(self, output: Any) -> Tensor:
        tokens: Tensor = output[1]  # after the prompt's
        return tokens
