from __future__ import annotations

import pytest

from diffmine.builtin.reports.figures import Figures
from diffmine.builtin.reports.html import Html
from diffmine.builtin.reports.terminal import Terminal
from diffmine.interfaces import Report
from diffmine.testing.contracts.reports import ReportContract


class TestFigures(ReportContract):
    @pytest.fixture
    def report(self) -> Report:
        return Figures(Figures.Config(kinds=["typicality"], formats=["svg"]))


class TestHtml(ReportContract):
    @pytest.fixture
    def report(self) -> Report:
        return Html(Html.Config())


class TestTerminal(ReportContract):
    @pytest.fixture
    def report(self) -> Report:
        return Terminal(Terminal.Config())
