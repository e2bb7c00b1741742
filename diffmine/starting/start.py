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
from diffmine.starting.sources import find_source
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
        what: kind of pictures they are, in words.
    """

    survey: Survey
    recipe: Path
    cost: Cost
    remarks: Sequence[str]
    what: str = ""

    def to_json(self) -> str:
        """For machines."""
        told = {"recipe": str(self.recipe), "what": self.what, "remarks": self.remarks, "cost": self.cost.as_dict()}
        return json.dumps({**asdict(self.survey), **told}, indent=1, ensure_ascii=False)


def start(
    path: str | Path,
    *,
    out: str | Path | None = None,
    device: str = "auto",
    image: str | None = None,
    label: str | None = None,
    listener: Listener = nobody,
) -> Started:
    """Survey labelled pictures and write a recipe.

    Args:
        path: a folder with a folder for each label, a table that lists pictures (.csv, .tsv, .jsonl, .parquet), or
            what Hugging Face's imagefolder or FiftyOne make.
        out: the recipe's file; default: the name of the path with ``.toml``, in the current folder.
        device: that it will run on: ``auto``, ``cpu``, ``cuda`` or another torch device.
        image, label: columns of the table; None: those that other tools call so.
        listener: hears how far it is.
    Raises:
        RecipeError: the file is there already, or its folder is not; or nothing at the path can be read.
        DataError: there are fewer than two labels.
    """
    recipe = Path(out) if out else usual_recipe(path)
    if recipe.exists():
        raise RecipeError(f"{recipe} is there already, and is not written over; name another file with --out")
    if not recipe.absolute().parent.is_dir():
        raise RecipeError(f"{recipe.absolute().parent}: there is no such folder for the recipe")
    source = find_source(Path(path), image=image, label=label)
    found = survey(source.dataset, listener)
    if len(found.counts) < 2:
        raise DataError(
            f"{path} holds pictures of {len(found.counts)} label{'' if len(found.counts) == 1 else 's'}; what sets "
            "labels apart needs two at least, a folder for each, or a table that names them"
        )
    dataset = {**source.dataset, "path": str(_from(recipe, Path(source.dataset["path"])))}
    opening = f"{found.pictures:,} pictures of {len(found.counts)} labels ({source.what}), by diffmine init."
    text = recipe_text(recipe.stem, dataset, advise(found, torch_device(device)), opening)
    write_atomically(recipe, text.encode())
    cost = estimate(resolve(load_recipe(recipe), registry()), device)
    return Started(found, recipe, cost, list(remarks(found)), source.what)


def usual_recipe(path: str | Path) -> Path:
    """The file that a recipe for some pictures is written to: named as they are, in the current folder."""
    path = Path(path).absolute()
    name = re.sub(r"[^\w-]+", "-", path.stem if path.is_file() else path.name).strip("-") or "pictures"
    return Path(f"{name}.toml")


def written_before(path: str | Path) -> Path | None:
    """The recipe that was written for some pictures before; None where none was.

    Raises:
        RecipeError: a recipe of that name is for other pictures.
    """
    recipe = usual_recipe(path)
    if not recipe.exists():
        return None
    loaded = load_recipe(recipe)
    table, folders = loaded.tables["dataset"], loaded.folders.get("dataset", {})
    named = (folders.get("path", Path()) / str(table.get("path", "")) / str(table.get("index", ""))).resolve()
    if Path(path).resolve() in (named, *named.parents):
        return recipe
    raise RecipeError(
        f"{recipe} is there already, and is for other pictures than {path}; write a recipe of another name with "
        "diffmine init --out, and run that"
    )


def _from(recipe: Path, folder: Path) -> Path:
    """The folder as the recipe names it: beside or below the recipe, by its relative path, so that both may move."""
    beside = recipe.absolute().parent
    return folder.relative_to(beside) if folder.is_relative_to(beside) else folder


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
        f"pairs of pictures that look alike under one label: {len(found.near_within)}, such as "
        f"{_example(found.near_within)}; where one is learned from, the other is hardly unseen": found.near_within,
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
