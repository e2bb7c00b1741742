"""Are elements found to come and go as they were planted? Drawn faces over years, mined from nothing but the years.

Run ``python benchmarks/lives.py FOLDER`` (some minutes on two cores); ``--help`` lists what can be changed. It draws
faces of seven years, in which beards come into fashion, hats go out of it, and round glasses and overalls come and go;
each picture has each element or not, by its year's share. They are mined with half the quickstart's steps and a
quarter of its draws, every face by a model that has not seen it. For each planted element it prints the shares that
were planted, the shares of pictures with a mined patch that shows it, by the masks, and those of the one cluster over
all years that holds most of these patches, each with its rank correlation.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence, Set
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.stats import spearmanr

import diffmine
from diffmine.builtin.datasets.avatar_drawing import ELEMENTS, Face, plain_face
from diffmine.numerics.seeding import numpy_generator
from diffmine.pictures.decoding import decode
from diffmine.runs.run import Run
from diffmine.types import BoolArray, Box

YEARS = (1920, 1930, 1940, 1950, 1960, 1970, 1980)
FASHIONS: Mapping[str, tuple[float, ...]] = {
    "Beardstown": (0.05, 0.1, 0.2, 0.35, 0.55, 0.75, 0.9),
    "Hatfield": (0.9, 0.75, 0.6, 0.4, 0.2, 0.1, 0.05),
    "Glassboro": (0.1, 0.3, 0.6, 0.9, 0.7, 0.4, 0.2),
    "Overton": (0.05, 0.2, 0.4, 0.6, 0.8, 0.5, 0.1),
}
"""Town whose element it is -> its share of the pictures of each year."""
SIZE = 64
SHOWN = 0.5
"""A patch shows an element where it holds this share of the element's mask, or where as much of it lies on the mask."""
MASKS = "masks"
RECIPE = """
extends = "{quickstart}"
name = "lives"
seed = {seed}
[dataset]
use = "folder"
path = "pictures"
order = "numeric"
holdout = 0.0
folds = 2
[finetune]
steps = {steps}
[scorer]
draws = {draws}
[features]
{features}
[clusterer]
use = "kmeans"
n_clusters = 8
[life]
clusterer = [{{ use = "kmeans", n_clusters = {clusters} }}]
[metrics]
use = ["label_auc"]
[report]
use = ["html", "figures"]
[report.figures]
kinds = ["life"]
formats = ["png"]
"""
FEATURES = {"dift": 'use = "dift"\ncondition = "null"', "pixels": 'use = "pixels"'}
"""To compare between years they must not know the year."""


def main() -> None:
    """Draw, mine and tell."""
    options = _arguments()
    write_pictures(options.folder, options.per_year, options.seed)
    quickstart = Path(__file__).parent.parent / "recipes" / "quickstart.toml"
    chosen = {name: getattr(options, name) for name in ("seed", "steps", "draws", "clusters")}
    features = FEATURES[options.features]
    (options.folder / "lives.toml").write_text(RECIPE.format(quickstart=quickstart, features=features, **chosen))
    run = diffmine.run(options.folder / "lives.toml", out=options.folder / "run", store=options.folder / "store")
    for line in told(run, options.folder):
        print(line)


def write_pictures(folder: Path, per_year: int, seed: int) -> None:
    """Draw faces into ``pictures/YEAR/``, and the masks of their elements into ``masks/``; what is there is kept."""
    for place, year in enumerate(YEARS):
        for number in range(per_year):
            path = folder / "pictures" / str(year) / f"{number:04d}.png"
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                pixels, masks = drawn(seed, place, number)
                for town, mask in masks.items():
                    target = mask_path(folder, year, number, town)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    Image.fromarray(mask).save(target)
                Image.fromarray(pixels).save(path)


