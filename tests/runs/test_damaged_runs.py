"""Run folders that are damaged, or none: one sentence that names the file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from diffmine.commands.cli import main
from diffmine.engine.opening import load_run
from diffmine.errors import ArtifactError
from diffmine.testing.toy_runs import write_toy_run


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_run(tmp_path_factory.mktemp("toy"), labels=["a"], clusters=1, members=2).path


@pytest.mark.parametrize(
    ("info", "said"),
    [
        ([], "it is no table of values"),
        (None, "it is no table of values"),
        ({"format": 1}, "it does not say its 'name'"),
        ({"stages": None}, "it does not say its 'stages'"),
        ({"stages": []}, "it does not say its 'stages'"),
        ({"stages": {"images": {}}}, "its stage 'images' has no key"),
        ({"stages": {"images": {"key": 3, "digest": ""}}}, "its stage 'images' has no key"),
        ({"store": 7}, "it does not say its 'store'"),
        ({"warnings": "none"}, "it does not say its 'warnings'"),
        ({"format": None}, "has run format None"),
        ({"format": [1]}, r"has run format \[1\]"),
        ("[" * 100_000, "is damaged"),
        ('{"format": 1', "is damaged"),
        ("\xff", "is damaged"),
    ],
)
def test_run_json_of_another_shape(whole: Path, tmp_path: Path, info: object, said: str) -> None:
    if isinstance(info, dict) and len(info) == 1 and info != {"format": 1}:
        info = {**json.loads((whole / "run.json").read_text()), **info}
    text = info if isinstance(info, str) else json.dumps(info)
    (tmp_path / "run.json").write_text(text, encoding="latin-1")
    with pytest.raises(ArtifactError, match=said):
        load_run(tmp_path)


@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "tiny.txt", "loop", "full"])
def test_names_that_are_no_run_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "tiny.txt").touch()
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "full" / "run.json").mkdir(parents=True)
    with pytest.raises(ArtifactError, match=r"is not a run folder|cannot be read|is damaged"):
        load_run(tmp_path / name)


@pytest.mark.parametrize("command", ["show", "report", "figure", "compare", "view"])
def test_no_command_ends_in_a_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str) -> None:
    (tmp_path / "run.json").write_text("[]")
    for run in (tmp_path, tmp_path / ("x" * 300)):
        with pytest.raises(SystemExit):
            main([command, *[str(run)] * (2 if command == "compare" else 1)])
        errors = capsys.readouterr().err
        assert "bug in diffmine" not in errors, errors


@pytest.mark.parametrize("name", ["patches.parquet", "clusters.parquet", "metrics.json", "flags.json"])
@pytest.mark.parametrize("content", [b"", b"[1", b"\xff\xfe", b"PAR1 and nothing", b"7"])
def test_a_damaged_file_of_a_run_is_named(whole: Path, name: str, content: bytes) -> None:
    file = whole / name
    kept = file.read_bytes()
    file.write_bytes(content)
    try:
        with pytest.raises(ArtifactError, match=rf"{name} is damaged: .*; run the recipe again"):
            getattr(load_run(whole), name.partition(".")[0])
    finally:
        file.write_bytes(kept)
