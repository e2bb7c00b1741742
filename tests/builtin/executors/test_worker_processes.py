"""Workers that die, and workers whose parent does: real processes, really killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from diffmine.builtin.executors.local import Local
from diffmine.errors import WorkerError
from diffmine.interfaces import Job, ProcessShard, Progress

PARENT = """
import sys
from pathlib import Path
sys.path.insert(0, {folder!r})
from {module} import Endless
from diffmine.builtin.executors.local import Local
from diffmine.interfaces import Progress
if __name__ == "__main__":
    Local(Local.Config(workers=2)).run(Endless(Path({pids!r})), [0, 1], device="cpu", progress=Progress())
"""


@dataclass(frozen=True)
class Endless(Job):
    """Each shard notes its process, and computes for ever without giving other threads much room."""

    folder: Path
    unit = "files"

    @property
    def sizes(self) -> Sequence[int]:  # type: ignore[override]
        return [1, 1]

    def open(self, device: str) -> ProcessShard:
        def process(number: int, progress: Progress) -> None:
            (self.folder / str(os.getpid())).touch()
            while True:
                sum(range(1000))

        return process


@dataclass(frozen=True)
class Dying(Job):
    """The second shard's process is killed."""

    folder: Path
    unit = "images"

    @property
    def sizes(self) -> Sequence[int]:  # type: ignore[override]
        return [3, 5, 7]

    def open(self, device: str) -> ProcessShard:
        def process(number: int, progress: Progress) -> None:
            if number == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            progress.advance(self.sizes[number])

        return process


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(condition: object, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_a_killed_worker_is_an_error_that_names_what_it_had_in_hand(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match=r"was killed by SIGKILL while it processed shard 1 \(5 images\), perhaps"):
        Local(Local.Config(workers=2)).run(Dying(tmp_path), [0, 1, 2], device="cpu", progress=Progress())


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_no_worker_outlives_a_killed_parent(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    pids = tmp_path / "pids"
    pids.mkdir()
    here = Path(__file__)
    script.write_text(PARENT.format(folder=str(here.parent), module=here.stem, pids=str(pids)))
    parent = subprocess.Popen([sys.executable, str(script)])
    try:
        assert wait_until(lambda: len(list(pids.iterdir())) == 2 or parent.poll() is not None, 120)
        workers = [int(path.name) for path in pids.iterdir()]
        assert len(workers) == 2
        assert all(alive(pid) for pid in workers)
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    assert wait_until(lambda: not any(alive(pid) for pid in workers), 30)