def drawn(seed: int, place: int, number: int) -> tuple[np.ndarray, dict[str, BoolArray]]:
    """A face of a year with the elements that fall to it, and where each is, by town."""
    generator = numpy_generator(seed, "lives", place, number)
    face: Face = plain_face(seed, str(YEARS[place]), number, 0)
    worn = [town for town, shares in FASHIONS.items() if generator.random() < shares[place]]
    for town in worn:
        face = face.wearing(ELEMENTS[town].part, ELEMENTS[town].variant)
    return face.render(SIZE), {town: face.paint_of(ELEMENTS[town], SIZE) >= 0.25 for town in worn}


def mask_path(folder: Path, year: int | str, number: int | str, town: str) -> Path:
    """Where the mask of an element lies."""
    return folder / MASKS / town / str(year) / f"{int(number):04d}.png"


def told(run: Run, folder: Path) -> list[str]:
    """Two lines for each planted element."""
    assert run.life is not None
    life, showing = run.life, {town: patches_showing(run, folder, town) for town in FASHIONS}
    lines = [f"label_auc: {run.metrics['label_auc']['value']:.2f}", f"years: {' '.join(life.labels)}"]
    for town, rows in showing.items():
        best = max(life.elements, key=lambda one: len(rows & set(one.rows.tolist())))
        pure = len(rows & set(best.rows.tolist())) / best.facts["size"]
        planted, by_masks = planted_shares(folder, life.labels, town), shares_of(run, rows)
        lines += [
            f"{ELEMENTS[town].description}: planted {_row(planted)}; by the masks of {len(rows)} patches "
            f"{_row(by_masks)}, rank correlation {spearmanr(planted, by_masks).statistic:.2f}",
            f"    element {best.number} ({pure:.0%} of {best.facts['size']} patches show it, {best.course}) "
            f"{_row(best.shares)}, rank correlation {spearmanr(planted, best.shares).statistic:.2f}",
        ]
    return lines


def _row(shares: Sequence[float]) -> str:
    return " ".join(f"{share:.2f}" for share in shares)


def planted_shares(folder: Path, years: tuple[str, ...], town: str) -> list[float]:
    """The share of each year's pictures that have the element, counted."""
    shares = []
    for year in years:
        numbers = [int(path.stem) for path in (folder / "pictures" / year).glob("*.png")]
        shares.append(float(np.mean([mask_path(folder, year, number, town).exists() for number in numbers])))
    return shares


def patches_showing(run: Run, folder: Path, town: str) -> set[int]:
    """The rows of the mined patches that show what was planted of a town."""
    assert run.life is not None
    found = set()
    for row in sorted(row for one in run.life.elements for row in one.rows.tolist()):
        patch = run.patches.slice(row, 1).to_pylist()[0]
        year, name = run.records[patch["image_id"]].path.split("/")
        path = mask_path(folder, year, Path(name).stem, town)
        if path.exists():
            mask = decode(path.read_bytes(), None)[..., 0] > 0
            if _shows(mask, Box(patch["y0"], patch["x0"], patch["y1"], patch["x1"])):
                found.add(row)
    return found


def shares_of(run: Run, rows: Set[int]) -> list[float]:
    """The share of each year's pictures that have one of some patches."""
    assert run.life is not None
    found = run.patches.take(sorted(rows)).to_pylist()
    images = {label: {row["image_id"] for row in found if row["label"] == label} for label in run.life.labels}
    sizes = {step.label: step.facts["pictures"] for step in run.life.elements[0].steps}
    return [len(images[label]) / sizes[label] for label in run.life.labels]


def _shows(mask: BoolArray, box: Box) -> bool:
    inside = int(mask[box.slices()].sum())
    return inside >= SHOWN * min(int(mask.sum()), box.area)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="receives pictures, masks, store and run")
    parser.add_argument("--per-year", type=int, default=80, help="pictures of each year (default: 80)")
    parser.add_argument("--steps", type=int, default=300, help="of each of two finetunings (default: 300)")
    parser.add_argument("--draws", type=int, default=8, help="for each picture and label (default: 8)")
    parser.add_argument("--clusters", type=int, default=12, help="over all years (default: 12)")
    parser.add_argument("--features", choices=FEATURES, default="dift", help="to cluster by (default: dift)")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
