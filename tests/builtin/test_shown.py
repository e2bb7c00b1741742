"""Built-in figures, exporters and checks keep what their kinds' contracts ask."""

from __future__ import annotations

import pytest

from diffmine.interfaces import Check, Exporter, Figure
from diffmine.plugins.kinds import KIND_OF_NAME
from diffmine.plugins.registry import registry
from diffmine.testing.contracts.checks import CheckContract
from diffmine.testing.contracts.exporters import ExporterContract
from diffmine.testing.contracts.figures import FigureContract


def names(kind: str) -> list[str]:
    return registry().names(KIND_OF_NAME[kind])


class TestFigures(FigureContract):
    @pytest.fixture(params=names("figures"))
    def figure(self, request: pytest.FixtureRequest) -> Figure:
        return registry().build(KIND_OF_NAME["figures"], request.param, {})  # type: ignore[return-value]


class TestExporters(ExporterContract):
    @pytest.fixture(params=names("exporters"))
    def exporter(self, request: pytest.FixtureRequest) -> Exporter:
        return registry().build(KIND_OF_NAME["exporters"], request.param, {})  # type: ignore[return-value]


class TestChecks(CheckContract):
    @pytest.fixture(params=names("checks"))
    def check(self, request: pytest.FixtureRequest) -> Check:
        return registry().build(KIND_OF_NAME["checks"], request.param, {})  # type: ignore[return-value]
