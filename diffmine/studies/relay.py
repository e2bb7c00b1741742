"""Events of runs in other processes, told to a listener in this one."""

from __future__ import annotations

import time
from dataclasses import replace
from queue import Empty, Queue

from diffmine.interfaces import Event, Listener

INTERVAL = 0.2
"""Seconds between two messages of one stage's progress."""


class Thinned:
    """A listener that passes events on, those of units and remarks a few times a second: each crosses processes."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._kept: dict[str, Event] = {}
        self._passed = 0.0

    def __call__(self, event: Event) -> None:
        if event.what not in ("advanced", "status"):
            self._pass_on()
            self._listener(event)
            self._passed = 0.0
            return
        so_far = self._kept[event.what].amount if event.what in self._kept else 0
        self._kept[event.what] = replace(event, amount=so_far + event.amount)
        if time.monotonic() - self._passed >= INTERVAL:
            self._pass_on()

    def _pass_on(self) -> None:
        for event in self._kept.values():
            self._listener(event)
        self._kept.clear()
        self._passed = time.monotonic()


def deliver(events: Queue[Event], listener: Listener) -> None:
    """Tell the listener all that was put into the queue so far."""
    while True:
        try:
            event = events.get_nowait()
        except Empty:
            return
        listener(event)
