"""Draw faces of freely licensed styles whose parts are known: which variant of which component each one wears.

    python faces.py --out faces.npz            # about two minutes on two cores

Of every component a few variants are kept (by seed), so that each is seen often. ``avataaars``, which the demo draws
from, is left out, as in the corpus.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

import numpy as np
from pretrain import licensed_styles, place, rasterise

STYLES = [
    "adventurer",
    "big-ears",
    "big-smile",
    "croodles",
    "dylan",
    "lorelei",
    "micah",
    "miniavs",
    "notionists",
    "open-peeps",
    "personas",
    "pixel-art",
    "toon-head",
]
VARIANTS = 5
COUNT = 1100


def draw_style(name: str) -> tuple[list[np.ndarray], list[list[str]]]:
    """Pictures of a style, and the attributes ``style/component/variant`` of each."""
    from dicebear import Avatar, Style

    definition = licensed_styles()[name]
    style, rng = Style(definition), np.random.default_rng([7, sum(name.encode())])
    kept = {}
    for component, part in definition["components"].items():
        variants = sorted(part.get("variants", {}))
        kept[component] = [variants[i] for i in rng.permutation(len(variants))[:VARIANTS]]
    pictures, attributes = [], []
    for number in range(COUNT):
        options, worn = {}, []
        for component, variants in kept.items():
            optional = definition["components"][component].get("probability") is not None
            if not variants:
                continue
            variant = variants[rng.integers(len(variants))]
            options[f"{component}Variant"] = [variant]
            if optional:
                wears = rng.random() < 0.5
                options[f"{component}Probability"] = 100 if wears else 0
                if not wears:
                    continue
            if len(variants) > 1 or optional:
                worn.append(f"{name}/{component}/{variant}")
        svg = Avatar(style, {"seed": f"faces-{name}-{number}", "size": 128, **options}).to_string()
        pictures.append(place(lambda side, svg=svg: rasterise(svg, side), rng))
        attributes.append(worn)
    return pictures, attributes


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", default="faces.npz")
    out = parser.parse_args().out
    pictures, attributes = [], []
    with ProcessPoolExecutor(2) as pool:
        for some, worn in pool.map(draw_style, STYLES):
            pictures += some
            attributes += worn
    save_faces(out, pictures, attributes)


def save_faces(path: str, pictures: Sequence[np.ndarray], attributes: Sequence[list[str]]) -> None:
    """Save pictures ``X``, the rows ``A`` of their attributes in ``names``, filled up with -1, and ``names``."""
    names = sorted({one for worn in attributes for one in worn})
    index = {name: row for row, name in enumerate(names)}
    widest = max(map(len, attributes))
    table = np.full((len(attributes), widest), -1, np.int16)
    for row, worn in enumerate(attributes):
        table[row, : len(worn)] = [index[name] for name in worn]
    np.savez(path, X=np.stack(pictures), A=table, names=np.array(names))
    print(len(pictures), "faces", len(names), "attributes")


if __name__ == "__main__":
    main()
