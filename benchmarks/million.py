"""Time, memory and bytes by stage of a run over very many tiny pictures, which a scorer without a model mines.

    python benchmarks/million.py FOLDER --pictures 10000 100000 1000000

Pictures of 16 x 16 pixels and ten labels are written to FOLDER as webdataset shards of 10,000; a scorer that draws its
maps by the picture's digest stands for the model, so that what is measured is diffmine. Each size runs in a process of
its own, and a second one changes nothing but the clusterer. A table row a stage: seconds; the peak of resident memory
in it, of the process that drives the run (on systems without ``/proc``, up to then) and of a worker, where
``--workers`` asks for some; bytes in the store. Of two sizes, a last table says what a further picture takes.

    python benchmarks/million.py FOLDER --pictures 20000 100000 --until patches
"""

from __future__ import annotations

import argparse
import io
import json
import os
import resource
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

import diffmine
from diffmine import hookimpl
from diffmine.interfaces import ComponentConfig, Event, ModelTools, Progress, Quantity, Scoring, TypicalityScorer
from diffmine.types import ImageRecord, Picture, TypicalityMap

if TYPE_CHECKING:
    from collections.abc import Mapping

CLEAR = Path("/proc/self/clear_refs")
LABELS, SIDE, CELL, SHARD = 10, 16, 4, 10_000
RECIPE = {
    "name": "million",
    "seed": 1,
    "dataset": {"use": "webdataset", "holdout": 0.1, "mine": "all"},
    "scorer": {"use": "drawn-by-digest"},
    "patches": {"use": "top", "size": 8, "per_image": 2, "per_label": 1000},
    "features": {"use": "pixels"},
    "clusterer": {"use": "kmeans", "n_clusters": 32},
    "report": {"use": ["html"]},
}


class DrawnByDigest(TypicalityScorer):
    """Maps drawn at random by the picture's digest and the label; stands for a model that costs nothing."""

    name = "drawn-by-digest"
    needs_model = False
    quantity = Quantity("typicality", "a draw", "")
    Config = ComponentConfig

    def open(self, tools: ModelTools) -> Scoring:
        return Drawn()

    def labels_to_score(self, record: ImageRecord, labels: Sequence[str], seed: int) -> tuple[str, ...]:
        """The own label and the next one, which says what chance gives."""
        wrong = labels[(labels.index(record.labels[0]) + 1) % len(labels)]
        return tuple(dict.fromkeys((*record.labels, wrong)))


