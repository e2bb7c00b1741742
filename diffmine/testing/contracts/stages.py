"""What every stage keeps."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from diffmine.engine.work import RunInputs, StageWork
from diffmine.interfaces import Progress, Stage
from diffmine.plugins.kinds import KIND_OF_TABLE, TOP_LEVEL
from diffmine.plugins.registry import registry
from diffmine.recipes.resolving import Components, resolve
from diffmine.runs.run import Run
from diffmine.store.artifacts import PUBLIC
from diffmine.testing.contracts.reports import digests
from diffmine.testing.toy_runs import write_toy_run


def differing_files(first: Mapping[str, str], second: Mapping[str, str]) -> list[str]:
    """The files that only one of two folders has, or that have another content, by the digests of each."""
    return sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name))


class StageContract:
    """Subclass this and return your stage from a fixture ``stage``.

    It is given a finished run over toy pictures, so it may read whatever a run has. The run's model is not trained.
    """

    @pytest.fixture(scope="class")
    @classmethod
    def run(cls, tmp_path_factory: pytest.TempPathFactory) -> Run:
        return write_toy_run(tmp_path_factory.mktemp("toy"), clusters=2, members=6)

    @pytest.fixture(scope="class")
    @classmethod
    def inputs(cls, run: Run, tmp_path_factory: pytest.TempPathFactory) -> RunInputs:
        """The artifacts of the run, each with what the whole run has published."""
        artifacts = {stage: tmp_path_factory.mktemp(stage) for stage in run.info["stages"]}
        for stage, folder in artifacts.items():
            stored = Path(run.info["store"], stage, run.info["stages"][stage]["key"])
            if stored.exists():  # a toy run has those that showing it takes
                shutil.copytree(stored, folder, dirs_exist_ok=True)
            shutil.copytree(run.path, folder / PUBLIC)
        return RunInputs(resolve(run.recipe, registry()), artifacts)

    @pytest.fixture
    def components(self, inputs: RunInputs) -> Components:
        return inputs.components

    @pytest.fixture
    def at_work(self, stage: Stage, run: Run, inputs: RunInputs, tmp_path: Path) -> Callable[[str], Path]:
        """Runs the stage in ``tmp_path / name``; gives the folder of its artifact."""

        def work(name: str) -> Path:
            folder = tmp_path / name
            folder.mkdir()
            stage.run(StageWork(inputs, folder, run.path, "cpu", Progress()))
            return folder

        return work

    def test_its_name_is_no_table_of_another(self, stage: Stage) -> None:
        assert stage.name not in {*KIND_OF_TABLE, *TOP_LEVEL}, f"[{stage.name}] is a table of the recipe already"

    def test_it_names_tables_and_stages_that_there_are(self, stage: Stage, components: Components) -> None:
        tables, stages = set(KIND_OF_TABLE), {one.name for one in components.stages}
        unknown = set(stage.tables(components)) - tables
        assert not unknown, f"tables() names {sorted(unknown)}; there are {sorted(tables)}"
        unknown = set(stage.reads(components)) - stages
        assert not unknown, f"reads() names {sorted(unknown)}; there are {sorted(stages)}"

    def test_it_writes_an_artifact(self, at_work: Callable[[str], Path]) -> None:
        assert digests(at_work("once")), "the stage has written nothing to work.folder or work.public(...)"

    def test_it_writes_the_same_again(self, at_work: Callable[[str], Path]) -> None:
        differing = differing_files(digests(at_work("once")), digests(at_work("again")))
        assert not differing, f"run twice, these files differ: {differing}"

    def test_it_leaves_the_run_and_earlier_artifacts_alone(
        self, at_work: Callable[[str], Path], run: Run, inputs: RunInputs
    ) -> None:
        folders = [run.path, *inputs.artifacts.values()]
        before = [digests(folder) for folder in folders]
        at_work("once")
        for folder, earlier in zip(folders, before, strict=True):
            differing = differing_files(earlier, digests(folder))
            assert not differing, f"the stage has changed files that are not its own: {differing}"
