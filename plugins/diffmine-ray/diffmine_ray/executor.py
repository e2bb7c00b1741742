"""Executor ``ray``."""

from __future__ import annotations

import pickle
import re
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from diffmine.interfaces import OUTSIDE_KEY, ComponentConfig, Executor, Job, Progress, Task


def _reachable(address: str) -> str:
    """An address that this executor can connect with."""
    if not re.fullmatch(r"auto|local|[^\s:/]+:\d+", address):
        raise ValueError(
            "neither auto nor local nor host:port, as `ray start --head` prints it; run diffmine on a "
            "machine of the cluster, as ray:// is not supported"
        )
    return address


class RayConfig(ComponentConfig):
    """Options of ``ray``."""

    address: Annotated[str, AfterValidator(_reachable), OUTSIDE_KEY] = Field(
        "auto",
        description="host:port of the cluster's head; auto: the cluster that this machine belongs to, or that "
        "RAY_ADDRESS names; local: this machine alone",
    )
    num_workers: Annotated[int | None, OUTSIDE_KEY] = Field(
        None,
        ge=1,
        description="workers at most, each of which loads the model once; as many as the cluster has room for, where "
        "there is none",
    )
    gpus_per_worker: Annotated[float | None, OUTSIDE_KEY] = Field(
        None, ge=0, description="GPUs of a worker, or a share of one; 1 on cuda and else 0, where there is none"
    )
    cpus_per_worker: Annotated[float, OUTSIDE_KEY] = Field(1.0, gt=0, description="CPU cores of a worker")
    batch: Annotated[int, OUTSIDE_KEY] = Field(
        2, ge=1, description="shards in flight at each worker, so that it has the next one when it is done with one"
    )
    device: Annotated[str | None, OUTSIDE_KEY] = Field(
        None, description="torch device of the workers; the run's, where there is none, which is this machine's"
    )
    retries: Annotated[int, OUTSIDE_KEY] = Field(
        2, ge=0, description="how often a shard is given to a new worker after one that died with it in hand"
    )
    backoff: Annotated[float, OUTSIDE_KEY] = Field(
        1.0, ge=0, description="seconds until a shard is tried again; twice as many each further time"
    )
    patience: Annotated[float, OUTSIDE_KEY] = Field(
        60.0,
        gt=0,
        description="seconds without the head, or without a node with room for a worker, to give up after",
    )

    def on(self, device: str) -> RayConfig:
        """The same with the device and the GPUs of a worker filled in for a run's device."""
        device = self.device or device
        gpus = self.gpus_per_worker
        if gpus is None:
            gpus = 1.0 if device.startswith("cuda") else 0.0
        return self.model_copy(update={"device": device, "gpus_per_worker": gpus})


class Ray(Executor):
    """On a Ray cluster: long-lived workers, one a GPU, that share the shards; one of them finetunes.

    Every machine must see the store, the run folder and the dataset under the same paths, and have the same packages.
    Workers come and go with the cluster's nodes; what a worker had in hand when it died is given to another.
    """

    name = "ray"
    Config = RayConfig
    config: RayConfig

    def run(self, job: Job, shards: Sequence[int], *, device: str, progress: Progress) -> None:
        from diffmine_ray.driving import drive

        drive(self.config.on(device), pickle.dumps(job), tuple(shards), progress)

    def run_task(self, task: Task, *, device: str, progress: Progress) -> Any:
        from diffmine_ray.driving import drive

        return drive(self.config.on(device), pickle.dumps(task), None, progress)
