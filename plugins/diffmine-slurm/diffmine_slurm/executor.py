"""Executor ``slurm``."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from diffmine.interfaces import OUTSIDE_KEY, ComponentConfig, Executor, Job, Progress, Task

if TYPE_CHECKING:
    import submitit


class Slurm(Executor):
    """On a Slurm cluster: an array of tasks that share the shards, and one task for finetuning.

    Every machine must see the store, the run folder, ``folder`` and the dataset under the same paths, and have the same
    packages. A task that times out is queued again; one that is lost is submitted again. Shards that are done are not
    done again.
    """

    name = "slurm"

    class Config(ComponentConfig):
        """Options of ``slurm``."""

        tasks: Annotated[int, OUTSIDE_KEY] = Field(
            8, ge=1, description="tasks of an array at most; each loads the model once"
        )
        at_once: Annotated[int | None, OUTSIDE_KEY] = Field(None, ge=1, description="tasks that run at once at most")
        gpus: Annotated[int, OUTSIDE_KEY] = Field(1, ge=0, description="GPUs of a task")
        cpus: Annotated[int, OUTSIDE_KEY] = Field(4, ge=1, description="CPU cores of a task")
        memory_gb: Annotated[float | None, OUTSIDE_KEY] = Field(None, gt=0, description="memory of a task, GB")
        minutes: Annotated[int, OUTSIDE_KEY] = Field(
            240, ge=1, description="time of a task at most; it is queued again where that was not enough"
        )
        partition: Annotated[str | None, OUTSIDE_KEY] = Field(None, description="Slurm's partition")
        sbatch: Annotated[dict[str, str | int | float], OUTSIDE_KEY] = Field(
            {}, description="further parameters of sbatch, such as {account = 'vision'}"
        )
        device: Annotated[str | None, OUTSIDE_KEY] = Field(
            None, description="torch device of the tasks; the run's, where there is none, which is this machine's"
        )
        folder: Annotated[str, OUTSIDE_KEY] = Field(
            ".slurm", description="shared folder for the tasks' logs, relative to the current folder"
        )
        retries: Annotated[int, OUTSIDE_KEY] = Field(
            2, ge=0, description="how often a task that was lost is submitted again"
        )
        poll: Annotated[float, OUTSIDE_KEY] = Field(2.0, gt=0, description="seconds between two looks at the tasks")
        cluster: Annotated[Literal["slurm", "local"], OUTSIDE_KEY] = Field(
            "slurm", description="local: processes on this machine in place of Slurm's tasks, to try a recipe with"
        )

    config: Config

    def run(self, job: Job, shards: Sequence[int], *, device: str, progress: Progress) -> None:
        from diffmine_slurm.parts import ShardsPart, kept
        from diffmine_slurm.watching import watch

        folder = self._fresh_folder()
        work = kept(job, folder / "job.pkl")
        count = min(self.config.tasks, len(shards))
        parts = [
            ShardsPart(
                work, folder / f"part-{number}.jsonl", self.config.device or device, tuple(shards[number::count])
            )
            for number in range(count)
        ]
        watch(parts, self._submitter(folder), job, progress, retries=self.config.retries, poll=self.config.poll)

    def run_task(self, task: Task, *, device: str, progress: Progress) -> Any:
        from diffmine_slurm.parts import TaskPart, kept
        from diffmine_slurm.watching import watch

        folder = self._fresh_folder()
        part = TaskPart(kept(task, folder / "task.pkl"), folder / "part-0.jsonl", self.config.device or device)
        (result,) = watch(
            [part], self._submitter(folder), None, progress, retries=self.config.retries, poll=self.config.poll
        )
        return result

    def _fresh_folder(self) -> Path:
        """A folder that its owner alone can open: who could write a job there could have the tasks run any code."""
        folder = Path(self.config.folder).absolute() / uuid.uuid4().hex[:12]
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
        return folder

    def _submitter(self, folder: Path) -> submitit.AutoExecutor:
        import submitit

        asked = self.config
        executor = submitit.AutoExecutor(folder / "logs", cluster=asked.cluster)
        executor.update_parameters(name="diffmine", timeout_min=asked.minutes, cpus_per_task=asked.cpus)
        if asked.cluster == "local":
            return executor
        optional = {
            "mem_gb": asked.memory_gb,
            "gpus_per_node": asked.gpus or None,
            "slurm_partition": asked.partition,
            "slurm_array_parallelism": asked.at_once,
            "slurm_additional_parameters": dict(asked.sbatch) or None,
        }
        executor.update_parameters(**{name: value for name, value in optional.items() if value is not None})
        return executor
