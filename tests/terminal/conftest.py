"""Snapshots: what a view of a run or a study printed when it was last looked at.

After a wanted change write them anew with ``DIFFMINE_NEW_SNAPSHOTS=1 pytest tests/terminal``, and look at them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

SNAPSHOTS = Path(__file__).with_name("snapshots")


@pytest.fixture
def as_it_did() -> Callable[[str, str], None]:
    """Assert that a text is, but for blanks at the ends of lines, the snapshot of a name."""

    def check(name: str, text: str) -> None:
        lines = [line.rstrip() for line in text.splitlines()]
        path = SNAPSHOTS / f"{name}.txt"
        if os.environ.get("DIFFMINE_NEW_SNAPSHOTS"):
            path.parent.mkdir(exist_ok=True)
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        assert lines == path.read_text(encoding="utf-8").splitlines()

    return check
