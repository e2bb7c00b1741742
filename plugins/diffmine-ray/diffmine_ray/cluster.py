"""The connection with a Ray cluster: made, and asked now and then how many workers there is room for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import ray

from diffmine.errors import WorkerError
from diffmine_ray.answering import LOOK, answers
from diffmine_ray.working import Worker

if TYPE_CHECKING:
    from diffmine_ray.executor import RayConfig

HOW_TO_START = "start one with `ray start --head`, or have executor.address=local start one for this run"


class Cluster:
    """A connection, of the process that makes it, until that process ends.

    Args:
        config: of the executor, filled in.
    Attributes:
        head: host:port.
        room: workers that all nodes together can hold when nothing else runs on them.
    """

    def __init__(self, config: RayConfig) -> None:
        _connect(config.address)
        self.config = config
        self.head = ray.get_runtime_context().gcs_address
        self.begin()

    def begin(self) -> None:
        """New work begins, and patience with it."""
        self._looked = self._had_room = time.monotonic()
        self.room = self._room()

    def worker(self) -> Any:
        """Ask for a worker; it is there once the cluster has room for it, and dies with this process."""
        asked = self.config
        return ray.remote(Worker).options(num_cpus=asked.cpus_per_worker, num_gpus=asked.gpus_per_worker).remote()

    def look(self) -> None:
        """See, at most once a second, how much ``room`` there is.

        Raises:
            WorkerError: there has been none for as long as patience lasts.
        """
        now = time.monotonic()
        if now < self._looked + LOOK:
            return
        self._looked, self.room = now, self._room()
        if self.room:
            self._had_room = now
        elif now > self._had_room + self.config.patience:
            raise WorkerError(
                f"no node of the Ray cluster {self.head} has had room for a worker of {self.config.gpus_per_worker:g} "
                f"GPUs and {self.config.cpus_per_worker:g} CPU cores for {now - self._had_room:.0f} s; what was "
                "finished is kept; add such a node, or ask for less with executor.gpus_per_worker and "
                "executor.cpus_per_worker"
            )

    def _room(self) -> int:
        asked: dict[str, float] = {"CPU": self.config.cpus_per_worker, "GPU": self.config.gpus_per_worker or 0.0}
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
        return sum(min(int(has.get(name, 0.0) / amount) for name, amount in asked.items() if amount) for has in nodes)


def _connect(address: str) -> None:
    """Connect with a cluster, or start one.

    Raises:
        WorkerError: there is none at this address, or it does not want this process.
    """
    if address not in ("auto", "local") and not answers(address):
        raise WorkerError(f"there is no Ray cluster at {address}; {HOW_TO_START}")
    try:
        ray.init(address, include_dashboard=False if address == "local" else None, log_to_driver=False)
    except (ConnectionError, RuntimeError, ValueError) as error:
        if address == "auto" and isinstance(error, ConnectionError):
            raise WorkerError(f"no Ray cluster runs here, and RAY_ADDRESS names none; {HOW_TO_START}") from error
        raise WorkerError(f"the Ray cluster at {address} cannot be joined: {error}") from error
