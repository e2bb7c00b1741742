"""Components that fit themselves to the training pictures, and what those that use the model depend on."""

from __future__ import annotations

from pathlib import Path

from diffmine.interfaces import Component, FeatureExtractor, TypicalityScorer, Work


def further_tables(component: Component) -> tuple[str, ...]:
    """The recipe tables that decide what a component computes, besides its own."""
    model = ("model", "conditioning") if component.needs_model else ()
    masks = ("dataset", "training") if component.needs_masks else ()
    return (*model, *masks)


def model_reads(component: Component) -> tuple[str, ...]:
    """The stages that decide what a component computes, besides the pictures."""
    return ("finetune",) if component.needs_model else ()


def fitted(work: Work, component: TypicalityScorer | FeatureExtractor, fold: int | None = None) -> Path | None:
    """The folder of what the component fitted to the training pictures, fitted now or before the run was killed.

    Args:
        fold: the pictures that it is not to learn from, and whose model it may use; None: the first fold's model, or
            the only one, and what that has learned from.
    """
    name = "fitted" if fold is None else f"fitted-{fold}"
    folder = work.folder / name
    if not folder.exists():
        draft = work.workspace / name
        draft.mkdir(exist_ok=True)
        data = work.training_set(fold, masks=component.needs_masks)
        component.fit(data, work.tools(fold), folder=draft, progress=work.progress)
        draft.rename(folder)
    return folder if any(folder.iterdir()) else None
