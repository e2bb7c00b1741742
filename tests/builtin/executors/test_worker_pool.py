"""That workers change no result is tested with the pipeline; here, which GPU each takes."""

import pytest

from diffmine.builtin.executors.worker_pool import device_of


@pytest.mark.parametrize(
    ("device", "gpus", "expected"),
    [
        ("cuda", 2, ["cuda:0", "cuda:1", "cuda:0"]),
        ("cuda:1", 2, ["cuda:1"] * 3),
        ("cpu", 2, ["cpu"] * 3),
        ("cuda", 0, ["cuda"] * 3),
    ],
)
def test_workers_take_gpus_in_turn_unless_the_run_names_one(device: str, gpus: int, expected: list[str]) -> None:
    assert [device_of(worker, device, gpus) for worker in range(3)] == expected
