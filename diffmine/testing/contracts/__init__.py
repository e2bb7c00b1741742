"""Contract tests, one module a kind: subclass them, give your component in a fixture, and pytest does the rest."""

from __future__ import annotations

from pkgutil import iter_modules

import pytest


def show_values() -> None:
    """Have pytest say which values a failed assertion of a contract compared, as it does in tests of a project's own.

    Once in every session of pytest, before the contracts are imported; importing this package does it for the first.
    """
    pytest.register_assert_rewrite(*(f"{__name__}.{module.name}" for module in iter_modules(__path__)))


show_values()
