"""What the driver does: keep workers at work, pass on what they say, give out again what was lost, until it is done."""

from __future__ import annotations

import pickle
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import RayError

from diffmine.errors import WorkerError
from diffmine.interfaces import Event, Job
from diffmine_ray.answering import LOOK
from diffmine_ray.cluster import Cluster
from diffmine_ray.shards import Shards, wait
from diffmine_ray.working import Told

Tell = Callable[[list[Event]], None]


@dataclass
class Hand:
    """A worker, as the driver knows it.

    Attributes:
        actor: Ray's handle.
        arrival: answered with its host once the cluster has room for it.
        opening: answered once it has opened the job.
        host: where it is; empty: it waits for room.
        is_open: whether it has opened the job.
        held: the shards that it has in hand, by their answers, in the order given.
    """

    actor: Any
    arrival: Any
    opening: Any
    host: str = ""
    is_open: bool = False
    held: dict[Any, int] = field(default_factory=dict)

    def awaited(self) -> Any | None:
        """The answer to be waited for; of shards the oldest, so that what it died of is the first without a result."""
        if not self.host:
            return self.arrival
        return next(iter(self.held), None) if self.is_open else self.opening


class Conductor:
    """Workers that share the shards of a job.

    Args:
        cluster: the connection.
        work: the pickled job.
        shards: numbers of the shards to do.
        tell: receives what the shards that are done have said.
    """

    def __init__(self, cluster: Cluster, work: bytes, shards: Sequence[int], tell: Tell) -> None:
        self._cluster, self._config, self._tell = cluster, cluster.config, tell
        self._pickled, self._work = work, ray.put(work)
        self._shards = Shards(shards, backoff=self._config.backoff)
        self._hands: list[Hand] = []
        self._lost_at_opening = 0
        self._started = self._enlist_from = time.monotonic()
        self._said_that_it_waits = False

    def conduct(self) -> None:
        """Return when all shards are done.

        Raises:
            Exception: the first that a shard raised.
            WorkerError: a shard was in hand when too many workers died, or the cluster is gone.
        """
        try:
            while self._shards.unfinished:
                self._cluster.look()
                self._enlist()
                self._give_out()
                self._say_that_it_waits()
                self._wait()
        finally:
            for hand in self._hands:
                ray.kill(hand.actor)

    def _wait(self) -> None:
        """Until someone answers, or it is time to look at the cluster."""
        asked = {answer: hand for hand in self._hands if (answer := hand.awaited()) is not None}
        if not asked:
            time.sleep(LOOK)
            return
        for answer in ray.wait(list(asked), timeout=LOOK)[0]:
            self._hear(asked[answer], answer)

    def _enlist(self) -> None:
        """Ask for workers, as many as there shall be."""
        if time.monotonic() < self._enlist_from:
            return
        wanted = min(self._config.num_workers or self._cluster.room, self._shards.unfinished)
        while len(self._hands) < wanted:
            actor = self._cluster.worker()
            self._hands.append(Hand(actor, actor.host.remote(), actor.open.remote(self._work, self._config.device)))

    def _give_out(self) -> None:
        at_work = [hand for hand in self._hands if hand.is_open]
        held = [list(hand.held.values()) for hand in at_work]
        for worker, shard in self._shards.deal(held, self._config.batch, time.monotonic()):
            hand = at_work[worker]
            hand.held[hand.actor.process.remote(shard)] = shard

    def _hear(self, hand: Hand, answer: Any) -> None:
        try:
            told = ray.get(answer)
        except RayError as error:
            self._lose(hand, why(error))
            return
        if answer == hand.arrival:
            hand.host = told
            return
        self._tell(told.events)
        if told.failure:
            raise told.failure.exception()
        if answer == hand.opening:
            hand.is_open, self._lost_at_opening = True, 0
        else:
            del hand.held[answer]
            self._shards.finish()

    def _lose(self, hand: Hand, cause: str) -> None:
        """A worker is gone: what it was at is tried again after a while, what it had besides at once."""
        self._hands.remove(hand)
        ray.kill(hand.actor)  # where Ray has only lost sight of it
        if not hand.is_open:
            self._lost_at_opening += 1
            if self._lost_at_opening > self._config.retries:
                raise WorkerError(
                    f"{self._lost_at_opening} workers on end died while they opened the job, the last one because "
                    f"{cause}; what was finished is kept; Ray's logs are in /tmp/ray/session_latest/logs of "
                    f"{hand.host or 'the head'}"
                )
            self._enlist_from = time.monotonic() + wait(self._lost_at_opening, self._config.backoff)
            return
        at, *besides = hand.held.values()
        self._shards.put_back(besides)
        losses = self._shards.lose(at, time.monotonic())
        if losses > self._config.retries:
            job: Job = pickle.loads(self._pickled)
            raise WorkerError(
                f"{losses} workers died while they processed {job.contents(at)}, the last one on {hand.host} because "
                f"{cause}; what was finished is kept; see whether one of these is too large for a worker's memory, or "
                "raise executor.retries"
            )

    def _say_that_it_waits(self) -> None:
        waited = time.monotonic() - self._started
        if waited < self._config.patience or self._said_that_it_waits or not self._hands:
            return
        if not any(hand.host for hand in self._hands):
            self._said_that_it_waits = True
            text = f"no worker could start within {waited:.0f} s: other work holds the Ray cluster's GPUs or cores"
            self._tell([Event("warning", text=text)])


def run_task(cluster: Cluster, work: bytes, tell: Tell) -> Any:
    """Have one worker do a task, or another one after it died.

    Raises:
        Exception: as the task raised it.
        WorkerError: too many workers died.
    """
    config, shared, attempt = cluster.config, ray.put(work), 0
    while True:
        worker = cluster.worker()
        try:
            stream = worker.run.options(num_returns="streaming").remote(shared, config.device)
            return _heard(cluster, stream, tell)
        except RayError as error:
            attempt += 1
            if attempt > config.retries:
                raise WorkerError(
                    f"{attempt} workers died while they finetuned, the last one because {why(error)}; what was "
                    "finished is kept; run it again, with more memory or a smaller finetune.batch_size"
                ) from error
        finally:
            ray.kill(worker)
        time.sleep(wait(attempt, config.backoff))


def _heard(cluster: Cluster, stream: Any, tell: Tell) -> Any:
    while True:
        ready, _ = ray.wait([stream], timeout=LOOK)
        cluster.look()
        if not ready:
            continue
        told: Told = ray.get(next(stream))
        tell(told.events)
        if told.failure:
            raise told.failure.exception()
        if told.over:
            return told.result


def why(error: RayError) -> str:
    """Why a worker is gone, of all that Ray says about it."""
    text = " ".join(str(error).split())
    found = re.search(r"(?:because|due to) (.+?)\. ", text + " ")
    return found[1] if found else text.partition(". ")[0]
