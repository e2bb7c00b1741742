"""What executors cost: milliseconds a shard, efficiency with many workers, and a simulated run of a million pictures.

    python benchmarks/executors.py [overhead] [scaling] [simulation]

A few minutes; needs ``plugins/diffmine-ray``. Shards sleep in place of a model, so that workers do not take each
other's cores: what is measured is what executors add. Starting workers is left out: they wait for each other once they
have opened the job. In the simulation GPUs are simulated; the shards are dealt out by the executor's own code.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from diffmine_ray.executor import Ray
from diffmine_ray.shards import Shards, wait

from diffmine.builtin.executors.local import Local
from diffmine.interfaces import Event, Executor, Job, ProcessShard, Progress

MOST = 8
"""Workers at most."""


@dataclass(frozen=True)
class Sleeping(Job):
    """Shards that take the same time each, whatever the machine; workers begin together."""

    folder: Path
    count: int
    seconds: float
    workers: int
    unit = "shards"

    @property
    def sizes(self) -> Sequence[int]:  # type: ignore[override]
        """One unit each."""
        return [1] * self.count

    def open(self, device: str) -> ProcessShard:
        """Wait for the others."""
        (self.folder / str(os.getpid())).touch()
        while len(list(self.folder.iterdir())) < self.workers:
            time.sleep(0.01)

        def process(number: int, progress: Progress) -> None:
            time.sleep(self.seconds)
            progress.advance()

        return process


def wall(executor: Executor, count: int, seconds: float, workers: int) -> float:
    """Seconds from when the workers begin until the last shard is done."""
    times: list[float] = []

    def listen(event: Event) -> None:
        times.append(time.time())

    with tempfile.TemporaryDirectory() as folder:
        job = Sleeping(Path(folder), count, seconds, workers)
        executor.run(job, range(count), device="cpu", progress=Progress(listen))
        begun = max(path.stat().st_mtime for path in Path(folder).iterdir())
    return times[-1] - begun


def executors(address: str, workers: int) -> dict[str, Executor]:
    """By what they are called in the tables."""
    local = Local(Local.Config(workers=workers))
    by_batch = {
        f"ray, batch = {batch}": Ray(Ray.Config(address=address, num_workers=workers, batch=batch)) for batch in (1, 2)
    }
    return {"local": local, **by_batch}


def overhead(address: str, count: int = 200, seconds: float = 0.02) -> None:
    """Milliseconds that a shard takes beyond its own."""
    for workers in (1, 2):
        for name, executor in executors(address, workers).items():
            took = wall(executor, count, seconds, workers)
            print(f"{name}, {workers} workers: {1000 * (took * workers / count - seconds):.1f} ms a shard", flush=True)


def scaling(address: str, each: int = 20, seconds: float = 0.5) -> None:
    """Share of the workers' time in which they are at a shard."""
    for workers in (1, 2, 4, MOST):
        for name, executor in executors(address, workers).items():
            count = each * workers
            took = wall(executor, count, seconds, workers)
            print(f"{name}, {workers} workers: {count * seconds / (workers * took):.3f}", flush=True)


@dataclass(frozen=True)
class Site:
    """What is simulated; times in seconds.

    Attributes:
        pictures, shard: how many, and how many in a shard.
        gpus: how many at a time.
        rate: pictures a second on a GPU, as measured with Stable Diffusion 1.5 and 100 draws on an H100.
        jitter: standard deviation of the logarithm of a shard's time.
        slow_gpus, slow_by: share of GPUs that take longer, and how many times so.
        slow_shards, slow_shards_by: the same of shards, as of pictures from a busy disk.
        between_deaths: mean time between two deaths of one worker.
        until_replaced: until a dead one's place is taken.
        to_open: until a new worker has loaded the model.
        overhead: of the driver for each shard, one after the other.
        batch, backoff: options of the executor.
    """

    pictures: int = 1_000_000
    shard: int = 32
    gpus: int = 64
    rate: float = 1.22
    jitter: float = 0.1
    slow_gpus: float = 0.05
    slow_by: float = 2.0
    slow_shards: float = 0.01
    slow_shards_by: float = 3.0
    between_deaths: float = 24 * 3600.0
    until_replaced: float = 600.0
    to_open: float = 60.0
    overhead: float = 0.005
    batch: int = 2
    backoff: float = 1.0


