"""Memory that the records of very many pictures take, in the steps of a run that hold all of them; no picture is there.

    python benchmarks/records.py FOLDER --pictures 1000000

The steps are those of the stage ``images`` after decoding, of a worker that reads fifty shards all over the file, and
of the process that drives scoring. Each of the three is a process of its own; a table row a step: the peak of resident
memory in it, and processor seconds. Needs Linux.
"""

from __future__ import annotations

import argparse
import hashlib
import pickle
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from diffmine.builtin.stages.images import Verified, merge_duplicates
from diffmine.builtin.stages.splitting import choose_mined, deal, split
from diffmine.builtin.stages.typicality import INDEX, SHARD_SIZE, by_fold
from diffmine.numerics.choosing import choose
from diffmine.runs.records import Records, RecordsById, read_labels, read_records, write_records
from diffmine.runs.typicality_maps import ScoredIndex
from diffmine.types import ImageRecord, Item

LABELS, TAR = 10, 10_000
Step = Callable[[str], None]
"""Told when a step is over."""


def stepper(process: str) -> Step:
    """Prints a row when a step is over."""
    started = time.process_time()

    def over(name: str) -> None:
        nonlocal started
        lines = Path("/proc/self/status").read_text().splitlines()
        peak = int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) / 1e3
        print(f"| {process} | {name} | {peak:.0f} | {time.process_time() - started:.1f} |", flush=True)
        started = time.process_time()
        Path("/proc/self/clear_refs").write_text("5")

    over("start")
    return over


def verified(item: Item) -> ImageRecord:
    """What decoding would tell."""
    return Verified(item, digest=hashlib.sha256(item.path.encode()).hexdigest(), width=16, height=16).record


def images(file: Path, pictures: int) -> None:
    """What the stage ``images`` does after decoding."""
    over = stepper("images")
    listed = (
        Item(f"{number // TAR:05d}.tar/{number:08d}.png", (f"label {number % LABELS}",)) for number in range(pictures)
    )
    items = choose(listed, None, None, 1)
    over("listed")
    found = Records.of(map(verified, items))
    over("verified")
    records, _ = merge_duplicates(found)
    over("copies merged")
    records = choose_mined(deal(split(records, 0.1, 1), 2, 1), "all", None, 1)
    over("split")
    write_records(records, file)
    over("written")


def worker(file: Path, pictures: int) -> None:
    """What a worker reads."""
    over = stepper("worker")
    read_labels(file)
    over("labels read")
    for start in range(0, pictures, pictures // 50):
        read_records(file, range(start, min(start + SHARD_SIZE, pictures)))
    over("50 shards read")


def driver(file: Path, pictures: int) -> None:
    """What the process that drives scoring holds."""
    over = stepper("driver")
    records = read_records(file)
    over("records read")
    pickle.dumps(by_fold(records, np.flatnonzero(records.scored)))
    over("job pickled")
    ids, rows = np.repeat(np.arange(pictures), 2), 2 * pictures
    labels, roles = pa.array(["own label", "wrong label"]), pa.array(["own", "null"])
    columns = [records.table["image_id"].take(ids), labels.take(np.arange(rows) % 2), ids // SHARD_SIZE]
    table = pa.table([*columns, roles.take(np.arange(rows) % 2), pa.nulls(rows)], INDEX.names).cast(INDEX)
    pq.write_table(table, file.with_name("index.parquet"))
    del ids, columns, table
    over("index written")
    index, by_id = ScoredIndex.read(file.with_name("index.parquet")), RecordsById(records)
    for place in range(0, pictures, max(1, pictures // 1000)):
        index.of(by_id[records[place].image_id].image_id)
    over("index read, 1,000 pictures looked up")
    for label in records.labels:
        records.carrying(label)
    over("carriers of each label")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=1_000_000)
    parser.add_argument("--process", choices=["images", "worker", "driver"], help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.process:
        {"images": images, "worker": worker, "driver": driver}[told.process](
            told.folder / "images.parquet", told.pictures
        )
        return
    told.folder.mkdir(parents=True, exist_ok=True)
    print("| process | step | peak, MB | s |\n|---|---|---|---|", flush=True)
    for process in ("images", "worker", "driver"):
        command = [sys.executable, __file__, str(told.folder), "--pictures", str(told.pictures), "--process", process]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
