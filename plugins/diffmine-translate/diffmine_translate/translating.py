"""From pictures to their translations, in order: encode, invert under the own label, sample under others.

The noise that a picture comes from under its own label is found by DDIM inversion. From that noise latents are sampled
under each other label, with classifier-free guidance, while plug-and-play injection keeps the layout
(:mod:`diffmine_translate.injection`). Guidance may lead away from the null condition, as is usual, or from the
picture's own label, which is what the translation is to lose. Imports torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from diffmine.diffusion.inversion import inversion_path
from diffmine.diffusion.losses import latent_of
from diffmine.diffusion.sampling import sample, sampling_path, timesteps_of
from diffmine.interfaces import Conditioning, ModelTools
from diffmine.types import ByteArray
from diffmine_translate.injection import Injection
from diffmine_translate.sources import Source

if TYPE_CHECKING:
    from diffmine_translate.options import TranslateConfig


Pair = tuple[Source, ByteArray]
"""A picture to translate, and its pixels, uint8, (height, width, 3)."""


@dataclass(frozen=True, slots=True)
class Translated:
    """What came of one picture; all uint8, (height, width, 3), of the size of the picture.

    Attributes:
        reconstruction: sampled under its own label, without guidance and injection: what inversion preserves.
        translations: one a target.
    """

    reconstruction: ByteArray
    translations: tuple[ByteArray, ...]


class Translator:
    """Translates pictures with a loaded model."""

    def __init__(self, tools: ModelTools, config: TranslateConfig) -> None:
        """Load the model.

        Raises:
            ModelError: it has no place to inject into.
        """
        self._tools, self._config, self._denoiser = tools, config, tools.denoiser
        self._injection = Injection.into(
            self._denoiser.network,
            config.features_at,
            config.attention_from,
            features=config.feature_steps > 0,
            attention=config.attention_steps > 0,
        )

    @torch.no_grad()
    def translate(self, pairs: Sequence[Pair]) -> list[Translated]:
        """Translate pictures of one size, with equally many targets each, together."""
        sources, size = [source for source, _ in pairs], pairs[0][1].shape[:2]
        latents = torch.stack([latent_of(self._denoiser, pixels) for _, pixels in pairs])
        own = self._told(sources, [(one.label,) for one in sources])
        config = self._config
        path = list(inversion_path(self._denoiser, latents, own, steps=config.steps, refinements=config.refinements))
        back = self._pixels(sample(self._denoiser, path[-1], own, steps=config.steps), size)
        most = max(1, config.batch_size // len(sources))
        found: list[list[ByteArray]] = [[] for _ in sources]
        for start in range(0, len(sources[0].targets), most):
            targets = [one.targets[start : start + most] for one in sources]
            sampled = self._sampled(sources, path, own, targets)
            for place, pixels in enumerate(self._pixels(sampled, size)):
                found[place // len(targets[0])].append(pixels)
        return [Translated(one, tuple(others)) for one, others in zip(back, found, strict=True)]

    def _sampled(
        self, sources: Sequence[Source], path: Sequence[Tensor], own: Conditioning, targets: Sequence[Sequence[str]]
    ) -> Tensor:
        """The latents of the translations to some targets of each picture, those of the first picture first."""
        config, count = self._config, len(targets[0])
        noise = path[-1].repeat_interleave(count, dim=0)
        away = [(one.label if config.away_from == "own" else None,) * count for one in sources]
        steps = sampling_path(
            self._denoiser,
            noise,
            self._told(sources, targets),
            null=self._told(sources, away),
            guidance=config.guidance,
            steps=config.steps,
        )
        latents = noise
        for number, (source, timesteps) in enumerate(
            zip(reversed(path), timesteps_of(self._denoiser, config.steps, len(sources)), strict=True)
        ):
            features = number < round(config.feature_steps * config.steps)
            attention = number < round(config.attention_steps * config.steps)
            if features or attention:
                with self._injection.recording():
                    self._denoiser.predict(source, timesteps, own)
            with self._injection.injecting(features=features, attention=attention):
                latents = next(steps)
        return latents

    def _told(self, sources: Sequence[Source], labels: Sequence[Sequence[str | None]]) -> Conditioning:
        """The conditioning of each label of each picture."""
        columns = [one.record.columns for one, wanted in zip(sources, labels, strict=True) for _ in wanted]
        return self._tools.encoder.encode([label for wanted in labels for label in wanted], columns)

    def _pixels(self, latents: Tensor, size: tuple[int, ...]) -> list[ByteArray]:
        """Decode, one at a time as decoders of large pictures are hungry, and cut off what was padded."""
        height, width = size
        decoded = (self._denoiser.decode(latent[None])[0, :, :height, :width].clamp(-1, 1) for latent in latents)
        return [((one + 1) * 127.5).round().byte().permute(1, 2, 0).cpu().numpy() for one in decoded]
