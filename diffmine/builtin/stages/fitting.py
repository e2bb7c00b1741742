"""Components that fit themselves to the training pictures, and what those that use the model depend on."""

from __future__ import annotations

from pathlib import Path

from diffmine.interfaces import Component, FeatureExtractor, TypicalityScorer, Work


def model_tables(component: Component) -> tuple[str, ...]:
    """The recipe tables that decide what a component computes, besides its own."""
    return ("model", "conditioning") if component.needs_model else ()


def model_reads(component: Component) -> tuple[str, ...]:
    """The stages that decide what a component computes, besides the pictures."""
    return ("finetune",) if component.needs_model else ()


def fitted(work: Work, component: TypicalityScorer | FeatureExtractor) -> Path | None:
    """The folder of what the component fitted to the training pictures, fitted now or before the run was killed."""
    folder = work.folder / "fitted"
    if not folder.exists():
        draft = work.workspace / "fitted"
        draft.mkdir(exist_ok=True)
        component.fit(work.training_set(), work.tools(), folder=draft, progress=work.progress)
        draft.rename(folder)
    return folder if any(folder.iterdir()) else None
