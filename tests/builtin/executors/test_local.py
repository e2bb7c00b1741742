from __future__ import annotations

import pytest

from diffmine.builtin.executors.local import Local
from diffmine.interfaces import Executor
from diffmine.testing.contracts.executors import ExecutorContract


class TestInThisProcess(ExecutorContract):
    @pytest.fixture
    def executor(self) -> Executor:
        return Local(Local.Config())


class TestInSeveralProcesses(ExecutorContract):
    @pytest.fixture
    def executor(self) -> Executor:
        return Local(Local.Config(workers=2))
