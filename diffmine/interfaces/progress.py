"""How running work tells a person how far it is: components call a ``Progress``, whoever shows it hears ``Event``s."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

What = Literal[
    "study started",
    "run started",
    "stage started",
    "work started",
    "advanced",
    "status",
    "warning",
    "stage finished",
    "run finished",
    "study finished",
]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a run; picklable, so that it crosses processes.

    =================  ================================================================================
    ``what``           which attributes say more
    =================  ================================================================================
    study started      ``names``: its runs, in order
    run started        ``names``: the stages ahead, in order
    stage started      it is this stage's turn; whether the store has it already is not known yet
    work started       ``amount``: units in all, ``unit``
    advanced           ``amount``: further units that are done
    status             ``text``: a short remark, in place of the last
    warning            ``text``: a sentence
    stage finished     ``seconds``, ``reused``: whether the store had it already
    run finished       ``seconds``, ``text``: in a study, why the run failed, or empty
    study finished     ``seconds``
    =================  ================================================================================

    Attributes:
        what: what happened.
        run: name of the run; empty for the two events of a study.
        stage: name of the stage; empty for events of a whole run or study.
        text: a sentence or remark.
        amount: units.
        unit: plural noun of what is counted, such as ``images``.
        names: of what lies ahead.
        seconds: wall time.
        reused: taken from the store.
    """

    what: What
    run: str = ""
    stage: str = ""
    text: str = ""
    amount: int = 0
    unit: str = ""
    names: tuple[str, ...] = ()
    seconds: float = 0.0
    reused: bool = False


Listener = Callable[[Event], None]
"""Hears what happens, in the process that was asked to run; ``list.append`` is one. Quick, as work waits for it."""


def nobody(event: Event) -> None:
    """Listen to nothing."""


class Progress:
    """What stages and components are handed to say how far they are; ``Progress()`` is one that nobody listens to.

    Whoever knows how much there is to do calls ``start``, and nobody else:

    - ``Dataset.prepare`` and ``Finetuner.finetune`` do, once they know; until then ``status`` can say what takes time.
    - In ``Scoring.score``, ``Executor.run`` and the shards of a ``Job`` the stage has done so already, for all shards:
      they only ``advance``.
    - A stage does for what it counts itself; ``Work.process`` does for a job.
    - Components that are not handed a ``Progress`` are counted by their stage.

    Args:
        listener: hears the events.
        run: name of the run, for its events.
        stage: name of the stage, for its events.
    Attributes:
        warnings: what was warned of so far, each sentence once.
    """

    def __init__(self, listener: Listener = nobody, *, run: str = "", stage: str = "") -> None:
        self.warnings: list[str] = []
        self._listener, self._run, self._stage = listener, run, stage

    def start(self, total: int, unit: str) -> None:
        """Work of ``total`` units begins (again); ``unit`` is a plural noun, such as ``images``."""
        self._listener(Event("work started", self._run, self._stage, amount=total, unit=unit))

    def advance(self, amount: int = 1) -> None:
        """``amount`` further units are done.

        The rate that people see is measured from the first call on: work that goes on after a stop first advances by
        what was done before, and other work, where a unit takes long, by 0.
        """
        self._listener(Event("advanced", self._run, self._stage, amount=amount))

    def status(self, text: str) -> None:
        """A short remark beside the bar, such as the current loss, in place of the last."""
        self._listener(Event("status", self._run, self._stage, text=text))

    def retell(self, event: Event) -> None:
        """Say as one's own what the progress of another process was told."""
        if event.what == "warning":
            self.warn(event.text)
        else:
            self._listener(replace(event, run=self._run, stage=self._stage))

    def warn(self, text: str) -> None:
        """A sentence that must reach the person and the run's list of warnings."""
        if text not in self.warnings:
            self.warnings.append(text)
            self._listener(Event("warning", self._run, self._stage, text=text))
