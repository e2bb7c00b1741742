"""Settings for the whole suite."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

# Examples share the machine with trainings; how long one takes says nothing.
settings.register_profile("diffmine", deadline=None)
settings.load_profile("diffmine")


@pytest.fixture(autouse=True)
def own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test touches the user's store."""
    store = tmp_path / "store"
    monkeypatch.setenv("DIFFMINE_STORE", str(store))
    return store
