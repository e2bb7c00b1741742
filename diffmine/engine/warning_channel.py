"""The one way of warnings to a run's list, from every component and in every process."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from diffmine.errors import DiffmineWarning


@contextmanager
def routed_warnings(warn: Callable[[str], None]) -> Iterator[None]:
    """Send the text of every ``DiffmineWarning`` to ``warn``; leave other warnings to Python."""
    with warnings.catch_warnings():
        previous = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *rest: Any, **named: Any) -> None:
            if issubclass(category, DiffmineWarning):
                warn(str(message))
            else:
                previous(message, category, *rest, **named)

        warnings.simplefilter("always", DiffmineWarning)
        warnings.showwarning = show
        yield
