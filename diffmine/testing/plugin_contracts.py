"""Running the contracts on the components of an installed distribution, with default options."""

from __future__ import annotations

import importlib
import importlib.util
import re
import tempfile
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from diffmine.errors import PluginError, RecipeError
from diffmine.plugins.explaining import did_you_mean
from diffmine.plugins.kinds import KIND_OF_NAME, Kind
from diffmine.plugins.manager import BUILTIN, Failure
from diffmine.plugins.registry import Entry, Registry, registry

if TYPE_CHECKING:
    from diffmine.interfaces import Component

SMALL: dict[str, dict[str, Any]] = {
    "patch_selectors": {"size": 12},
    "finetuners": {"steps": 10, "batch_size": 4, "warmup_steps": 0, "validate_every": 0, "checkpoint_every": 3},
}
"""Kind -> options, where a component has them, that fit the contract's toys."""

FIXTURES = {"conditioning_encoders": "component"}
"""Kind -> the fixture that its contract takes the component from, where it is not the kind's noun."""

MODULE = """
import pytest
from diffmine.testing.contracts.{module} import {contract}
from diffmine.testing.plugin_contracts import configured
from diffmine.testing.toy_tools import toy_tools


class TestComponent({contract}):
    @pytest.fixture
    def {fixture}(self):
        return configured({kind!r}, {use!r})
"""

DENOISER = """
    @pytest.fixture
    def denoiser(self, tmp_path):
        return toy_tools(tmp_path).denoiser
"""


@dataclass(frozen=True, slots=True)
class Found:
    """What a distribution has brought: components, and failures."""

    entries: Sequence[Entry]
    failures: Sequence[Failure]


@dataclass(frozen=True, slots=True)
class FailedTest:
    """A test that failed: its name in words, the cause in a line, the traceback."""

    test: str
    cause: str
    traceback: str


@dataclass(slots=True)
class Outcome:
    """How a component did.

    Attributes:
        entry: the component.
        passed: number of tests that passed.
        failed: those that failed.
        untested: why there was nothing to test; empty: it was tested.
    """

    entry: Entry
    passed: int = 0
    failed: list[FailedTest] = field(default_factory=list)
    untested: str = ""


def of_distribution(registry: Registry, name: str) -> Found:
    """What the distribution, or the plugin, of this name has registered.

    Raises:
        RecipeError: it is not installed, or registers no component.
    """
    strangers = [one for one in registry.entries() if one.plugin != BUILTIN]
    chosen = [one for one in strangers if name in (one.source.distribution, one.plugin)]
    failures = [one for one in registry.failures if name in (one.source.distribution, one.plugin)]
    if not chosen and not failures:
        raise RecipeError(_nothing_of(registry, name))
    return Found(chosen, failures)


def outcomes(entries: Iterable[Entry]) -> Iterator[Outcome]:
    """Test one component after the other.

    Raises:
        PluginError: pytest is not installed.
    """
    if importlib.util.find_spec("pytest") is None:
        raise PluginError("the contracts are run by pytest, which is not installed; run pip install 'diffmine[test]'")
    for entry in entries:
        required = [name for name, one in entry.component.Config.model_fields.items() if one.is_required()]
        if required:
            yield Outcome(entry, untested=_how_to_test(entry.kind, required))
        else:
            yield _tested(entry)


def configured(kind: str, use: str) -> Component:
    """A component with its default options, made small where a contract asks for that.

    Args:
        use: as a recipe would name it.
    """
    entry = registry().find(KIND_OF_NAME[kind], use)
    known = entry.component.Config.model_fields
    options = {option: value for option, value in SMALL.get(kind, {}).items() if option in known}
    try:
        return registry().build(entry.kind, use, options)
    except (RecipeError, ValidationError):
        return registry().build(entry.kind, use, {})


def contract_of(kind: Kind) -> tuple[str, str, str]:
    """(module of ``diffmine.testing.contracts``, class, fixture) for a kind."""
    return f"{kind.noun}s", f"{kind.interface.__name__}Contract", FIXTURES.get(kind.name, kind.noun)


def _nothing_of(registry: Registry, name: str) -> str:
    """Why there is nothing to test under a name."""
    strangers = {plugin: source for plugin, source in registry.plugins.sources.items() if plugin != BUILTIN}
    sources = {one.plugin: one.source for one in registry.failures} | strangers
    known = sorted({source.distribution for source in sources.values()})
    if name in (*sources, *known):
        return f"{name!r} registers no components, so there is nothing to test"
    listed = f"; installed: {', '.join(known)}" if known else "; no plugin is installed"
    return f"no plugin or distribution {name!r} is installed{did_you_mean(name, known)}{listed}"


def _how_to_test(kind: Kind, required: Sequence[str]) -> str:
    module, contract, fixture = contract_of(kind)
    options = "options" if len(required) > 1 else "an option"
    return (
        f"it has {options} without a default ({', '.join(required)}); in a test of its own, subclass "
        f"diffmine.testing.contracts.{module}.{contract} and return it from a fixture {fixture!r}"
    )


def _tested(entry: Entry) -> Outcome:
    import pytest

    outcome = Outcome(entry)
    module, contract, fixture = contract_of(entry.kind)
    text = MODULE.format(
        module=module, contract=contract, fixture=fixture, kind=entry.kind.name, use=registry().spelling(entry)
    )
    with tempfile.TemporaryDirectory(prefix="diffmine-contracts-") as folder:
        path = Path(folder) / f"test_{re.sub(r'[^a-z0-9]', '_', f'{entry.kind.noun}_{entry.component.name}')}.py"
        path.write_text(textwrap.dedent(text) + (DENOISER if fixture == "component" else ""), encoding="utf-8")
        (Path(folder) / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        quiet = ["-p", "no:cacheprovider", "-p", "no:terminal", "--import-mode=importlib"]
        pytest.main(
            [*quiet, "-c", f"{folder}/pytest.ini", "--rootdir", folder, str(path)], plugins=[_Listener(outcome)]
        )
    if not outcome.passed and not outcome.failed:
        outcome.failed.append(FailedTest("the contract", "pytest found no test to run", ""))
    return outcome


class _Listener:
    """A pytest plugin that keeps what passed and what failed."""

    def __init__(self, outcome: Outcome) -> None:
        self._outcome = outcome

    def pytest_configure(self) -> None:
        from diffmine.testing.contracts import show_values

        show_values()

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed:
            self._outcome.failed.append(_failed(report))
        elif report.when == "call" and report.passed:
            self._outcome.passed += 1

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self._outcome.failed.append(_failed(report))


def _failed(report: Any) -> FailedTest:
    test = report.nodeid.rpartition("::")[2].removeprefix("test_").replace("_", " ")
    crash = getattr(report.longrepr, "reprcrash", None)
    cause = crash.message if crash else str(report.longrepr)
    return FailedTest(test, cause.strip().partition("\n")[0], str(report.longrepr))
