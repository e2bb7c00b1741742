"""No process outlives the one that started it."""

from __future__ import annotations

import multiprocessing
import os
from multiprocessing.connection import wait
from threading import Thread

ORPHANED = 3
"""Exit status of a process whose parent is gone."""


def end_with_parent() -> None:
    """End this process within moments of its parent, however the parent ends; called once, at its start.

    For processes started by :mod:`multiprocessing`. Nothing is cleaned up, as after a kill.
    """
    Thread(target=_wait_for_parent, name="end with parent", daemon=True).start()


def _wait_for_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(ORPHANED)