class Drawn(Scoring):
    """Scoring of ``drawn-by-digest``."""

    stride = CELL

    def score(
        self, pictures: Sequence[Picture], labels: Sequence[Sequence[str]], progress: Progress
    ) -> list[list[TypicalityMap]]:
        found = []
        for picture, wanted in zip(pictures, labels, strict=True):
            generator = np.random.default_rng(int(picture.record.digest[:16], 16))
            maps = generator.normal(size=(len(wanted), SIDE // CELL, SIDE // CELL)).astype(np.float32)
            found.append([TypicalityMap(picture.record.image_id, *pair) for pair in zip(wanted, maps, strict=True)])
            progress.advance()
        return found


@hookimpl
def diffmine_register_typicality_scorers() -> list[type[TypicalityScorer]]:
    """This file is a plugin, too."""
    return [DrawnByDigest]


def write_shards(folder: Path, pictures: int) -> Path:
    """Pictures of noise, a tenth of them of each label."""
    shards = folder / f"{pictures}"
    shards.mkdir(parents=True, exist_ok=True)
    for start in range(0, pictures, SHARD):
        path = shards / f"{start // SHARD:05d}.tar"
        if path.exists():
            continue
        generator = np.random.default_rng(start)
        temporary = path.with_suffix(".part")
        with tarfile.open(temporary, "w") as tar:
            for number in range(start, min(pictures, start + SHARD)):
                file = io.BytesIO()
                noise = generator.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
                Image.fromarray(noise).save(file, "png", compress_level=0)
                for extension, content in (("cls", f"label {number % LABELS}".encode()), ("png", file.getvalue())):
                    info = tarfile.TarInfo(f"{number:08d}.{extension}")
                    info.size = len(content)
                    tar.addfile(info, io.BytesIO(content))
        temporary.replace(path)
    return shards


def install(folder: Path) -> Path:
    """Metadata by which diffmine finds this file as a plugin."""
    metadata = folder / "site" / "diffmine_million-0.dist-info"
    metadata.mkdir(parents=True, exist_ok=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: diffmine-million\nVersion: 0\n")
    (metadata / "entry_points.txt").write_text("[diffmine]\nmillion = million\n")
    return metadata.parent


def fresh_peak() -> None:
    """Have the system measure the peak of resident memory anew, where it can."""
    if CLEAR.exists():
        CLEAR.write_text("5")


def peak() -> int:
    """The peak of this process's resident memory since then, bytes."""
    if CLEAR.exists():
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * int(next(line.split()[1] for line in lines if line.startswith("VmHWM")))
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def measured(folder: Path, recipe: Mapping[str, object], until: str | None) -> None:
    """Run a recipe here and print a line of JSON a stage."""

    def heard(event: Event) -> None:
        if event.what == "stage finished":
            worker = 1024 * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
            size = sum(file.stat().st_size for file in (folder / "store" / event.stage).rglob("*") if file.is_file())
            row = {"stage": event.stage, "seconds": event.seconds, "peak": peak(), "worker": worker, "bytes": size}
            print(json.dumps(row | {"reused": event.reused}), flush=True)
            fresh_peak()

    fresh_peak()
    diffmine.run(recipe, out=folder / "run", store=folder / "store", device="cpu", listener=heard, until=until)


def measured_apart(place: Path, recipe: Mapping[str, object], until: str | None) -> list[dict[str, Any]]:
    """What :func:`measured` prints in a process of its own."""
    path = os.pathsep.join([str(install(place.parent)), str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, __file__, str(place), "--recipe", json.dumps(recipe)]
    done = subprocess.run(
        command + (["--until", until] if until else []),
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def recipe_of(shards: Path, clusters: int, per_label: int, workers: int) -> dict[str, Any]:
    """The recipe over some shards."""
    recipe = json.loads(json.dumps(RECIPE))
    recipe["dataset"]["path"] = str(shards)
    recipe["clusterer"]["n_clusters"] = clusters
    recipe["patches"]["per_label"] = per_label
    if workers > 1:
        recipe["executor"] = {"use": "local", "workers": workers}
    return dict(recipe)


def print_growth(peaks: Mapping[int, Mapping[str, int]]) -> None:
    """What a further picture takes in memory, by stage, from the least number of pictures to the greatest."""
    few, many = min(peaks), max(peaks)
    print(f"\n| stage | bytes a further picture, {few} to {many} |\n|---|---|")
    for stage, most in peaks[many].items():
        print(f"| {stage} | {(most - peaks[few][stage]) / (many - few):.0f} |")


def main() -> None:
    """Print a table for each number of pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--until", help="the last stage; omitted: all, and once more with another clusterer")
    parser.add_argument(
        "--per-label", type=int, default=1000, help="patches of a label; with few, what does not grow costs little"
    )
    parser.add_argument("--workers", type=int, default=1, help="processes that score and extract")
    parser.add_argument("--recipe", help=argparse.SUPPRESS)
    told = parser.parse_args()
    folder = told.folder.resolve()
    if told.recipe:
        measured(folder, json.loads(told.recipe), told.until)
        return
    print("| pictures | stage | s | peak, MB | a worker's | stored, bytes a picture |\n|---|---|---|---|---|---|")
    peaks: dict[int, dict[str, int]] = {}
    for pictures in told.pictures:
        shards = write_shards(folder / "shards", pictures)
        for clusters in (32,) if told.until else (32, 16):
            recipe = recipe_of(shards, clusters, told.per_label, told.workers)
            rows = measured_apart(folder / f"run-{pictures}", recipe, told.until)
            for row in rows if clusters == 32 else []:
                worker = f"{row['worker'] / 1e6:.0f}" if told.workers > 1 else ""
                sizes = f"{row['peak'] / 1e6:.0f} | {worker} | {row['bytes'] / pictures:.0f}"
                print(f"| {pictures} | {row['stage']} | {row['seconds']:.1f} | {sizes} |", flush=True)
            peaks.setdefault(pictures, {row["stage"]: row["peak"] for row in rows})
            what = "all" if clusters == 32 else "only the clusterer changed"
            total, most = sum(row["seconds"] for row in rows), max(row["peak"] for row in rows)
            print(f"| {pictures} | **{what}** | {total:.1f} | {most / 1e6:.0f} | | |", flush=True)
    if len(peaks) > 1:
        print_growth(peaks)


if __name__ == "__main__":
    main()
