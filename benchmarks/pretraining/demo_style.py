"""Draw faces of the demo's own style, without anything that the demo is to find.

    python demo_style.py --out demo_style.npz      # about two minutes on two cores

A model that photographs are mined with has seen photographs before; so has this one seen faces of ``avataaars``, but no
hat, round glasses, full beard, eyepatch, overalls or turban of it: every variant that is the element of a town is left
out, and no picture is shared, since every face is drawn from a seed of its own.
"""

from __future__ import annotations

import argparse
import importlib.resources
import json
from concurrent.futures import ProcessPoolExecutor
from functools import cache

import numpy as np
from faces import save_faces
from PIL import Image
from pretrain import SIDE, random_colour, rasterise

from diffmine.builtin.datasets.avatar_drawing import ELEMENTS

STYLE = "avataaars"
COUNT = 12_000
WEARING = {"accessories": 0.5, "facialHair": 0.5}
"""Share of the faces that wear what a face can do without."""
NAMED = ("accessories", "clothes", "facialHair", "top")
"""The parts whose variants are attributes. Eyes, brows and mouths are drawn at random."""


@cache
def demo_style() -> tuple[object, dict[str, list[str]]]:
    """The style, and of each named part the variants but for the towns' elements."""
    from dicebear import Style

    definition = json.loads(importlib.resources.files("dicebear_styles").joinpath(f"{STYLE}.json").read_text())
    elements = {(element.part, element.variant) for element in ELEMENTS.values()}
    kept = {
        part: [variant for variant in definition["components"][part]["variants"] if (part, variant) not in elements]
        for part in NAMED
    }
    return Style(definition), kept


def draw(number: int) -> tuple[np.ndarray, list[str]]:
    """A face, and its attributes ``style/part/variant``."""
    from dicebear import Avatar

    style, variants_of = demo_style()
    rng = np.random.default_rng([11, number])
    options, worn = {"seed": f"demo-style-{number}", "size": 128}, []
    for part, variants in variants_of.items():
        wears = rng.random() < WEARING.get(part, 1.0)
        variant = variants[rng.integers(len(variants))]
        options |= {f"{part}Variant": [variant], f"{part}Probability": 100 if wears else 0}
        if wears:
            worn.append(f"{STYLE}/{part}/{variant}")
    face = Image.new("RGBA", (SIDE, SIDE), random_colour(rng))
    face.alpha_composite(rasterise(Avatar(style, options).to_string(), SIDE))
    return np.asarray(face.convert("RGB")), worn


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", default="demo_style.npz")
    out = parser.parse_args().out
    with ProcessPoolExecutor(2) as pool:
        pictures, attributes = zip(*pool.map(draw, range(COUNT), chunksize=100), strict=True)
    save_faces(out, pictures, attributes)


if __name__ == "__main__":
    main()
