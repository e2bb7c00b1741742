"""Look at a folder of pictures and write a recipe for them, from Python."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from diffmine.engine.devices import torch_device
from diffmine.engine.estimate import Cost, estimate
from diffmine.errors import DataError, RecipeError
from diffmine.files.atomic import write_atomically
from diffmine.interfaces import Listener
from diffmine.interfaces.progress import nobody
from diffmine.plugins.registry import registry
from diffmine.recipes.reading import load_recipe
from diffmine.recipes.resolving import resolve
from diffmine.starting.advice import advise
from diffmine.starting.survey import Survey, survey
from diffmine.starting.writing import recipe_text

FEW = 40
"""Pictures of a label below which little can be learned of it."""
UNEVEN = 10


@dataclass(frozen=True, slots=True)
class Started:
    """A recipe for some pictures.

    Attributes:
        survey: what was found.
        recipe: the file that was written.
        cost: what running it will take.
        remarks: what to look at, a sentence each.
    """

    survey: Survey
    recipe: Path
    cost: Cost
    remarks: Sequence[str]

    def to_json(self) -> str:
        """For machines."""
        told = {"recipe": str(self.recipe), "remarks": self.remarks, "cost": self.cost.as_dict()}
        return json.dumps({**asdict(self.survey), **told}, indent=1, ensure_ascii=False)


def start(
    folder: str | Path, *, out: str | Path | None = None, device: str = "auto", listener: Listener = nobody
) -> Started:
    """Survey a folder of pictures, a folder for each label, and write a recipe.

    Args:
        folder: the pictures.
        out: the recipe's file; default: the folder's name with ``.toml``, in the current folder.
        device: that it will run on: ``auto``, ``cpu``, ``cuda`` or another torch device.
        listener: hears how far it is.
    Raises:
        RecipeError: the file is there already, or its folder is not.
        DataError: there are fewer than two labels.
    """
    folder = Path(folder)
    name = re.sub(r"[^\w-]+", "-", folder.absolute().name).strip("-") or "pictures"
    recipe = Path(out) if out else Path(f"{name}.toml")
    if recipe.exists():
        raise RecipeError(f"{recipe} is there already, and is not written over; name another file with --out")
    if not recipe.absolute().parent.is_dir():
        raise RecipeError(f"{recipe.absolute().parent}: there is no such folder for the recipe")
    found = survey(folder, listener)
    if len(found.counts) < 2:
        raise DataError(
            f"{folder} holds pictures of {len(found.counts)} label{'' if len(found.counts) == 1 else 's'}; what sets "
            "labels apart needs two at least, a folder for each"
        )
    opening = f"{found.pictures:,} pictures of {len(found.counts)} labels, by diffmine init."
    text = recipe_text(name, _from(recipe, folder), advise(found, torch_device(device)), opening)
    write_atomically(recipe, text.encode())
    cost = estimate(resolve(load_recipe(recipe), registry()), device)
    return Started(found, recipe, cost, list(remarks(found)))


def _from(recipe: Path, folder: Path) -> Path:
    """The folder as the recipe names it: beside or below the recipe, by its relative path, so that both may move."""
    beside = recipe.absolute().parent
    return folder.absolute().relative_to(beside) if folder.absolute().is_relative_to(beside) else folder.absolute()


def remarks(found: Survey) -> list[str]:
    """What to look at in a survey, a sentence each; nothing where all is well."""
    few = [label for label, count in found.counts.items() if count < FEW]
    said = {
        f"unreadable files: {len(found.unreadable)}, such as {_example(found.unreadable)}": found.unreadable,
        f"exact copies, which count once: {len(found.copies)}, such as {_example(found.copies)}": found.copies,
        f"pictures under several labels: {len(found.contradictions)}, such as {_example(found.contradictions)}; they "
        "count for each, so take them out where that is a mistake": found.contradictions,
        f"pairs of pictures that look alike under different labels: {len(found.near)}, such as "
        f"{_example(found.near)}; nothing sets these apart": found.near,
        f"labels that may be one: {'; '.join(' and '.join(map(repr, group)) for group in found.alike)}": found.alike,
        f"labels with few pictures (under {FEW}): {', '.join(map(repr, few))}; little can be learned of them": few,
        f"the largest label has {found.imbalance:.0f} times the pictures of the smallest; "
        "[dataset] per_label evens them out": found.imbalance >= UNEVEN,
    }
    return [sentence for sentence, applies in said.items() if applies]


def _example(pairs: Sequence[tuple[str, object]]) -> str:
    if not pairs:
        return ""
    path, other = pairs[0]
    return f"{path} ({', '.join(other) if isinstance(other, tuple) else other})"
