"""Deep-sky pictures by the kind of what they show, from Debian's package ``stellarium-data``.

::

    apt-get download stellarium-data && dpkg-deb -x stellarium-data_*.deb stellarium
    python benchmarks/deep_sky.py stellarium/usr/share/stellarium/nebulae/default data/sky
    diffmine run recipes/sky.toml

The planetarium Stellarium ships some 550 pictures by amateurs, observatories and surveys, with their credits, and a
catalogue of kinds. It writes one picture of each object, its middle square, ``SIDE`` pixels, and ``index.csv``
(picture, label, object, credit). Pictures that are part of a mosaic, and objects of rarer kinds, are left out.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import re
import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image, ImageOps

SIDE = 64
GALAXY, GLOBULAR, OPEN = "galaxy", "globular cluster", "open cluster"
PLANETARY, NEBULA = "planetary nebula", "emission nebula"
KINDS: Mapping[int, str] = {
    0: GALAXY,
    1: GALAXY,
    3: GALAXY,
    6: OPEN,
    7: GLOBULAR,
    11: PLANETARY,
    15: NEBULA,
    17: NEBULA,
}
"""Stellarium's numbers (``Nebula::NebulaType``): galaxies of three kinds, clusters, nebulae, H II regions."""
CATALOGUES: Mapping[str, str] = {"NGC": "n", "IC": "ic", "M": "m", "C": "c", "Sh2": "sh2-"}
"""Catalogues, and how files are named after their numbers."""
NUMBERS = ("NGC", "IC", "M", "C", "B", "Sh2", "VdB", "RCW", "LDN", "LBN", "Cr", "Mel", "PGC", "UGC")


@dataclass
class Reader:
    """A stream as Qt's ``QDataStream`` writes it: big-endian, text in UTF-16 after its length in bytes."""

    data: bytes
    at: int = field(default=0)

    def numbers(self, kind: str, count: int) -> tuple[float, ...]:
        """``count`` numbers of one of struct's kinds."""
        form = struct.Struct(f">{count}{kind}")
        self.at += form.size
        return form.unpack_from(self.data, self.at - form.size)

    def texts(self, count: int) -> list[str]:
        """``count`` texts; a length of -1 is none."""
        return [self._text() for _ in range(count)]

    def _text(self) -> str:
        (length,) = self.numbers("i", 1)
        start, self.at = self.at, self.at + max(0, int(length))
        return self.data[start : self.at].decode("utf-16-be")


def kinds(catalogue: Path) -> dict[str, int]:
    """What a file is named after, such as ``n1999`` -> the number of its kind; catalogue 3.16 (Stellarium 0.22)."""
    reader = Reader(gzip.decompress(catalogue.read_bytes()))
    version, _ = reader.texts(2)
    if version != "3.16":
        raise SystemExit(f"{catalogue} is of version {version}; this reads 3.16, of Stellarium 0.22")
    found = {}
    while reader.at < len(reader.data):
        reader.numbers("I", 1), reader.numbers("d", 4)
        (kind,) = reader.numbers("I", 1)
        reader.texts(1), reader.numbers("d", 2), reader.numbers("i", 1), reader.numbers("d", 6)
        named = dict(zip(NUMBERS, reader.numbers("I", len(NUMBERS)), strict=True))
        reader.texts(1), reader.numbers("I", 2), reader.texts(7), reader.numbers("I", 5)
        found |= {
            f"{CATALOGUES[name]}{number}": int(kind) for name, number in named.items() if number and name in CATALOGUES
        }
    return found


def pictures(folder: Path) -> Iterator[tuple[Path, str, str, str]]:
    """(file, label, object, credit) of one picture of each object."""
    kind_of, seen = kinds(folder / "catalog.dat"), set()
    text = (folder / "textures.json").read_text(encoding="utf-8")
    tiles = json.loads(re.sub(r"([\[,]\s*)(-?)\.(\d)", r"\g<1>\g<2>0.\3", text))["subTiles"]  # it writes -.97
    for tile in tiles:
        name = str(tile["imageUrl"])
        match = re.match(r"(m|n|ic|c|sh2-)(\d+)", name.lower())
        about = f"{match[1]}{int(match[2])}" if match else ""
        label = KINDS.get(kind_of.get(about, -1))
        if label and about not in seen and (folder / name).is_file():
            seen.add(about)
            credits = {key.lower(): value for key, value in tile.get("imageCredits", {}).items()}
            yield folder / name, label, about, str(credits.get("short", "unknown"))


def main() -> None:
    """Write the pictures and their table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    told = parser.parse_args()
    told.out.mkdir(parents=True, exist_ok=True)
    rows = []
    for path, label, about, credit in pictures(told.source):
        with Image.open(path) as image:
            square = ImageOps.fit(image.convert("RGBA").convert("RGB"), (SIDE, SIDE), Image.Resampling.LANCZOS)
            square.save(told.out / f"{about}.png")
        rows.append((f"{about}.png", label, about, credit))
    with (told.out / "index.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("picture", "label", "object", "credit"), *rows])
    for label, count in Counter(row[1] for row in rows).most_common():
        print(f"{count:4d} {label}")


if __name__ == "__main__":
    main()
