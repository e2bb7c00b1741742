"""How to cite a run, and the method behind it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diffmine.runs.run import Run

DIGITS = 8
"""Of the recipe's digest, in the entry's key."""
METHOD = """@inproceedings{siglidis2024diffusion,
  title = {Diffusion Models as Data Mining Tools},
  author = {Siglidis, Ioannis and Holynski, Aleksander and Efros, Alexei A. and Aubry, Mathieu and Ginosar, Shiry},
  booktitle = {Computer Vision -- ECCV 2024},
  year = {2024},
  url = {https://arxiv.org/abs/2408.02752},
}
"""


def bibtex(run: Run) -> str:
    """Two BibTeX entries: the run, told apart by the digest of its recipe, and the paper whose method it follows."""
    name, digest = str(run.info["name"]), str(run.info.get("recipe_digest", ""))
    key = "-".join(part for part in ("diffmine", re.sub(r"[^\w.-]", "", name), digest[:DIGITS]) if part)
    year = str(run.info.get("started") or "")[:4]
    note = [f"{len(run.records)} pictures", f"{len(run.labels)} labels", f"seed {run.recipe.header.seed}"]
    if digest:
        note.append(f"recipe SHA-256 {digest}")
    fields = {
        "title": f"{{diffmine}}: the run {_escaped(name)}",
        "author": "{The diffmine maintainers}",
        "year": year,
        "version": str(run.info.get("diffmine", "")),
        "note": ", ".join(note),
    }
    lines = [f"  {field} = {{{value}}}," for field, value in fields.items() if value]
    return "\n".join([f"@software{{{key},", *lines, "}", "", METHOD])


def _escaped(text: str) -> str:
    return re.sub(r"([&%$#_{}])", r"\\\1", text)
