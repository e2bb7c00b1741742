"""The crops of a run as thumbnails, where they can be shown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.console import Console
from rich.text import Text

from diffmine.drawing.crops import crops
from diffmine.errors import DiffmineError
from diffmine.runs.contents import Contents
from diffmine.terminal.thumbnails import SIDE, can_show, strip
from diffmine.types import ByteArray


class Thumbnails:
    """Crops of a run's patches for a console.

    Attributes:
        shown: whether there are any: the terminal can show them, and the pictures can be opened.
        cause: why the pictures cannot be opened, where they cannot.
    """

    def __init__(self, contents: Contents, console: Console) -> None:
        self._contents, self.shown, self.cause = contents, can_show(console), ""

    def load(self, groups: Sequence[Sequence[int]]) -> list[Text]:
        """A strip for each group of rows of ``Run.patches``; every picture is opened once."""
        rows = [row for group in groups for row in group]
        if not self.shown or not rows:
            return [Text() for _ in groups]
        try:
            cut: ByteArray = crops(self._contents, rows, SIDE)
        except (DiffmineError, OSError) as error:
            self.shown, self.cause = False, str(error)
            return [Text() for _ in groups]
        ends = np.cumsum([len(group) for group in groups])[:-1]
        return [strip(part) for part in np.split(cut, ends)]
