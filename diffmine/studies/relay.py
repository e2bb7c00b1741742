"""Progress of runs in other processes, told to a watcher in this one."""

from __future__ import annotations

import time
from collections.abc import Callable
from multiprocessing.context import SpawnContext
from multiprocessing.managers import SyncManager
from queue import Empty, Queue
from types import TracebackType
from typing import Any, Self

from diffmine.engine.pipeline import Watcher
from diffmine.interfaces import Progress
from diffmine.processes.orphans import end_with_parent

INTERVAL = 0.2
"""Seconds between two messages of one stage's progress."""

Message = tuple[str, str, tuple[Any, ...]]
"""Name of the run, name of the method, its arguments."""


class Sender:
    """A watcher, and the progress of each stage, that sends every call to the process of its relay. Picklable."""

    def __init__(self, name: str, messages: Queue[Message]) -> None:
        self._name, self._messages = name, messages
        self._unsent, self._sent = 0, 0.0

    def begin(self) -> None:
        """The run begins."""
        self._send("begin")

    def stage_started(self, stage: str) -> Progress:
        self._send("stage_started", stage)
        return self

    def stage_finished(self, stage: str, seconds: float, reused: bool) -> None:
        self._flush()
        self._send("stage_finished", stage, seconds, reused)

    def start(self, total: int, unit: str) -> None:
        self._flush()
        self._send("start", total, unit)

    def advance(self, amount: int = 1) -> None:
        self._unsent += amount
        if time.monotonic() - self._sent >= INTERVAL:
            self._flush()

    def status(self, text: str) -> None:
        if time.monotonic() - self._sent >= INTERVAL:
            self._send("status", text)

    def warn(self, text: str) -> None:
        self._send("warn", text)

    def _flush(self) -> None:
        if self._unsent:
            self._send("advance", self._unsent)
            self._unsent, self._sent = 0, time.monotonic()

    def _send(self, method: str, *arguments: Any) -> None:
        self._messages.put((self._name, method, arguments))


class Relay:
    """Receives what senders send, and calls the watcher of each run when asked to.

    A sender's call returns when the relay has the message, so once a run's result is there, so are all its messages.

    Args:
        started: called with the name of a run that begins; gives its watcher.
    """

    def __init__(self, context: SpawnContext, started: Callable[[str], Watcher]) -> None:
        self._started = started
        self._manager = SyncManager(ctx=context)
        self._watchers: dict[str, Watcher] = {}
        self._progress: dict[str, Progress] = {}

    def __enter__(self) -> Self:
        self._manager.start(end_with_parent)
        self._messages: Queue[Message] = self._manager.Queue()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._manager.shutdown()

    def sender(self, name: str) -> Sender:
        """What a run in another process reports to."""
        return Sender(name, self._messages)

    def deliver(self) -> None:
        """Pass on all that was sent so far."""
        while True:
            try:
                message = self._messages.get_nowait()
            except Empty:
                return
            self._pass_on(*message)

    def _pass_on(self, name: str, method: str, arguments: tuple[Any, ...]) -> None:
        if method == "begin":
            self._watchers[name] = self._started(name)
        elif method == "stage_started":
            self._progress[name] = self._watchers[name].stage_started(*arguments)
        elif method == "stage_finished":
            self._watchers[name].stage_finished(*arguments)
        else:
            getattr(self._progress[name], method)(*arguments)
