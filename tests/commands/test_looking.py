"""The commands view, report and figure, as processes."""

from __future__ import annotations

import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from diffmine.runs.run import Run
from diffmine.testing.contracts.reports import digests
from diffmine.testing.toy_runs import write_toy_run

WITHOUT_TORCH = "import sys; sys.modules['torch'] = None; from diffmine.commands.cli import main; main()"


def diffmine(*arguments: object, **options) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process in which torch cannot be imported."""
    command = [sys.executable, "-c", WITHOUT_TORCH, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, **options)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return write_toy_run(tmp_path_factory.mktemp("toy"), labels=["a,b", "c"], clusters=2, members=8)


@pytest.fixture(scope="module")
def reported(run: Run) -> Run:
    done = diffmine("report", run.path)
    assert done.returncode == 0, done.stderr
    return run


def test_report_makes_the_same_files_again_and_leaves_the_rest(reported: Run) -> None:
    before = digests(reported.path)
    (reported.path / "report" / "crops-0000.webp").unlink()
    (reported.path / "report" / "stale.html").write_text("from an older version")
    done = diffmine("report", reported.path)
    assert done.returncode == 0, done.stderr
    assert {Path(line).name for line in done.stdout.split()} == {"figures", "report"}
    assert digests(reported.path) == before


@pytest.mark.parametrize("labels", ["a,b", "c , c"])
def test_figure_takes_labels_with_and_without_commas(reported: Run, labels: str, tmp_path: Path) -> None:
    target = tmp_path / "fig.pdf"
    asked = ("--kind", "grid", "--labels", labels, "--rows", 2, "--columns", 3, "-o", target)
    done = diffmine("figure", reported.path, *asked)
    assert done.returncode == 0, done.stderr
    assert target.read_bytes().startswith(b"%PDF")


def test_figure_explains_mistakes(reported: Run) -> None:
    done = diffmine("figure", reported.path, "--labels", "d")
    assert done.returncode == 2
    assert "the run has no patches of label 'd'; its labels: a,b, c" in done.stderr
    assert "Traceback" not in done.stderr


def test_view_needs_a_report(tmp_path: Path) -> None:
    done = diffmine("view", tmp_path, "--no-browser")
    assert done.returncode == 1
    assert f"diffmine report {tmp_path}" in done.stderr


@pytest.fixture
def served(reported: Run) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-u", "-c", WITHOUT_TORCH, "view", str(reported.path), "--no-browser"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, text=True, preexec_fn=heed_interrupts) as process:
        yield process, process.stdout.readline().split()[0]
        process.kill()


def status(address: str, host: str | None = None) -> int:
    request = urllib.request.Request(address, headers={"Host": host} if host else {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def heed_interrupts() -> None:
    """A suite that was started in the background ignores interrupts, and so would what it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_view_serves_the_report_to_this_machine_alone(served: tuple[subprocess.Popen[str], str]) -> None:
    process, address = served
    assert address.startswith("http://127.0.0.1:")
    with urllib.request.urlopen(address, timeout=10) as answer:
        assert "Content-Security-Policy" in answer.read().decode()
    assert status(f"{address}crops-0000.webp") == 200
    assert status(f"{address}pictures/") == 404, "folders are not listed"
    assert status(f"{address}../run.json") == 404
    assert status(f"{address}%2e%2e/run.json") == 404
    assert status(address, host="evil.example:80") == 403, "another site's name does not reach it"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 0
