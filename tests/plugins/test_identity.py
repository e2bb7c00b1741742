"""Results in the store belong to the code that made them: distribution and source are part of a stranger's key."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from diffmine.interfaces import Component
from diffmine.plugins.code_digest import code_digest
from diffmine.plugins.kinds import KIND_OF_NAME
from diffmine.plugins.registry import Registry
from diffmine.testing.tiny_recipe import write_tiny_recipe
from diffmine.testing.toy_site import Site

DATASETS = KIND_OF_NAME["datasets"]

DATASET = """
    from diffmine import hookimpl
    from diffmine.builtin.datasets.folder import Folder

    class Mine(Folder):
        "Pictures in folders, as others have them."
        name = "mine"

    @hookimpl
    def diffmine_register_datasets():
        return [Mine]
"""


def stage(run: Path) -> dict[str, object]:
    info: dict[str, object] = json.loads((run / "run.json").read_text())["stages"]["images"]
    return info


def test_two_distributions_and_two_states_of_one_share_no_results(site: Site, tmp_path: Path) -> None:
    recipe, run, store = write_tiny_recipe(tmp_path), tmp_path / "run", tmp_path / "store"

    def go() -> dict[str, object]:
        where = ("--out", run, "--store", store, "--until", "images", "--set", "dataset.use=mine")
        pictures = ("--set", "dataset.path=" + str(tmp_path / "pictures"))
        result = site.diffmine("run", recipe, *where, *pictures)
        assert result.returncode == 0, result.stderr
        return stage(run)

    site.install("first", DATASET)
    first = go()
    assert not first["reused"]
    assert go()["reused"]
    module = site.install("first", DATASET + "\n    # a change\n", version="1.3")
    assert not go()["reused"]
    module.write_text(module.read_text().replace("\n# a change\n", ""))
    site.uninstall("first")
    site.install("second", DATASET)
    second = go()
    assert not second["reused"]
    assert second["key"] != first["key"]
    assert second["digest"] == first["digest"]
    origin = {"use": "mine", "plugin": "second", "distribution": "second", "version": "1.2"}
    assert json.loads((run / "run.json").read_text())["components"]["dataset"] == [origin]
    manifest = json.loads((store / "images" / str(second["key"]) / "manifest.json").read_text())
    assert manifest["facts"]["producers"]["dataset"] == [origin]
    site.uninstall("second")
    site.install("first", DATASET)
    again = go()
    assert again["reused"]
    assert again["key"] == first["key"]


def build(registry: Registry, folder: Path, use: str) -> Component:
    return registry.build(DATASETS, use, {"path": str(folder)})


def test_a_builtin_components_key_names_no_source(site: Site, tmp_path: Path) -> None:
    site.install("first", DATASET)
    registry = site.registry()
    assert not {"distribution", "source"} & set(build(registry, tmp_path, "folder").identity())
    assert build(registry, tmp_path, "mine").identity()["distribution"] == "first"


def package(site: Site, helper: str, **files: str) -> Component:
    """A component in a package whose work is done by a module beside it."""
    site.install("wrapped", "from wrapped_code.entry import diffmine_register_datasets\n")
    folder = site.folder / "wrapped_code"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "helper.py").write_text(helper)
    for name, text in files.items():
        (folder / name).write_text(text)
    (folder / "entry.py").write_text("\n".join(line[4:] for line in DATASET.splitlines()))
    for name in [name for name in sys.modules if name.partition(".")[0] == "wrapped_code"]:
        del sys.modules[name]
    return build(site.registry(), site.folder, "mine")


@pytest.mark.parametrize(
    ("helper", "files", "same"),
    [
        ("WIDTH = 3\n", {}, True),
        ("WIDTH = 4\n", {}, False),
        ("WIDTH = 3\n", {"more.py": ""}, False),
        ("WIDTH = 3\n", {"README.md": "words"}, True),
    ],
)
def test_the_whole_package_of_a_component_counts(
    tmp_path: Path, helper: str, files: dict[str, str], same: bool
) -> None:
    before = package(Site(tmp_path / "before"), "WIDTH = 3\n")
    after = package(Site(tmp_path / "after"), helper, **files)
    assert (before.identity()["source"] == after.identity()["source"]) == same


def test_what_a_component_derives_from_counts_wherever_it_is_defined(tmp_path: Path) -> None:
    derived = """
        from diffmine import hookimpl
        from base_of_all import Mine

        class Derived(Mine):
            "Derived from another plugin's."
            name = "derived"

        @hookimpl
        def diffmine_register_datasets():
            return [Derived]
    """
    digests = []
    for number, base in enumerate((DATASET, DATASET + "\n    # changed\n", DATASET)):
        site = Site(tmp_path / f"site-{number}")
        site.install("base-of-all", base)
        site.install("derived", derived)
        digests.append(code_digest(site.registry().find(DATASETS, "derived").component))
    assert digests[0] == digests[2] != digests[1]
