"""What every exporter keeps."""

from __future__ import annotations

import re

import numpy as np

from diffmine.interfaces import Exporter
from diffmine.runs.contents import Contents
from diffmine.testing.contracts.shown import ShownRuns


class ExporterContract(ShownRuns):
    """Subclass this and return your exporter from a fixture ``exporter``."""

    def test_its_suffix_is_one(self, exporter: Exporter) -> None:
        assert re.fullmatch(r"(\.[a-z0-9]+)+", exporter.suffix)

    def test_every_patch_can_be_exported(self, exporter: Exporter, contents: Contents) -> None:
        rows = np.arange(contents.run.patches.num_rows)
        content = exporter.export(contents, rows)
        assert isinstance(content, bytes)
        assert content
        assert exporter.export(contents, rows) == content, "equal patches give equal files"

    def test_the_rows_asked_for_decide(self, exporter: Exporter, contents: Contents) -> None:
        some = np.arange(contents.run.patches.num_rows)[:4]
        assert exporter.export(contents, some) != exporter.export(contents, some[:2])
        assert exporter.export(contents, some) != exporter.export(contents, some[::-1].copy())

    def test_no_patches_are_an_empty_file_and_no_error(self, exporter: Exporter, contents: Contents) -> None:
        assert isinstance(exporter.export(contents, np.empty(0, dtype=np.int64)), bytes)
