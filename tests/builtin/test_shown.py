"""Built-in figures, exporters and checks keep what their kinds' contracts ask."""

from __future__ import annotations

import pytest

from diffmine.builtin.figures.life import LifeFigure
from diffmine.builtin.views.life import LifeView
from diffmine.engine.opening import load_run
from diffmine.interfaces import Check, Exporter, Figure, View
from diffmine.plugins.kinds import KIND_OF_NAME
from diffmine.plugins.registry import registry
from diffmine.runs.contents import Contents
from diffmine.testing.contracts.checks import CheckContract
from diffmine.testing.contracts.exporters import ExporterContract
from diffmine.testing.contracts.figures import FigureContract
from diffmine.testing.contracts.views import ViewContract
from diffmine.testing.toy_lives import write_toy_lives


def names(kind: str) -> list[str]:
    return registry().names(KIND_OF_NAME[kind])


class TestFigures(FigureContract):
    @pytest.fixture(params=[name for name in names("figures") if name != "life"])
    def figure(self, request: pytest.FixtureRequest) -> Figure:
        return registry().build(KIND_OF_NAME["figures"], request.param, {})  # type: ignore[return-value]


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory) -> Contents:
    return load_run(write_toy_lives(tmp_path_factory.mktemp("lives")).path).contents


class TestLife(FigureContract):
    """Of runs that tell lives."""

    @pytest.fixture
    def contents(self, lives: Contents) -> Contents:
        return lives

    @pytest.fixture
    def figure(self) -> Figure:
        return LifeFigure(LifeFigure.Config())


class TestLifeView(ViewContract):
    @pytest.fixture
    def contents(self, lives: Contents) -> Contents:
        return lives

    @pytest.fixture
    def view(self) -> View:
        return LifeView(LifeView.Config())


class TestExporters(ExporterContract):
    @pytest.fixture(params=names("exporters"))
    def exporter(self, request: pytest.FixtureRequest) -> Exporter:
        return registry().build(KIND_OF_NAME["exporters"], request.param, {})  # type: ignore[return-value]


class TestChecks(CheckContract):
    @pytest.fixture(params=names("checks"))
    def check(self, request: pytest.FixtureRequest) -> Check:
        return registry().build(KIND_OF_NAME["checks"], request.param, {})  # type: ignore[return-value]
