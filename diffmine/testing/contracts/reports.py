"""What every report keeps."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from diffmine.files.atomic import file_digest
from diffmine.interfaces import Report
from diffmine.runs.run import Run
from diffmine.testing.toy_runs import write_toy_run

PORTABLE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")
"""A file name that every file system and archive takes."""

WITHOUT_TORCH = """
import sys
from importlib import import_module
from pathlib import Path
from diffmine.engine.opening import load_run
module, name, options, run, folder = sys.argv[1:]
kind = getattr(import_module(module), name)
kind(kind.Config.model_validate_json(options)).write(load_run(run), Path(folder))
sys.exit("torch was imported" if "torch" in sys.modules else 0)
"""


def digests(folder: Path) -> dict[str, str]:
    """Every file below a folder, with the digest of its content."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): file_digest(path) for path in files}


class ReportContract:
    """Subclass this and return your report from a fixture ``report``."""

    @pytest.fixture(scope="class")
    @classmethod
    def hostile(cls, tmp_path_factory: pytest.TempPathFactory) -> Run:
        """A run whose labels, file names and warnings try to break out of wherever they are put."""
        return write_toy_run(tmp_path_factory.mktemp("hostile"), hostile=True, clusters=2, members=6)

    def test_it_writes_the_same_files_for_the_same_run(self, report: Report, hostile: Run, tmp_path: Path) -> None:
        for name in ("once", "again"):
            (tmp_path / name).mkdir()
            report.write(hostile, tmp_path / name)
        assert digests(tmp_path / "once") == digests(tmp_path / "again")

    def test_it_writes_below_its_folder_alone(self, report: Report, hostile: Run, tmp_path: Path) -> None:
        before = digests(hostile.path.parent)
        (tmp_path / "out").mkdir()
        report.write(hostile, tmp_path / "out")
        assert [path.name for path in tmp_path.iterdir() if path.name != "store"] == ["out"]
        assert digests(hostile.path.parent) == before, "the run and its store are only read"

    def test_file_names_are_portable(self, report: Report, hostile: Run, tmp_path: Path) -> None:
        report.write(hostile, tmp_path)
        names = [path.name for path in tmp_path.rglob("*")]
        assert [name for name in names if not PORTABLE.fullmatch(name)] == []

    def test_it_needs_no_torch(self, report: Report, hostile: Run, tmp_path: Path) -> None:
        kind, options = type(report), report.config.model_dump_json()
        command = [sys.executable, "-c", WITHOUT_TORCH, kind.__module__, kind.__name__, options]
        subprocess.run([*command, str(hostile.path), str(tmp_path)], check=True, timeout=120)

    def test_what_it_prints_holds_no_control_codes_of_users(self, report: Report, hostile: Run) -> None:
        console = Console(file=io.StringIO(), width=80, force_terminal=False)
        report.show(hostile, console)
        assert isinstance(console.file, io.StringIO)
        assert "\x1b" not in console.file.getvalue()
