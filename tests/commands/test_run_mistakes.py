"""Mistakes in recipes and on the command line: one screen, no traceback, exit code 2. Failures of the work: 1."""

from __future__ import annotations

from pathlib import Path

import pytest

from diffmine.commands.cli import main
from diffmine.testing.tiny_recipe import write_tiny_recipe


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    """Exit code and what was said of the error."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0), capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--set", "clusterer.use=kmean"), "did you mean 'kmeans'?"),
        (("--set", "clusterer.n_clusters=0"), "n_clusters = 0: input should be greater than or equal to 1"),
        (("--set", "dataset.path=/nowhere"), "[dataset] path: /nowhere does not exist"),
        (("--until", "finetunes"), "did you mean 'finetune'?"),
        (("--executor", "locale"), "did you mean 'local'?"),
        (("--device", "gpu"), "device = 'gpu': no device of torch; name auto, cpu, cuda"),
        (("--device", "cuda:99"), "device = 'cuda:99' cannot be used here ("),
    ],
)
def test_a_mistake(capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    recipe = write_tiny_recipe(tmp_path, per_label=2)
    where = ("--out", tmp_path / "out", "--store", tmp_path / "store")
    code, errors = run(capsys, "run", recipe, *where, *arguments)
    assert code == 2
    assert said in errors
    assert "Traceback" not in errors
    assert len(errors.splitlines()) < 25


def test_a_failure_of_the_work(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    recipe = write_tiny_recipe(tmp_path, per_label=2)
    for picture in (tmp_path / "pictures").glob("*/*.png"):
        picture.write_bytes(b"no picture")
    code, errors = run(capsys, "run", recipe, "--out", tmp_path / "out", "--store", tmp_path / "store")
    assert code == 1
    assert "stage 'images' failed: 4 of 4 pictures cannot be used" in errors
    assert "Traceback" not in errors
