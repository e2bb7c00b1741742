"""The runs that contracts of figures, exporters, columns and views look at."""

from __future__ import annotations

import pytest

from diffmine.runs.contents import Contents
from diffmine.testing.toy_runs import write_toy_run


class ShownRuns:
    """A run like any other, and one whose labels and file names try to break out of wherever they are put."""

    @pytest.fixture(scope="class", params=["plain", "hostile"])
    @classmethod
    def contents(cls, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Contents:
        folder = tmp_path_factory.mktemp(request.param)
        return Contents(write_toy_run(folder, hostile=request.param == "hostile", clusters=2, members=6))
