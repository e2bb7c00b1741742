"""A run over years whose elements come and go as planted, mined in a second without a diffusion model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from PIL import Image, ImageDraw

from diffmine import hookimpl
from diffmine.engine.pipeline import Options, Pipeline
from diffmine.interfaces import ModelTools, Progress, Quantity, Scoring, TypicalityScorer
from diffmine.interfaces.progress import nobody
from diffmine.numerics.seeding import numpy_generator
from diffmine.plugins.manager import Source, load_plugins
from diffmine.plugins.registry import Registry
from diffmine.recipes.reading import parse_recipe
from diffmine.recipes.resolving import resolve
from diffmine.runs.run import Run
from diffmine.types import ByteArray, ImageRecord, Picture, TypicalityMap

YEARS = ("8", "9", "10", "11", "12")
"""Of which the letters' order is another than the numbers'."""
PICTURES = 20
"""Of each year."""
PLANTED: Mapping[str, tuple[int, ...]] = {
    "red disc": (1, 4, 9, 15, 20),
    "green square": (19, 16, 9, 5, 0),
    "blue triangle": (0, 8, 18, 7, 1),
    "yellow ring": (10, 10, 10, 10, 10),
}
"""Element -> in how many pictures of each year it is."""
COLOURS = {"red": (200, 40, 40), "green": (40, 170, 60), "blue": (50, 70, 210), "yellow": (215, 190, 30)}
SIDE, CELL, PATCH = 72, 24, 16
"""Sides of a picture, of the place of an element in it, and of a patch, pixels."""


class Saturation(TypicalityScorer):
    """How colourful a place is, and half as much under a label that the picture does not carry; needs no model."""

    name = "saturation"
    needs_model = False
    quantity = Quantity("colour", "saturation", "share of the range", "above zero, a place is colourful")

    def labels_to_score(self, record: ImageRecord, labels: Sequence[str], seed: int) -> tuple[str, ...]:
        return tuple(labels)

    def open(self, tools: ModelTools) -> Scoring:
        return _Saturating()


class _Saturating(Scoring):
    stride = 1

    def score(
        self, pictures: Sequence[Picture], labels: Sequence[Sequence[str]], progress: Progress
    ) -> list[list[TypicalityMap]]:
        found = []
        for one, wanted in zip(pictures, labels, strict=True):
            values = np.ptp(one.pixels.astype(np.float32), axis=2) / 255
            record = one.record
            scale = {label: 1.0 if label in record.labels else 0.5 for label in wanted}
            found.append([TypicalityMap(record.image_id, label, values * scale[label]) for label in wanted])
            progress.advance()
        return found


PLUGIN = SimpleNamespace(
    diffmine_register_typicality_scorers=hookimpl(specname="diffmine_register_typicality_scorers")(lambda: [Saturation])
)


def write_toy_lives(folder: Path, years: Sequence[str] = YEARS, order: str | Sequence[str] = "numeric") -> Run:
    """Draw grey pictures with coloured elements, as many of each year as ``PLANTED`` says, and mine them.

    Args:
        folder: receives ``pictures/``, ``store/`` and ``run/``.
        years: five labels.
        order: of the recipe.
    """
    for place, year in enumerate(years):
        (folder / "pictures" / year).mkdir(parents=True)
        for number in range(PICTURES):
            shown = [name for name, counts in PLANTED.items() if _is_in(name, number, counts[place])]
            Image.fromarray(_drawn(shown, place, number)).save(folder / "pictures" / year / f"{number}.png")
    recipe = parse_recipe(
        {
            "name": "toy-lives",
            "dataset": {
                "use": "folder",
                "path": str(folder / "pictures"),
                "order": order,
                "holdout": 0.0,
                "folds": 2,
            },
            "scorer": {"use": "saturation"},
            "patches": {"size": PATCH, "per_image": 4},
            "features": {"use": "pixels"},
            "clusterer": {"use": "kmeans", "n_clusters": 6},
            "metrics": {"use": []},
            "checks": {"use": []},
            "report": {"use": []},
            "life": {"clusterer": [{"use": "kmeans", "n_clusters": 5}]},
        }
    )
    manager = load_plugins(frozenset())
    manager.register(PLUGIN, "toy-lives", Source("toy-lives", "1.0"))
    registry = Registry(manager)
    options = Options(out=folder / "run", store=folder / "store", device="cpu")
    return Pipeline(resolve(recipe, registry), options, manager, registry, nobody).run()


def _is_in(name: str, number: int, count: int) -> bool:
    """Whether an element is in a picture: in ``count`` of ``PICTURES``, which differ between elements."""
    return int(numpy_generator("toy lives", name, count).permutation(PICTURES)[number]) < count


def _drawn(shown: Sequence[str], place: int, number: int) -> ByteArray:
    rng = numpy_generator("toy lives", place, number)
    grey = rng.integers(120, 180) + rng.normal(0, 5, (SIDE, SIDE))
    image = Image.fromarray(np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2))
    cells = rng.permutation((SIDE // CELL) ** 2)
    for name, cell in zip(shown, cells.tolist(), strict=False):
        colour, shape = name.split()
        margin = (CELL - PATCH) // 2 + 1  # so that no patch shows two of them
        x, y = cell % (SIDE // CELL) * CELL + margin, cell // (SIDE // CELL) * CELL + margin
        _shape(ImageDraw.Draw(image), shape, (x, y, x + PATCH - 3, y + PATCH - 3), COLOURS[colour])
    return np.asarray(image)


def _shape(brush: ImageDraw.ImageDraw, shape: str, box: tuple[int, int, int, int], fill: tuple[int, int, int]) -> None:
    x0, y0, x1, y1 = box
    if shape == "disc":
        brush.ellipse(box, fill=fill)
    elif shape == "ring":
        brush.ellipse(box, outline=fill, width=4)
    elif shape == "triangle":
        brush.polygon([(x0, y1), ((x0 + x1) / 2, y0), (x1, y1)], fill=fill)
    else:
        brush.rectangle(box, fill=fill)