@dataclass
class Worker:
    """A simulated GPU with what it has in hand; the first of that is what it is at, since some time."""

    slowness: float
    held: list[int] = field(default_factory=list)
    since: float = 0.0


def simulate(site: Site, seed: int = 0) -> dict[str, float]:
    """A run, event by event: workers come, finish a shard, die; what they had in hand has waited."""
    draw = random.Random(seed)
    count = -(-site.pictures // site.shard)
    length = [
        site.shard
        / site.rate
        * draw.lognormvariate(0, site.jitter)
        * (site.slow_shards_by if draw.random() < site.slow_shards else 1.0)
        for _ in range(count)
    ]
    shards, losses = Shards(range(count), backoff=site.backoff), Counter[int]()
    events: list[tuple[float, int, str, int]] = []
    workers: dict[int, Worker] = {}
    ticket = itertools.count()
    now = at_work = in_vain = driver_free = 0.0
    deaths = 0

    def at(when: float, what: str, who: int) -> None:
        heapq.heappush(events, (when, next(ticket), what, who))

    def begin(when: float, who: int) -> None:
        one = workers[who]
        one.since = when
        at(when + length[one.held[0]] * one.slowness, "finished", who)

    for gpu in range(site.gpus):
        at(site.to_open, "came", gpu)
    while shards.unfinished:
        now, _, what, who = heapq.heappop(events)
        if what == "came":
            workers[who] = Worker(site.slow_by if draw.random() < site.slow_gpus else 1.0)
            at(now + draw.expovariate(1 / site.between_deaths), "died", who)
        elif what == "finished" and who in workers:
            one = workers[who]
            at_work += length[one.held.pop(0)] * one.slowness
            shards.finish()
            if one.held:
                begin(now, who)
        elif what == "died":
            gone = workers.pop(who)
            deaths += 1
            if gone.held:
                losses[gone.held[0]] = shards.lose(gone.held[0], now)
                shards.put_back(gone.held[1:])
                in_vain += max(0.0, now - gone.since)
                at(now + wait(losses[gone.held[0]], site.backoff), "waited", who)
            at(now + site.until_replaced + site.to_open, "came", who + site.gpus)
        at_hand = list(workers)
        for number, shard in shards.deal([workers[one].held for one in at_hand], site.batch, now):
            one = workers[at_hand[number]]
            one.held.append(shard)
            driver_free = max(driver_free, now) + site.overhead
            if len(one.held) == 1:
                begin(driver_free, at_hand[number])
    ideal = sum(length) / site.gpus
    return {
        "hours": now / 3600,
        "of ideal": ideal / now,
        "workers at a shard": at_work / (site.gpus * now),
        "deaths": deaths,
        "shards lost": losses.total(),
        "most losses of a shard": max(losses.values(), default=0),
        "GPU hours in vain": in_vain / 3600,
    }


def simulation() -> None:
    """Print runs of a million pictures on 64 GPUs."""
    never = 1e12
    sites = {
        "nothing goes wrong": Site(jitter=0, slow_gpus=0, slow_shards=0, between_deaths=never),
        "stragglers": Site(between_deaths=never),
        "stragglers and deaths": Site(),
        "the same, batch = 1": Site(batch=1),
        "the same, batch = 4": Site(batch=4),
        "a death an hour for each GPU": Site(between_deaths=3600.0),
    }
    for name, site in sites.items():
        print(name, {key: round(value, 3) for key, value in simulate(site).items()}, flush=True)


def main() -> None:
    """Do what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = {"overhead": overhead, "scaling": scaling}
    parser.add_argument("parts", nargs="*", help="overhead, scaling, simulation; all, where none is named")
    asked = parser.parse_args().parts or [*parts, "simulation"]
    if measured := [parts[name] for name in asked if name in parts]:
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        from ray.cluster_utils import Cluster

        cluster = Cluster()
        cluster.add_node(num_cpus=MOST, include_dashboard=False)
        for measure in measured:
            measure(cluster.address)
        cluster.shutdown()  # type: ignore[no-untyped-call]
    if "simulation" in asked:
        simulation()


if __name__ == "__main__":
    import executors as importable  # so that workers find its job, whose module cannot be __main__

    importable.main()
