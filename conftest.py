"""What holds for every test, of the core and of the plugins."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def process_as_found() -> Iterator[None]:
    """A test leaves its process as it found it, or tests that come after it fail for no reason of their own."""
    before = _state()
    yield
    after = _state()
    changed = {name: after.get(name) for name, value in before.items() if after.get(name) != value}
    assert not changed, "the test changed its process; use monkeypatch, or change it back"


def _state() -> dict[str, Any]:
    """The folder, torch's threads, and the variables of the environment."""
    state: dict[str, Any] = {"folder": Path.cwd(), **os.environ}
    del state["PYTEST_CURRENT_TEST"]
    if (torch := sys.modules.get("torch")) is not None:
        state["threads"] = torch.get_num_threads()
    return state
