"""Which settings fit some pictures and a machine, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from diffmine.starting.survey import Survey

SIDES = (64, 96, 128)
"""Image sizes at which the small model trains on a processor, pixels."""
BATCH = 16
EPOCHS = 16
"""Passes over the pictures that a finetuning takes: what the quickstart does."""
FEWEST_STEPS, MOST_STEPS = 600, 4000
SMALL_SET = 3000
"""Pictures up to which every one is worth a second training, so that it can be mined and have a p-value."""
FEWEST_YEARS = 4
"""With fewer, some year would have no other that is no neighbour."""
METRICS = ("label_auc", "typical_share", "fitting_size", "label_predictability")
STABLE_DIFFUSION = {
    "model": {"use": "stable-diffusion", "path": "stable-diffusion-v1-5/stable-diffusion-v1-5"},
    "conditioning": {"use": "clip-text", "template": "A photo of {label}.", "null_prompt": "A photo."},
}


@dataclass(frozen=True, slots=True)
class Setting:
    """One value of a recipe, and why."""

    value: Any
    reason: str = ""


Tables = Mapping[str, Mapping[str, Setting]]


def advise(survey: Survey, device: str) -> Tables:
    """The tables of a recipe.

    Args:
        survey: of the pictures.
        device: ``cpu`` or ``cuda``, as it will be run.
    """
    on_gpu = device != "cpu"
    side = 512 if on_gpu else max([one for one in SIDES if one <= survey.shorter_side] or SIDES[:1])
    small = survey.pictures <= SMALL_SET
    learned = survey.pictures // 2 if small else round(survey.pictures * 0.8)
    return {
        "dataset": _dataset(survey, side, small, on_gpu),
        **{table: {name: Setting(value) for name, value in values.items()} for table, values in _model(on_gpu).items()},
        "finetune": _large(learned) if on_gpu else _small(learned),
        "scorer": {
            "draws": Setting([8, 32], "8 for every picture, up to 32 for those that may enter its label's best"),
            "timesteps": Setting("stratified"),
            "antithetic": Setting(True),
            "smoothing": Setting(1.0, "latent cells; few draws leave maps noisy"),
        },
        "patches": {
            "place": Setting("mix", "where the label matters most"),
            "size": Setting(side // 4, "a quarter of the picture; `diffmine tune` measures which fits"),
            "per_image": Setting(3),
            "per_label": Setting(_per_label(survey), "the best so many of each label are clustered"),
        },
        "clusterer": {"n_clusters": Setting(min(32, max(4, _per_label(survey) // 15)), "some 15 patches in each")},
        "metrics": {"use": Setting(list(METRICS), "need no masks of what you hope to find")},
        "describers": {"use": Setting(["colour-shape"], "plain words for clusters")},
    }


def _dataset(survey: Survey, side: int, small: bool, on_gpu: bool) -> dict[str, Setting]:
    found = f"short side; the pictures have {survey.shorter_side} px in the middle"
    split = (
        {
            "folds": Setting(2, "two models; each scores the pictures that the other has learned from"),
            "holdout": Setting(0.0, "so none need be kept for evaluation"),
        }
        if small
        else {
            "holdout": Setting(0.2, "the model learns from four fifths,"),
            "mine": Setting("heldout", "and only pictures that it has not seen are mined and judged"),
        }
    )
    crop = {"crop": Setting("random", "in finetuning; mining sees whole pictures")} if on_gpu else {}
    return {"image_size": Setting(side, found), **crop, **split, **_order(survey)}


def _order(survey: Survey) -> dict[str, Setting]:
    """Years have neighbours; other numbers, such as those of classes, may have none."""
    years = all(label.isdecimal() and 1000 <= int(label) < 2200 for label in survey.counts)
    if not years or len(survey.counts) < FEWEST_YEARS:
        return {}
    return {"order": Setting("numeric", "the labels are years: those next to each other are no null")}


def _model(on_gpu: bool) -> Mapping[str, Mapping[str, Any]]:
    if on_gpu:
        return STABLE_DIFFUSION
    return {"model": {"use": "patch-unet"}, "conditioning": {"use": "label-embedding"}}


def _small(learned: int) -> dict[str, Setting]:
    """As the quickstart finetunes the small model."""
    steps = min(MOST_STEPS, max(FEWEST_STEPS, EPOCHS * learned // BATCH))
    return {
        "use": Setting("full"),
        "steps": Setting(steps, f"{steps * BATCH / max(1, learned):.0f} times through {learned:,} pictures"),
        "batch_size": Setting(BATCH),
        "learning_rate": Setting(1e-3),
        "embedding_learning_rate": Setting(5.0, "the labels' vectors start from nothing"),
        "betas": Setting([0.9, 0.99]),
        "schedule": Setting("cosine"),
        "warmup_steps": Setting(30),
        "null_probability": Setting(0.15),
        "timesteps": Setting("stratified"),
    }


def _large(learned: int) -> dict[str, Setting]:
    """As the paper finetunes Stable Diffusion."""
    steps = min(50_000, max(2000, 20 * learned // 8))
    return {
        "use": Setting("full"),
        "steps": Setting(steps, f"{steps * 8 / max(1, learned):.0f} times through {learned:,} pictures"),
        "batch_size": Setting(8),
        "learning_rate": Setting(1e-4),
        "null_probability": Setting(0.05),
    }


def _per_label(survey: Survey) -> int:
    """Patches of a label: those of the better half of its pictures, by the median label."""
    counts = sorted(survey.counts.values())
    return min(1000, max(20, counts[len(counts) // 2] * 3 // 2))
