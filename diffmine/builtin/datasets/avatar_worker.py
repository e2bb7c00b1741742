"""A process that draws its share of the avatars: ``python -m diffmine.builtin.datasets.avatar_worker JSON``.

A process of its own, rather than one of ``multiprocessing``, so that a script that calls diffmine needs no
``if __name__ == "__main__"``, and nothing is forked from a process whose threads hold locks.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from PIL import Image
from pydantic import BaseModel, ConfigDict

from diffmine.builtin.datasets.avatar_drawing import draw
from diffmine.errors import DataError

MASKS = "masks"
PICTURES_PER_WORKER = 100
"""Fewer than this are not worth a further process."""


class Order(BaseModel):
    """What to draw, and where to.

    Attributes:
        folder: receives ``TOWN/INDEX.png``, and ``masks/TOWN/INDEX.png`` for the pictures that have the element.
        pictures: (town, index) of each picture to draw.
        seed, size, frequency: see :func:`diffmine.builtin.datasets.avatar_drawing.draw`.
    """

    model_config = ConfigDict(frozen=True)

    folder: Path
    pictures: list[tuple[str, int]]
    seed: int
    size: int
    frequency: float

    def missing(self) -> Order:
        """The pictures that are not drawn yet."""
        pictures = [picture for picture in self.pictures if not (self.folder / picture_path(*picture)).exists()]
        return self.model_copy(update={"pictures": pictures})

    def shares(self, count: int) -> list[Order]:
        """The order, dealt out to ``count`` workers."""
        return [self.model_copy(update={"pictures": self.pictures[start::count]}) for start in range(count)]


def picture_path(town: str, index: int) -> str:
    """Where a picture lies in the prepared folder; its mask lies at the same place under ``masks``."""
    return f"{town}/{index:05d}.png"


def draw_all(order: Order) -> Iterator[None]:
    """Draw an order on all cores; yields once for each picture that is done.

    Raises:
        DataError: a worker failed.
    """
    for town in {town for town, _ in order.pictures}:
        (order.folder / town).mkdir(parents=True, exist_ok=True)
        (order.folder / MASKS / town).mkdir(parents=True, exist_ok=True)
    count = min(os.cpu_count() or 1, -(-len(order.pictures) // PICTURES_PER_WORKER))
    with ExitStack() as stack:
        read_end, write_end = os.pipe()
        done = stack.enter_context(os.fdopen(read_end, "rb"))
        workers = []
        for share in order.shares(count):
            told, errors = (stack.enter_context(tempfile.TemporaryFile()) for _ in range(2))
            worker = _start(share, told, write_end, errors)
            stack.callback(_stop, worker)
            workers.append((worker, errors))
        os.close(write_end)
        for _ in done:
            yield
        _check(workers)


def _start(share: Order, told: IO[bytes], output: int, errors: IO[bytes]) -> subprocess.Popen[bytes]:
    told.write(share.model_dump_json().encode())
    told.seek(0)
    return subprocess.Popen([sys.executable, "-m", __name__], stdin=told, stdout=output, stderr=errors)


def _stop(worker: subprocess.Popen[bytes]) -> None:
    worker.terminate()
    worker.wait()


def _check(workers: Sequence[tuple[subprocess.Popen[bytes], IO[bytes]]]) -> None:
    for worker, errors in workers:
        if worker.wait() != 0:
            errors.seek(0)
            last_line = errors.read().decode(errors="replace").strip().rpartition("\n")[2]
            raise DataError(f"drawing the avatars failed (exit code {worker.returncode}): {last_line}")


def work(order: Order) -> None:
    """Draw the order's pictures and say so, line by line, on standard output."""
    for town, index in order.pictures:
        pixels, mask = draw(order.seed, town, index, order.size, order.frequency)
        path = picture_path(town, index)
        if mask is not None:
            _save(Image.fromarray(mask), order.folder / MASKS / path)
        _save(Image.fromarray(pixels), order.folder / path)  # last: a picture that exists is complete
        print(path, flush=True)


def _save(image: Image.Image, path: Path) -> None:
    draft = path.with_suffix(".draft")
    image.save(draft, format="PNG")
    draft.replace(path)


if __name__ == "__main__":
    work(Order.model_validate_json(sys.stdin.buffer.read()))
