"""Events that cross processes: none is lost, and the order that matters is kept."""

from __future__ import annotations

import multiprocessing
from itertools import groupby
from queue import Queue

from diffmine.interfaces import Event, Progress
from diffmine.studies.relay import Thinned, deliver


def work(events: Queue[Event]) -> None:
    """A stage in another process."""
    listener = Thinned(events.put)
    progress = Progress(listener, run="r", stage="finetune")
    progress.start(3000, "steps")
    progress.advance(1000)
    for step in range(2000):
        progress.advance()
        progress.status(f"loss {step}")
        if step == 1500:
            progress.warn("odd")
    listener(Event("stage finished", "r", "finetune", seconds=1.5))


def test_thinned_events_add_up_and_keep_their_order() -> None:
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager:
        events: Queue[Event] = manager.Queue()
        process = context.Process(target=work, args=(events,))
        process.start()
        process.join()
        heard: list[Event] = []
        deliver(events, heard.append)
    assert process.exitcode == 0
    kinds = [what for what, _ in groupby(event.what for event in heard if event.what != "status")]
    assert kinds == ["work started", "advanced", "warning", "advanced", "stage finished"]
    advanced = [event.amount for event in heard if event.what == "advanced"]
    assert advanced[0] == 1000, "what was done before is not mixed with what is done now"
    assert sum(advanced) == 3000
    assert [event.text for event in heard if event.what == "status"][-1] == "loss 1999"
    assert len(heard) < 500
    assert {(event.run, event.stage) for event in heard} == {("r", "finetune")}
