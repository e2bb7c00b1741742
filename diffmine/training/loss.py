"""The loss of a denoiser, for each picture. Imports torch."""

from __future__ import annotations

from torch import Tensor, nn

from diffmine.diffusion.schedule import coefficients
from diffmine.errors import ModelError
from diffmine.interfaces import Conditioning, Denoiser, PromptEncoder
from diffmine.training.batches import MicroBatch


def min_snr_weights(denoiser: Denoiser, timesteps: Tensor, gamma: float) -> Tensor:
    """min(SNR, gamma) as the weight of the loss in z (Hang et al. 2023, eq. 8), for the model's own target.

    An error d of the target is an error (noise / determinant) d of z, which gives min(SNR, gamma) / SNR for
    noise prediction and min(SNR, gamma) / (SNR + 1) for v-prediction, as in the paper.

    Returns:
        float, (batch,).
    """
    snr = denoiser.snr(timesteps)
    if snr is None:
        raise ModelError("this model defines no signal-to-noise ratio; leave finetune.min_snr_gamma out")
    parts = coefficients(denoiser, timesteps)
    return snr.clamp(max=gamma) * (parts.noise / parts.determinant).square().flatten()


class DenoisingLoss(nn.Module):
    """The model's own loss: mean squared error between its prediction and its target.

    A module, so that whatever accelerate wraps around it (mixed precision, data parallelism) sees the call; its
    parameters are the network's and those of the encoder.
    """

    def __init__(self, denoiser: Denoiser, encoder: PromptEncoder, min_snr_gamma: float | None) -> None:
        super().__init__()
        self.network = denoiser.network
        self.vectors = nn.ParameterList(encoder.parameters())
        self._denoiser, self._encoder, self._gamma = denoiser, encoder, min_snr_gamma

    def forward(self, batch: MicroBatch) -> Tensor:
        """The loss of each picture, float32, (pictures,)."""
        denoiser = self._denoiser
        latents, noise = batch.latents.to(denoiser.device), batch.noise.to(denoiser.device)
        timesteps = denoiser.timesteps(batch.fractions)
        noisy = denoiser.add_noise(latents, noise, timesteps)
        prediction = denoiser.predict(noisy, timesteps, self._conditioning(batch))
        error = prediction.float() - denoiser.target(latents, noise, timesteps)
        losses = error.square().flatten(1).mean(1)
        return losses if self._gamma is None else losses * min_snr_weights(denoiser, timesteps, self._gamma)

    def _conditioning(self, batch: MicroBatch) -> Conditioning:
        encode = self._encoder.encode
        return Conditioning.cat(
            [encode([draw.label], [draw.columns], generator=draw.prompt_generator()) for draw in batch.draws]
        )
