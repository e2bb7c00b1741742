"""Are shortcuts warned of, and real elements not? Shortcuts planted in the pictures of labels, one kind a label.

Run ``python benchmarks/shortcuts.py FOLDER`` (some minutes a run on two cores); ``--help`` lists what can be changed.
For a dataset, a share and a seed it draws pictures, plants a watermark, a tag, a frame, a time stamp and a colour cast
in that share of the pictures of one label each, leaves one label as it is, mines them with half the quickstart's
pictures, steps and draws, and prints what is warned of. A share of 0 plants nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

import diffmine
from diffmine.interfaces import Dataset, Progress
from diffmine.numerics.seeding import numpy_generator
from diffmine.pictures.decoding import decode
from diffmine.plugins.kinds import KIND_OF_NAME
from diffmine.plugins.registry import registry
from diffmine.runs.run import Run
from diffmine.testing.shortcuts import SHORTCUTS, Shortcut, planted

RECIPES = {"avatars": "quickstart", "scenes": "scenes"}
RECIPE = """
extends = "{base}"
name = "shortcuts"
seed = {seed}
[dataset]
use = "folder"
path = "pictures"
holdout = 0.15
[finetune]
steps = {steps}
[scorer]
draws = 8
[patches]
per_label = {per_label}
[metrics]
use = []
[report]
use = ["html"]
"""


def main() -> None:
    """Draw, plant, mine and tell."""
    options = _arguments()
    folder = options.folder / f"{options.dataset}-{options.share:.0%}-{options.seed}"
    kinds = write_pictures(folder / "pictures", options)
    base = Path(__file__).parent.parent / "recipes" / f"{RECIPES[options.dataset]}.toml"
    recipe = RECIPE.format(base=base, seed=options.seed, steps=options.steps, per_label=options.per_label)
    (folder / "shortcuts.toml").write_text(recipe)
    run = diffmine.run(folder / "shortcuts.toml", out=folder / "run", store=options.folder / "store")
    print(told(run, kinds))


def write_pictures(folder: Path, options: argparse.Namespace) -> dict[str, Shortcut]:
    """Draw the pictures, those of a label in a folder of its own; label -> what was planted in its share."""
    dataset: Dataset = registry().build(KIND_OF_NAME["datasets"], options.dataset, {"per_label": options.per_label})
    drawn = folder.parent / "drawn"
    drawn.mkdir(parents=True, exist_ok=True)
    dataset.prepare(drawn, seed=options.seed, progress=Progress())
    source = dataset.open(drawn)
    items = list(source.scan())
    labels = sorted({label for item in items for label in item.labels})
    turn = [labels[(place + options.seed) % len(labels)] for place in range(len(labels))]
    kinds = dict(zip(turn, SHORTCUTS, strict=False)) if options.share else {}
    for item in items:
        (label,) = item.labels
        generator = numpy_generator("shortcut", options.seed, item.path)
        pixels = decode(source.read(item.path), None)
        if label in kinds and generator.random() < options.share:
            pixels = planted(pixels, kinds[label], generator)
        path = folder / label / Path(item.path).name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.asarray(pixels)).save(path)
    return kinds


def told(run: Run, kinds: Mapping[str, Shortcut]) -> str:
    """The warnings of shortcuts by label, with what was planted there."""
    lines = []
    for label in run.labels:
        warned = [text for text in run.info["warnings"] if "shortcut" in text and repr(label) in text]
        notes = [flag.sentence for flag in run.flags if flag.label == label and flag.severity == "note"]
        lines.append(f"{label} ({kinds.get(label, 'nothing planted')}): {len(warned)} warnings, {len(notes)} notes")
        lines += [f"    {text}" for text in (*warned, *notes)]
    return "\n".join(lines)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where pictures, runs and store go")
    parser.add_argument("--dataset", choices=RECIPES, default="avatars")
    parser.add_argument("--share", type=float, default=1.0, help="of a label's pictures that have its shortcut")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--per-label", type=int, default=60)
    parser.add_argument("--steps", type=int, default=300)
    return parser.parse_args()


if __name__ == "__main__":
    main()
