"""The files of a tuning: a recipe, tables for machines, a plot."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict

from diffmine.files.atomic import replacement, write_atomically
from diffmine.tuning.fragment import recipe_fragment
from diffmine.tuning.plot import plot
from diffmine.tuning.tables import COLUMNS, rows
from diffmine.tuning.tune import Tuned
from diffmine.version import __version__

RECIPE, PLOT = "recipe.toml", "tuning.png"


def write_tuning(tuned: Tuned) -> None:
    """Write every file anew, each whole or not at all; the recipe last."""
    table = io.StringIO()
    writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows(tuned.choice))
    write_atomically(tuned.folder / "tuning.csv", table.getvalue().encode())
    write_atomically(tuned.folder / "tuning.json", (to_json(tuned) + "\n").encode())
    with replacement(tuned.folder / PLOT) as path:
        plot(tuned.choice, path)
    write_atomically(tuned.folder / RECIPE, recipe_fragment(tuned, tuned.folder).encode())


def to_json(tuned: Tuned) -> str:
    """What was chosen and all that was tried."""
    choice = tuned.choice
    about = {
        "recipe": str(tuned.path),
        "overrides": list(tuned.overrides),
        "diffmine": __version__,
        "pictures": choice.pictures,
        "compared_at_draws": choice.compared,
        "before": asdict(choice.recipe),
        "chosen": asdict(choice.setting),
        "forwards": tuned.forwards * choice.setting.draws,
        "seconds": tuned.forwards * choice.setting.draws * tuned.seconds,
        "tried": list(rows(choice)),
    }
    return json.dumps(about, indent=1, ensure_ascii=False)
