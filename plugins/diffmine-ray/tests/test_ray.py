"""Executor ``ray`` on a real cluster of several nodes on this machine, which are killed."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diffmine_ray.executor import Ray
from pydantic import ValidationError
from safetensors.numpy import load_file

import diffmine
from diffmine.builtin.executors.local import Local
from diffmine.engine.shards import process
from diffmine.errors import WorkerError
from diffmine.files.atomic import shard_is_done
from diffmine.files.shards import commit_shard, shard_path
from diffmine.interfaces import Event, Executor, Job, ProcessShard, Progress, Task
from diffmine.testing.contracts.executors import ExecutorContract
from diffmine.testing.tiny_recipe import write_tiny_recipe

ROOT = Path(__file__).parent.parent.parent.parent


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head and another node, with room for a worker each."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112 - its name; or tests wait for all else on this machine
    from ray.cluster_utils import Cluster

    folder = tempfile.mkdtemp(prefix="ray")  # short, as sockets lie in it
    Path(tempfile.gettempdir(), "ray").mkdir(exist_ok=True)  # Ray notes the cluster there whatever temp_dir is
    cluster = Cluster()
    try:
        for number in range(2):
            sparing = {"include_dashboard": False, "include_log_monitor": False, "no_monitor": True}
            of_head = {} if number else {**sparing, "temp_dir": folder}
            cluster.add_node(num_cpus=1, **of_head)
        yield cluster
    finally:
        cluster.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


def ray(cluster: Any, **options: Any) -> Ray:
    return Ray(Ray.Config(**{"address": cluster.address, "backoff": 0.1, "patience": 30.0, **options}))


@dataclass(frozen=True)
class Sleeping(Job):
    """Each shard sleeps, and notes each time by which process it is begun.

    Attributes:
        deadly, deaths: the shard that kills its process, and how often.
        workers: how many must have opened the job before its first half is done, and its second.
    """

    folder: Path
    count: int
    seconds: float = 0.0
    workers: tuple[int, int] = (0, 0)
    deadly: int = -1
    deaths: int = 0
    unit = "files"

    @property
    def sizes(self) -> Sequence[int]:  # type: ignore[override]
        return [number + 1 for number in range(self.count)]

    def contents(self, shard: int) -> str:
        return f"pictures {shard}a.png to {shard}z.png"

    def open(self, device: str) -> ProcessShard:
        note(self.folder / "opened")

        def process(number: int, progress: Progress) -> None:
            note(self.folder / f"{number}")
            progress.advance(1)
            if number == self.deadly and len(begun(self.folder)[number]) <= self.deaths:
                time.sleep(0.5)  # until what it has answered before has arrived
                os.kill(os.getpid(), signal.SIGKILL)
            while len(opened(self.folder)) < self.workers[number >= self.count // 2]:
                time.sleep(0.05)
            time.sleep(self.seconds)
            commit_shard(self.folder, number, {"number": np.array(number)})
            progress.advance(self.sizes[number] - 1)

        return process


def note(path: Path) -> None:
    with path.open("a") as file:
        file.write(f"{os.getpid()}\n")


def begun(folder: Path) -> dict[int, list[str]]:
    """Shard -> the processes that began it."""
    return {int(path.name): path.read_text().split() for path in folder.iterdir() if path.name.isdecimal()}


def opened(folder: Path) -> list[str]:
    """The processes that opened the job."""
    return (folder / "opened").read_text().split()


def done(folder: Path, count: int) -> list[int]:
    return [number for number in range(count) if shard_is_done(shard_path(folder, number))]


def at_count(count: int, act: Callable[[], None]) -> tuple[Callable[[Event], None], list[Event]]:
    """What listens, and acts once so many shards are done; and what it has heard."""
    heard: list[Event] = []

    def listen(event: Event) -> None:
        heard.append(event)
        if len(heard) == 2 * count:  # each shard advances twice
            act()

    return listen, heard


@dataclass(frozen=True)
class Adding(Task):
    """Returns a sum, or raises."""

    numbers: tuple[int, ...]

    def run(self, device: str, progress: Progress) -> int:
        progress.start(len(self.numbers), "numbers")
        if not self.numbers:
            raise ValueError(f"nothing to add on {device}")
        progress.warn("sums are small")
        return sum(self.numbers)


class TestRay(ExecutorContract):
    @pytest.fixture
    def executor(self, cluster: Any) -> Executor:
        return ray(cluster)


def test_each_worker_opens_the_job_once_and_all_of_them_work(cluster: Any, tmp_path: Path) -> None:
    ray(cluster).run(Sleeping(tmp_path, 8, 0.3), range(8), device="cpu", progress=Progress())
    assert len(set(opened(tmp_path))) == len(opened(tmp_path)) == 2
    assert {who for (who,) in begun(tmp_path).values()} == set(opened(tmp_path))


def test_a_task_gives_back_its_result_its_events_and_its_failure(cluster: Any) -> None:
    heard: list[Event] = []
    executor = ray(cluster)
    assert executor.run_task(Adding((1, 2, 3)), device="cpu", progress=Progress(heard.append)) == 6
    assert [(one.what, one.amount or one.text) for one in heard] == [("work started", 3), ("warning", "sums are small")]
    with pytest.raises(ValueError, match="nothing to add on cpu"):
        executor.run_task(Adding(()), device="cpu", progress=Progress())


def test_a_shard_whose_worker_died_is_done_by_another_and_counted_once(cluster: Any, tmp_path: Path) -> None:
    heard: list[Event] = []
    job = Sleeping(tmp_path, 5, deadly=1, deaths=2)
    ray(cluster).run(job, range(5), device="cpu", progress=Progress(heard.append))
    assert done(tmp_path, 5) == list(range(5))
    assert {shard: len(times) for shard, times in begun(tmp_path).items()} == {0: 1, 1: 3, 2: 1, 3: 1, 4: 1}
    assert sum(one.amount for one in heard) == 15


def test_a_shard_that_kills_three_workers_is_an_error_that_names_its_pictures(cluster: Any, tmp_path: Path) -> None:
    job = Sleeping(tmp_path, 4, deadly=1, deaths=9)
    with pytest.raises(WorkerError, match=r"^3 workers died while they processed pictures 1a.png to 1z.png, the last"):
        ray(cluster).run(job, range(4), device="cpu", progress=Progress())
    assert len(begun(tmp_path)[1]) == 3
    assert 1 not in done(tmp_path, 4)


@pytest.mark.parametrize(("address", "good"), [("auto", True), ("gpu1:6379", True), ("ray://x:1", False), ("x", False)])
def test_addresses_are_checked_before_anything_runs(address: str, good: bool) -> None:
    with nullcontext() if good else pytest.raises(ValidationError, match="neither auto nor local nor host:port"):
        Ray.Config(address=address)


@pytest.mark.parametrize(("device", "gpus"), [("cpu", 0.0), ("cuda", 1.0)])
def test_a_worker_on_cuda_has_a_gpu(device: str, gpus: float) -> None:
    assert Ray.Config().on(device).gpus_per_worker == gpus
    assert Ray.Config(gpus_per_worker=0.5).on(device).gpus_per_worker == 0.5
    assert Ray.Config(device="cuda").on("cpu").gpus_per_worker == 1.0


def test_no_cluster_is_an_error_of_one_sentence() -> None:
    with pytest.raises(WorkerError, match=r"^there is no Ray cluster at 127.0.0.1:9; start one"):
        Ray(Ray.Config(address="127.0.0.1:9")).run_task(Adding((1,)), device="cpu", progress=Progress())


def test_a_cluster_without_room_is_an_error(cluster: Any) -> None:
    executor = ray(cluster, gpus_per_worker=1, patience=3.0)
    with pytest.raises(WorkerError, match=r"has had room for a worker of 1 GPUs and 1 CPU cores for \d+ s"):
        executor.run_task(Adding((1,)), device="cuda", progress=Progress())


def test_a_node_is_killed_in_mid_run_and_another_comes(cluster: Any, tmp_path: Path) -> None:
    (doomed,) = cluster.worker_nodes
    kept: list[int] = []

    def replace() -> None:
        kept.extend(done(tmp_path, 24))
        cluster.remove_node(doomed, allow_graceful=False)
        cluster.add_node(num_cpus=1)

    listen, heard = at_count(4, replace)
    job = Sleeping(tmp_path, 24, 0.2, workers=(2, 3))
    ray(cluster).run(job, range(24), device="cpu", progress=Progress(listen))
    again = {shard for shard, times in begun(tmp_path).items() if len(times) > 1}
    assert done(tmp_path, 24) == list(range(24))
    assert len(again) <= 2, "those in flight with the worker that died"
    assert again.isdisjoint(kept)
    assert len(set(opened(tmp_path))) == 3, "one of them on the node that came"
    assert sum(one.amount for one in heard) == sum(job.sizes)


@pytest.mark.faults
def test_workers_are_killed_at_random_moments(cluster: Any, tmp_path: Path) -> None:
    """Each time a worker has begun a shard it may be killed, twenty times in all; DIFFMINE_SEED gives the moments."""
    seed = int(os.environ.get("DIFFMINE_SEED", time.time_ns() % 1_000_000))
    moments, finished, killed = random.Random(seed), threading.Event(), []

    def kill_now_and_then() -> None:
        seen = 0
        while len(killed) < 20 and not finished.wait(moments.uniform(0, 0.5)):
            starts = [(shard, who) for shard, all_of in begun(tmp_path).items() for who in all_of]
            alive = sorted({int(who) for _, who in starts if Path(f"/proc/{who}").exists()})
            if len(starts) > seen and alive:
                seen = len(starts)
                victim = moments.choice(alive)
                os.kill(victim, signal.SIGKILL)
                killed.append(victim)

    killer = threading.Thread(target=kill_now_and_then)
    killer.start()
    try:
        heard: list[Event] = []
        job = Sleeping(tmp_path, 100, 0.3)
        never_given_up = ray(cluster, retries=20)
        never_given_up.run(job, range(100), device="cpu", progress=Progress(heard.append))
    finally:
        finished.set()
        killer.join()
    assert len(killed) == 20, f"DIFFMINE_SEED={seed}"
    assert done(tmp_path, 100) == list(range(100))
    assert sum(one.amount for one in heard) == sum(job.sizes)


def test_a_killed_driver_leaves_no_workers_and_the_next_goes_on(cluster: Any, tmp_path: Path) -> None:
    code = f"import importlib, sys; importlib.import_module({__name__!r}).drive_alone(*sys.argv[1:])"
    driver = subprocess.Popen([sys.executable, "-c", code, cluster.address, str(tmp_path)], cwd=ROOT)
    while len(done(tmp_path, 12)) < 3:
        assert driver.poll() is None
        time.sleep(0.05)
    driver.kill()
    driver.wait()
    while any(Path(f"/proc/{who}").exists() for who in opened(tmp_path)):
        time.sleep(0.1)
    before, kept = begun(tmp_path), done(tmp_path, 12)
    assert len(kept) < 12
    process(Sleeping(tmp_path, 12), ray(cluster), device="cpu", progress=Progress())
    assert done(tmp_path, 12) == list(range(12))
    assert all(len(begun(tmp_path)[shard]) == len(before[shard]) for shard in kept)


def drive_alone(address: str, folder: str) -> None:
    """The driver that is killed."""
    process(Sleeping(Path(folder), 12, 0.5), Ray(Ray.Config(address=address)), device="cpu", progress=Progress())


def test_a_run_gives_what_it_gives_on_one_machine(cluster: Any, tmp_path: Path) -> None:
    """Each in processes of its own with one thread, as sums differ in the last bits by the number of threads."""
    recipe = write_tiny_recipe(tmp_path, per_label=24)
    settings = ["--executor", "ray", "--set", f'executor.address="{cluster.address}"']
    digests, said = [], []
    for name, where in (("here", []), ("there", settings)):
        places = ["--out", str(tmp_path / name), "--store", str(tmp_path / f"{name}-store")]
        ran = subprocess.run(
            [sys.executable, "-m", "diffmine", "run", str(recipe), "--quiet", "--until", "features", *places, *where],
            check=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
        )
        said.append((ran.stdout + ran.stderr).replace(f"{tmp_path / name}", "RUN"))
        stages = diffmine.load_run(tmp_path / name).info["stages"]
        digests.append({stage: entry["digest"] for stage, entry in stages.items()})
    assert digests[0] == digests[1]
    assert said[0] == said[1], "Ray keeps quiet"


def test_the_head_is_lost(cluster: Any, tmp_path: Path) -> None:
    """The last of this file, as the cluster is gone after it."""
    listen, _ = at_count(2, lambda: cluster.remove_node(cluster.head_node, allow_graceful=False))
    executor = ray(cluster, patience=5.0)
    with pytest.raises(WorkerError, match=r"^the head of the Ray cluster, .+, has not answered for \d+ s; what was"):
        executor.run(Sleeping(tmp_path, 24, 0.5), range(24), device="cpu", progress=Progress(listen))
    kept, before = done(tmp_path, 24), begun(tmp_path)
    assert len(kept) >= 2
    written = {int(path.stem): load_file(path) for path in (tmp_path / "shards").glob("[0-9]*.safetensors")}
    assert all(tensors["number"] == number for number, tensors in written.items()), "each is whole"
    process(Sleeping(tmp_path, 24), Local(Local.Config()), device="cpu", progress=Progress())
    assert done(tmp_path, 24) == list(range(24))
    assert all(len(begun(tmp_path)[shard]) == len(before[shard]) for shard in kept)
