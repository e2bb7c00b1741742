"""Artwork as labelled pictures to mine, in which nobody planted anything, from unpacked npm packages of Iconify.

A package ``@iconify-json/NAME`` is one set of drawings with its author and licence in ``info.json``. Each drawing is
rasterised (``resvg-py``, of the extra ``demo``) with a white ground, its long side ``--side`` pixels.

*Several sets*, labelled by the set: the works that all of them have::

    npm pack @iconify-json/openmoji    # and so on; unpack each: tar xzf FILE.tgz --one-top-level
    python benchmarks/artwork.py sets data/emoji OpenMoji=FOLDER Fluent=FOLDER ...

*One set*, labelled by a table: a JSON file that maps each work to its label, or to an object that has it::

    python benchmarks/artwork.py table data/flags FOLDER --suffix=-4x3 --labels countries.min.json --key continent \\
        --names continents.min.json

It writes pictures, ``index.csv`` (picture, label, work, split), and ``SOURCES.md`` (authors and licences). Two thirds
of the works, drawn by their names, are in the split ``train``, the others in ``test``: all pictures of a work are in
the same one, whoever drew it. Pictures that come out equal are one picture, with the labels of all of them.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from scipy.cluster.hierarchy import DisjointSet

TEST = 1 / 3
"""Share of the works that nothing may learn from."""


@dataclass(frozen=True)
class IconSet:
    """A package: its drawings, and who made them.

    Attributes:
        drawings: name -> a whole SVG document.
        source: a line of Markdown: title, author and licence.
    """

    drawings: Mapping[str, str]
    source: str


@dataclass(frozen=True)
class Drawing:
    """One drawing with its label; ``work`` is what it is a drawing of."""

    label: str
    work: str
    svg: str


def read_set(folder: Path) -> IconSet:
    """Read an unpacked package, whether ``folder`` is npm's ``package`` or holds it."""
    folder = folder / "package" if (folder / "package").is_dir() else folder
    info, icons, package = (json.loads((folder / f"{name}.json").read_text()) for name in ("info", "icons", "package"))
    author, licence = info["author"], info["license"]
    source = (
        f"[{info['name']}]({author.get('url', '')}) by {author['name']}, "
        f"[{licence['title']}]({licence.get('url', '')}), from {package['name']} {package['version']}"
    )
    return IconSet({name: _svg(icon, icons) for name, icon in icons["icons"].items()}, source)


def _svg(icon: Mapping[str, object], defaults: Mapping[str, object]) -> str:
    left, top = (icon.get(side, defaults.get(side, 0)) for side in ("left", "top"))
    width, height = (icon.get(side, defaults.get(side, 16)) for side in ("width", "height"))
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="{left} {top} {width} {height}" width="{width}" height="{height}">{icon["body"]}</svg>'
    )


def drawings_by_set(sets: Mapping[str, IconSet]) -> list[Drawing]:
    """The works that every set has, each labelled by its set."""
    shared = set.intersection(*(set(one.drawings) for one in sets.values()))
    return [Drawing(label, work, one.drawings[work]) for label, one in sets.items() for work in sorted(shared)]


def drawings_by_table(one: IconSet, labels: Mapping[str, str], suffix: str = "") -> list[Drawing]:
    """The drawings of a set whose work, the name without ``suffix``, has a label; names in any case."""
    known = {work.lower(): label for work, label in labels.items()}
    works = {name.removesuffix(suffix): svg for name, svg in one.drawings.items() if name.endswith(suffix)}
    return [Drawing(known[work.lower()], work, svg) for work, svg in sorted(works.items()) if work.lower() in known]


def read_labels(path: Path, key: str | None = None, names: Path | None = None) -> dict[str, str]:
    """Work -> label, from JSON; ``key`` names the entry of an object that is the label, ``names`` renames labels."""
    called = json.loads(names.read_text()) if names else {}
    table = json.loads(path.read_text())
    labels = {work: value[key] if key else value for work, value in table.items()}
    return {work: called.get(label, label) for work, label in labels.items()}


def rasterise(svg: str, side: int) -> Image.Image:
    """A drawing as RGB on white, its long side ``side`` pixels."""
    import resvg_py

    _, _, width, height = map(float, re.search(r'viewBox="([^"]+)"', svg)[1].split())  # type: ignore[index]
    scale = side / max(width, height)
    size = {"width": round(width * scale), "height": round(height * scale)}
    png = resvg_py.svg_to_bytes(svg_string=svg, **size, background="white", skip_system_fonts=True)
    return Image.open(io.BytesIO(bytes(png))).convert("RGB")


def lay_out(drawings: Iterable[Drawing], out: Path, side: int = 64) -> list[dict[str, str]]:
    """Write pictures and ``index.csv``.

    Returns:
        the rows: picture (path below ``out``), label, work, split.
    """
    paths: dict[str, str] = {}
    rows = []
    for drawing in drawings:
        picture = rasterise(drawing.svg, side)
        digest = hashlib.blake2b(picture.tobytes(), key=str(picture.size).encode()).hexdigest()
        if digest not in paths:
            paths[digest] = f"{drawing.label}/{drawing.work}.png"
            (out / drawing.label).mkdir(parents=True, exist_ok=True)
            picture.save(out / paths[digest])
        rows.append({"picture": paths[digest], "label": drawing.label, "work": drawing.work})
    splits = split_of_works(rows)
    rows = [{**row, "split": splits[row["work"]]} for row in rows]
    with (out / "index.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["picture", "label", "work", "split"])
        writer.writeheader()
        writer.writerows(rows)
    return rows


def split_of_works(rows: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Work -> ``train`` or ``test``, drawn by name; works that share a picture, directly or not, go together."""
    works = DisjointSet(row["work"] for row in rows)
    by_picture: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        by_picture[row["picture"]].append(row["work"])
    for first, *others in by_picture.values():
        for other in others:
            works.merge(first, other)
    return {work: "test" if _draw(min(works.subset(work))) < TEST else "train" for work in works}


def _draw(text: str) -> float:
    """In [0, 1), by the text alone, so that a new version of a package moves no old work."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=6).digest()) / 2**48


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=64)
    ways = parser.add_subparsers(dest="way", required=True)
    several = ways.add_parser("sets")
    several.add_argument("out", type=Path)
    several.add_argument("sets", nargs="+", metavar="LABEL=FOLDER")
    one = ways.add_parser("table")
    one.add_argument("out", type=Path)
    one.add_argument("folder", type=Path)
    one.add_argument("--labels", type=Path, required=True)
    one.add_argument("--key")
    one.add_argument("--names", type=Path)
    one.add_argument("--suffix", default="")
    args = parser.parse_args()
    if args.way == "sets":
        sets = {label: read_set(Path(folder)) for label, _, folder in (text.partition("=") for text in args.sets)}
        drawings, sources = drawings_by_set(sets), [f"{label}: {found.source}" for label, found in sets.items()]
    else:
        found = read_set(args.folder)
        drawings = drawings_by_table(found, read_labels(args.labels, args.key, args.names), args.suffix)
        sources = [found.source]
    rows = lay_out(drawings, args.out, args.side)
    (args.out / "SOURCES.md").write_text("".join(f"- {source}\n" for source in sources), encoding="utf-8")
    pictures = {row["picture"]: row["split"] for row in rows}
    held = sum(split == "test" for split in pictures.values())
    labels = {row["label"] for row in rows}
    print(f"{len(pictures)} pictures of {len(labels)} labels in {args.out}, {held} of them in test")


if __name__ == "__main__":
    main()
