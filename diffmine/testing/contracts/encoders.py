"""What every conditioning encoder keeps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from diffmine.interfaces import Conditioning, ConditioningEncoder, Denoiser, PromptEncoder
from diffmine.testing.contracts.models import PLAIN, pictures

LABELS = ("1920s", "new_york", "Île d'Yeu & <b>")


def assert_same(one: Conditioning, other: Conditioning) -> None:
    """Equal parts, none of them missing on one side."""
    for first, second in ((one.tokens, other.tokens), (one.pooled, other.pooled), (one.mask, other.mask)):
        assert (first is None) == (second is None)
        if first is not None and second is not None:
            torch.testing.assert_close(first, second, rtol=1e-5, atol=1e-5)


def row(conditioning: Conditioning, number: int) -> Conditioning:
    """One condition of a batch."""
    return conditioning.map(lambda part: part[number : number + 1])


class ConditioningEncoderContract:
    """Subclass this and return your encoder from a fixture ``component``, a model that it fits from ``denoiser``."""

    @pytest.fixture
    def encoder(self, component: ConditioningEncoder, denoiser: Denoiser) -> PromptEncoder:
        return component.load(denoiser, sorted(LABELS), seed=4)

    def test_the_model_takes_it(self, encoder: PromptEncoder, denoiser: Denoiser) -> None:
        told = encoder.encode([*LABELS, None])
        assert len(told) == len(LABELS) + 1
        assert told.tokens.shape[-1] == denoiser.conditioning_width
        assert (None if told.pooled is None else told.pooled.shape[-1]) == denoiser.pooled_width
        latents = denoiser.encode(pictures(denoiser, len(told)))
        timesteps = denoiser.timesteps(torch.full((len(told),), 0.4))
        assert denoiser.predict(latents, timesteps, told).isfinite().all()

    def test_conditions_differ(self, encoder: PromptEncoder) -> None:
        told = encoder.encode([*LABELS, None]).tokens.flatten(1)
        assert torch.cdist(told, told).fill_diagonal_(1).min() > 1e-4

    def test_a_condition_does_not_depend_on_the_others(self, encoder: PromptEncoder) -> None:
        together = encoder.encode([*LABELS, None])
        for number, label in [*enumerate(LABELS), (len(LABELS), None)]:
            assert_same(encoder.encode([label]), row(together, number))
        assert_same(encoder.encode([None, LABELS[0]]), encoder.encode([LABELS[0], None]).map(lambda part: part.flip(0)))

    def test_the_seed_decides(self, component: ConditioningEncoder, encoder: PromptEncoder, denoiser: Denoiser) -> None:
        torch.manual_seed(99)  # the global generator must not matter
        again = component.load(denoiser, sorted(LABELS), seed=4)
        assert_same(again.encode([*LABELS, None]), encoder.encode([*LABELS, None]))

    def test_further_labels_change_nothing(
        self, component: ConditioningEncoder, encoder: PromptEncoder, denoiser: Denoiser
    ) -> None:
        wider = component.load(denoiser, sorted([*LABELS, "Aachen", "zoo"]), seed=4)
        assert_same(wider.encode([*LABELS, None]), encoder.encode([*LABELS, None]))

    def test_what_is_saved_is_what_is_loaded(
        self, component: ConditioningEncoder, encoder: PromptEncoder, denoiser: Denoiser, tmp_path: Path
    ) -> None:
        with torch.no_grad():
            for parameter in encoder.parameters():
                parameter.add_(torch.arange(parameter.numel()).reshape(parameter.shape))
        encoder.save(tmp_path)
        assert {file.suffix for file in tmp_path.rglob("*") if file.is_file()} <= PLAIN
        loaded = component.load(denoiser, sorted(LABELS), seed=5, folder=tmp_path)
        assert_same(loaded.encode([*LABELS, None]), encoder.encode([*LABELS, None]))

    def test_training_may_vary_prompts_but_repeats_itself(self, encoder: PromptEncoder) -> None:
        columns = [{"region": "north"}] * len(LABELS)
        first = encoder.encode(LABELS, columns, generator=np.random.default_rng(0))
        assert_same(first, encoder.encode(LABELS, columns, generator=np.random.default_rng(0)))
        assert first.tokens.shape == encoder.encode(LABELS, columns).tokens.shape

    def test_a_training_step_can_use_what_was_encoded_without_gradients(self, encoder: PromptEncoder) -> None:
        with torch.inference_mode():
            encoder.encode([*LABELS, None])
        weight = torch.ones(1, requires_grad=True)
        torch.autograd.backward((encoder.encode([*LABELS, None]).tokens * weight).sum())
        assert weight.grad is not None

    def test_prompts_are_for_people(self, encoder: PromptEncoder) -> None:
        assert all(isinstance(encoder.prompt(label), str) for label in (*LABELS, None))
