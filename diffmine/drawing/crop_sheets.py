"""Crops side by side in one file: few files, and a browser decodes only the sheets that are looked at."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock

import numpy as np
from PIL import Image

from diffmine.drawing.crops import crops
from diffmine.errors import ArtifactError
from diffmine.runs.contents import Contents, Rows
from diffmine.types import ByteArray

COLUMNS = 32
EDGE = 1
"""Each crop is framed by its own border pixels, so that a scaled crop does not take colour from its neighbour."""
PLAN, PLANNED_ROWS = "crops.json", "crops.npy"


@dataclass(frozen=True, slots=True)
class Sheet:
    """One file of crops.

    Attributes:
        file: its name.
        start: the first of its crops; the others follow.
        count: number of its crops.
        held: whether the file lies there; one that does not is drawn when it is asked for.
    """

    file: str
    start: int
    count: int
    held: bool = True


def draw_sheet(contents: Contents, rows: Rows, size: int, quality: int) -> bytes:
    """Crops of some rows of ``Run.patches`` as WebP.

    Args:
        size: side of a crop, pixels.
        quality: 0 to 100.
    """
    buffer = io.BytesIO()
    Image.fromarray(tile(crops(contents, rows, size))).save(buffer, "WEBP", quality=quality, method=4)
    return buffer.getvalue()


def tile(cells: ByteArray) -> ByteArray:
    """Crops side by side, ``COLUMNS`` in a row, each with its edge.

    Args:
        cells: uint8, (crops, size, size, 3).
    """
    framed = np.pad(cells, ((0, 0), (EDGE, EDGE), (EDGE, EDGE), (0, 0)), mode="edge")
    columns = min(COLUMNS, len(framed))
    rows = -(-len(framed) // columns)
    pitch = framed.shape[1]
    canvas = np.zeros((rows * columns, pitch, pitch, 3), dtype=np.uint8)
    canvas[: len(framed)] = framed
    tiled: ByteArray = canvas.reshape(rows, columns, pitch, pitch, 3).swapaxes(1, 2).reshape(rows * pitch, -1, 3)
    return tiled


def write_plan(sheets: Sequence[Sheet], rows: Rows, folder: Path, size: int, quality: int) -> None:
    """Write which rows of ``Run.patches`` the sheets of a folder show, so that those left out can be drawn later."""
    told = {"size": size, "quality": quality, "sheets": [asdict(one) for one in sheets if not one.held]}
    (folder / PLAN).write_text(json.dumps(told), encoding="utf-8")
    np.save(folder / PLANNED_ROWS, rows.astype(np.uint32))


class SheetsOnDemand:
    """Draws the sheets that a report left out, one at a time, when they are asked for.

    Args:
        contents: of the run that the report shows.
        folder: the report's.
    Raises:
        ArtifactError: the plan is damaged, or of another run.
    """

    def __init__(self, contents: Contents, folder: Path) -> None:
        self._contents, self._one_at_a_time = contents, Lock()
        try:
            told = json.loads((folder / PLAN).read_text(encoding="utf-8"))
            self._rows = np.load(folder / PLANNED_ROWS, allow_pickle=False).astype(np.int64)
            self._sheets = {one["file"]: Sheet(**one) for one in told["sheets"]}
            self._size, self._quality = int(told["size"]), int(told["quality"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ArtifactError(f"{folder / PLAN} cannot be read: {error}; make the report anew") from None
        if len(self._rows) and self._rows.max() >= contents.run.patches.num_rows:
            raise ArtifactError(f"{folder} shows another run than {contents.run.path}; make the report anew")

    def __call__(self, file: str) -> bytes | None:
        """The sheet of that name; None where the report knows none that it has left out."""
        if (sheet := self._sheets.get(file)) is None:
            return None
        rows = self._rows[sheet.start : sheet.start + sheet.count]
        with self._one_at_a_time:
            return draw_sheet(self._contents, rows, self._size, self._quality)
