"""A stranger's plugins, as real distributions in real processes: found, isolated, and named when they fail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from diffmine.testing.tiny_recipe import write_tiny_recipe

CLUSTERER = """
    import numpy as np
    from diffmine import hookimpl
    from diffmine.interfaces import Clusterer

    class OneCluster(Clusterer):
        '''Everything is one cluster.'''
        name = "{name}"
        def fit_predict(self, features, *, seed):
            return np.zeros(len(features), dtype=np.int32)

    @hookimpl
    def diffmine_register_clusterers():
        return [OneCluster]
"""


def install(site: Path, name: str, source: str) -> None:
    """A distribution on the path, as pip would leave it."""
    module = name.replace("-", "_")
    (site / f"{module}.py").write_text(textwrap.dedent(source))
    info = site / f"{module}-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(f"[diffmine]\n{name} = {module}\n")


def diffmine(site: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(site), "COLUMNS": "200", **variables}
    command = [sys.executable, "-m", "diffmine", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    return folder


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text('name = "x"\n[dataset]\nuse = "folder"\npath = "pictures"\n[clusterer]\nuse = "one"\n')
    return path


def listed(site: Path, **variables: str) -> dict:
    return json.loads(diffmine(site, "plugins", "--json", **variables).stdout)


def test_a_strangers_component_is_listed_with_its_distribution(site: Path) -> None:
    install(site, "stranger", CLUSTERER.format(name="one"))
    (entry,) = [one for one in listed(site)["components"] if one["name"] == "one"]
    assert entry == {
        "kind": "clusterers",
        "name": "one",
        "summary": "Everything is one cluster.",
        "plugin": "stranger",
        "distribution": "stranger",
        "version": "1.2",
    }


def test_a_plugin_that_raises_at_import_harms_nobody_and_is_named(site: Path, recipe: Path) -> None:
    install(site, "broken", "raise RuntimeError('no GPU here')")
    assert diffmine(site, "--help").returncode == 0
    (failure,) = listed(site)["failures"]
    assert failure == {"plugin": "broken", "where": "import", "cause": "RuntimeError: no GPU here"}
    result = diffmine(site, "check", str(recipe))
    assert result.returncode == 2
    assert "[clusterer] use = 'one': there is no such clusterer" in result.stderr
    assert "plugin 'broken' failed (import): RuntimeError: no GPU here" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_plugin_that_raises_in_its_hook_is_named(site: Path) -> None:
    source = """
        from diffmine import hookimpl
        @hookimpl
        def diffmine_register_metrics():
            raise ValueError("hook broke")
    """
    install(site, "hooked", source)
    (failure,) = listed(site)["failures"]
    assert failure == {"plugin": "hooked", "where": "diffmine_register_metrics", "cause": "ValueError: hook broke"}


def test_an_unknown_hook_is_reported(site: Path) -> None:
    source = """
        from diffmine import hookimpl
        @hookimpl
        def diffmine_register_clusterer():
            return []
    """
    install(site, "misspelt", source)
    (failure,) = listed(site)["failures"]
    assert failure["plugin"] == "misspelt"
    assert "diffmine_register_clusterer" in failure["cause"]


def test_something_that_is_no_component_is_reported(site: Path) -> None:
    source = """
        from diffmine import hookimpl
        @hookimpl
        def diffmine_register_clusterers():
            return [int]
    """
    install(site, "wrong", source)
    (failure,) = listed(site)["failures"]
    assert "not a subclass of Clusterer" in failure["cause"]


def test_two_plugins_with_one_name_are_both_named(site: Path, recipe: Path) -> None:
    install(site, "first", CLUSTERER.format(name="one"))
    install(site, "second", CLUSTERER.format(name="one"))
    result = diffmine(site, "check", str(recipe))
    assert result.returncode == 2
    assert "'first' (first 1.2)" in result.stderr
    assert "'second' (second 1.2)" in result.stderr
    assert "DIFFMINE_DISABLED_PLUGINS" in result.stderr
    blocked = listed(site, DIFFMINE_DISABLED_PLUGINS="second")
    assert [one["plugin"] for one in blocked["components"] if one["name"] == "one"] == ["first"]


def test_one_labels_failure_does_not_lose_the_others(site: Path, tmp_path: Path) -> None:
    source = """
        from diffmine import hookimpl
        from diffmine.builtin.clusterers.kmeans import KMeans

        class Fussy(KMeans):
            name = "fussy"
            calls = 0
            def fit_predict(self, features, *, seed):
                Fussy.calls += 1
                if Fussy.calls == 1:
                    raise ValueError("not these")
                return super().fit_predict(features, seed=seed)

        @hookimpl
        def diffmine_register_clusterers():
            return [Fussy]
    """
    install(site, "fussy", source)
    recipe = write_tiny_recipe(tmp_path)
    where = ("--out", str(tmp_path / "run"), "--store", str(tmp_path / "store"), "--set", "clusterer.use=fussy")
    result = diffmine(site, "run", str(recipe), *where, "--set", "clusterer.n_clusters=3")
    assert result.returncode == 0, result.stderr
    assert "' failed: ValueError: not these" in result.stdout + result.stderr
    assert set(pq.read_table(tmp_path / "run" / "clusters.parquet")["label"].to_pylist()) == {"b"}


def test_a_plugin_that_raises_inside_a_stage_is_named_and_traced_on_request(site: Path, tmp_path: Path) -> None:
    source = """
        from diffmine import hookimpl
        from diffmine.builtin.datasets.folder import Folder

        class Broken(Folder):
            name = "broken"
            def fingerprint(self):
                raise ZeroDivisionError("no pictures to divide by")

        @hookimpl
        def diffmine_register_datasets():
            return [Broken]
    """
    install(site, "breaker", source)
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('name = "x"\n[dataset]\nuse = "broken"\npath = "."\n')
    where = ("--out", str(tmp_path / "out"), "--store", str(tmp_path / "store"))
    result = diffmine(site, "run", str(recipe), *where)
    assert result.returncode == 1
    assert "stage 'images' failed in the dataset 'broken' of plugin 'breaker' (breaker 1.2)" in result.stderr
    assert "ZeroDivisionError: no pictures to divide by" in result.stderr
    assert "Traceback" not in result.stderr
    traced = diffmine(site, "run", str(recipe), *where, "--traceback")
    assert traced.returncode == 1
    assert "in fingerprint" in traced.stderr


def test_a_plugin_adds_a_command(site: Path) -> None:
    source = """
        import click
        from diffmine import hookimpl
        @hookimpl
        def diffmine_register_commands(cli):
            cli.add_command(click.Command("hello", callback=lambda: click.echo("hello there")))
    """
    install(site, "greeter", source)
    assert "hello" in diffmine(site, "--help").stdout
    assert diffmine(site, "hello").stdout == "hello there\n"


def test_starting_imports_no_heavy_library() -> None:
    code = """
        import sys
        from diffmine.plugins.manager import plugin_manager
        from diffmine.plugins.registry import registry
        import diffmine.commands.cli
        assert list(registry().entries())
        assert not registry().failures, registry().failures
        heavy = {"torch", "diffusers", "transformers", "sklearn", "scipy", "matplotlib", "umap", "hdbscan", "skimage"}
        print(sorted(heavy & set(sys.modules)))
    """
    result = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_every_component_says_what_it_is_and_describes_every_option() -> None:
    from diffmine.plugins.registry import registry

    for entry in registry().entries():
        assert entry.component.summary().endswith("."), entry.component
        for name, field in entry.component.Config.model_fields.items():
            assert field.description, f"{entry.component.name}: {name}"
