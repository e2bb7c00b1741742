"""What every kind of figure keeps."""

from __future__ import annotations

import numpy as np
import pytest

from diffmine.interfaces import Figure
from diffmine.runs.contents import Contents
from diffmine.testing.contracts.shown import ShownRuns


class FigureContract(ShownRuns):
    """Subclass this and return your figure from a fixture ``figure``."""

    def test_it_says_how_much_it_shows_by_default(self, figure: Figure) -> None:
        assert figure.rows >= 1
        assert figure.columns >= 1

    @pytest.mark.parametrize("size", [None, (1, 1), (2, 30)])
    def test_panels_are_pictures_of_their_label(
        self, figure: Figure, contents: Contents, size: tuple[int, int] | None
    ) -> None:
        rows, columns = size or (figure.rows, figure.columns)
        for label in contents.labels:
            panel = figure.panel(contents, label, rows, columns)
            assert panel.title == label
            assert panel.image.dtype == np.uint8
            assert panel.image.ndim == 3
            assert panel.image.shape[2] == 3
            assert panel.image.size > 0
            assert all(isinstance(name, str) for name in panel.names)
            assert len(panel.names) > 0, "a name for each row, empty where there is nothing to say"
            assert panel.scale is None or panel.scale > 0

    def test_panels_are_the_same_again(self, figure: Figure, contents: Contents) -> None:
        label = contents.labels[0]
        first, again = (figure.panel(contents, label, figure.rows, figure.columns) for _ in range(2))
        assert np.array_equal(first.image, again.image)
        assert list(first.names) == list(again.names)
