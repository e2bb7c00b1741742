"""A plugin of every kind is written, and keeps what its kind's contract asks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import jinja2
import pytest
import yaml

from diffmine.commands.cli import main
from diffmine.plugins.kinds import KINDS
from diffmine.plugins.registry import registry
from diffmine.templates.writing import CHOICES, TEMPLATE, Answers, checked_answers, rendered, write_plugin

ROOT = Path(__file__).parent.parent.parent
ERRORS = {
    ("kmeans", "clusterer"): "there is a clusterer 'kmeans' already; choose another name",
    ("dataset", "stage"): "there is a stage 'dataset' already; choose another name",
    ("Bad_Name", "clusterer"): "'Bad_Name' cannot name a plugin; use lower-case letters and digits",
    ("diffmine-", "clusterer"): "'diffmine-' cannot name a plugin",
    ("roofs", "clusterers"): "--kind clusterers: there is no such kind; did you mean 'clusterer'?",
}


def ended(arguments: list[str]) -> object:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    return end.value.code


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """One plugin of every kind, as pip would have left it: the project itself on the path, with its entry point."""
    folder = tmp_path_factory.mktemp("new")
    for choice in CHOICES:
        answers = checked_answers(f"new-{choice}", choice, registry())
        write_plugin(answers, folder / answers.name)
        package = answers.values()["package"]
        info = folder / answers.name / f"{package}-0.1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {answers.name}\nVersion: 0.1.0\n")
        (info / "entry_points.txt").write_text(f"[diffmine]\n{answers.component} = {package}\n")
    return sorted(folder.iterdir())


def in_them(sites: list[Path], *command: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(map(str, [ROOT, *sites]))
    environment = {**os.environ, "PYTHONPATH": path, "COLUMNS": "160"}
    return subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, env=environment, cwd=sites[0].parent
    )


def test_there_is_a_template_for_every_kind() -> None:
    assert {kind.name for kind in CHOICES.values()} == {kind.name for kind in KINDS}


@pytest.mark.slow
def test_plugins_of_every_kind_pass_their_own_tests_and_are_listed(sites: list[Path]) -> None:
    tests = [str(site / "tests") for site in sites]
    done = in_them(sites, "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib", *tests)
    assert done.returncode == 0, done.stdout
    listed = in_them(sites, "diffmine", "plugins")
    assert "failed" not in listed.stdout
    assert all(f"new-{choice}" in listed.stdout for choice in CHOICES)


def test_the_contracts_are_run_on_what_is_installed(sites: list[Path]) -> None:
    done = in_them(sites, "diffmine", "test-plugin", "diffmine-new-selector")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "patch selector new-selector  6 tests passed\n"
    unknown = in_them(sites, "diffmine", "test-plugin", "diffmine-new-selectr")
    assert unknown.returncode == 2
    assert "did you mean 'diffmine-new-selector'?" in unknown.stderr


def test_a_component_that_breaks_its_contract_fails_and_one_with_required_options_is_told_how(
    sites: list[Path], tmp_path: Path
) -> None:
    answers = Answers("diffmine-broken", "clusterer")
    write_plugin(answers, tmp_path / "broken")
    info = tmp_path / "broken" / "diffmine_broken-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: diffmine-broken\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[diffmine]\nbroken = diffmine_broken\n")
    module = tmp_path / "broken" / "diffmine_broken" / "broken.py"
    right = module.read_text()
    module.write_text(right.replace("else len(leaders) - 1", "else len(leaders) + 1"))
    done = in_them([tmp_path / "broken"], "diffmine", "test-plugin", "broken")
    assert done.returncode == 1
    assert "separate groups are never mixed" in done.stdout
    module.write_text(right.replace("Field(0.7, ", "Field("))
    done = in_them([tmp_path / "broken"], "diffmine", "test-plugin", "broken")
    assert done.returncode == 0
    told = " ".join(done.stdout.split())
    assert "not tested: it has an option without a default (radius)" in told
    assert "subclass diffmine.testing.contracts.clusterers.ClustererContract" in told


@pytest.mark.parametrize(("name", "kind"), ERRORS)
def test_what_cannot_be_is_refused_in_a_sentence(
    name: str, kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(["new-plugin", name, "--kind", kind, "--out", str(tmp_path / "out")]) == 2
    assert ERRORS[name, kind] in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    assert ended(["new-plugin", "roofs", "--kind", "check", "--out", str(tmp_path / "mine")]) == 2
    assert "is there already; name another folder with --out" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.tex"]


def lines_to_write(choice: str) -> tuple[int, int, int]:
    """What a plugin of this kind takes: Python files, lines of the package, lines of its test (no blank ones)."""
    sources = {path: text for path, text in rendered(Answers("diffmine-roofs", choice)) if path.suffix == ".py"}
    counts = {path: sum(bool(line.strip()) for line in text.splitlines()) for path, text in sources.items()}
    tests = sum(count for path, count in counts.items() if path.parts[0] == "tests")
    return len(sources), sum(counts.values()) - tests, tests


@pytest.mark.parametrize("choice", CHOICES)
def test_the_architecture_says_what_adding_a_component_takes(choice: str) -> None:
    files, package, test = lines_to_write(choice)
    row = f"| {choice.replace('-', ' ')} | {files} | {package} | {test} |"
    assert row in (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").splitlines(), row


def test_copier_asks_and_computes_what_diffmine_does() -> None:
    questions = yaml.safe_load((TEMPLATE / "copier.yml").read_text(encoding="utf-8"))
    assert set(questions["kind"]["choices"]) == set(CHOICES)
    values = Answers("diffmine-red-roofs", "view").values()
    for name, question in questions.items():
        if not name.startswith("_") and name not in ("name", "kind"):
            assert jinja2.Template(question["default"]).render(values) == values[name], name


def test_copier_writes_the_same_files(tmp_path: Path) -> None:
    import copier

    copier.run_copy(
        str(TEMPLATE), tmp_path / "mine", data={"name": "diffmine-roofs", "kind": "model"}, defaults=True, quiet=True
    )
    for path, text in rendered(Answers("diffmine-roofs", "model")):
        if path.name != ".copier-answers.yml":
            assert (tmp_path / "mine" / path).read_text(encoding="utf-8") == text, path
