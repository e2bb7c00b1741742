"""A stranger's plugins, as real distributions in real processes: found, isolated, and named when they fail."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from diffmine.testing.tiny_recipe import write_tiny_recipe
from diffmine.testing.toy_site import Site

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


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text('name = "x"\n[dataset]\nuse = "folder"\npath = "pictures"\n[clusterer]\nuse = "one"\n')
    return path


def test_a_strangers_component_is_listed_with_its_distribution(site: Site) -> None:
    site.install("stranger", CLUSTERER.format(name="one"))
    (entry,) = [one for one in site.listed()["components"] if one["name"] == "one"]
    assert entry == {
        "kind": "clusterers",
        "name": "one",
        "use": "one",
        "summary": "Everything is one cluster.",
        "plugin": "stranger",
        "distribution": "stranger",
        "version": "1.2",
    }


def test_a_plugin_that_raises_at_import_harms_nobody_and_is_named(site: Site, recipe: Path) -> None:
    site.install("broken", "raise RuntimeError('no GPU here')")
    assert site.diffmine("--help").returncode == 0
    (failure,) = site.listed()["failures"]
    assert failure == {
        "plugin": "broken",
        "distribution": "broken",
        "version": "1.2",
        "where": "import",
        "cause": "RuntimeError: no GPU here",
    }
    result = site.diffmine("check", str(recipe))
    assert result.returncode == 2
    assert "[clusterer] use = 'one': there is no such clusterer" in result.stderr
    assert "plugin 'broken' (broken 1.2) failed (import): RuntimeError: no GPU here" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_plugin_that_raises_in_its_hook_is_named(site: Site) -> None:
    source = """
        from diffmine import hookimpl
        @hookimpl
        def diffmine_register_metrics():
            raise ValueError("hook broke")
    """
    site.install("hooked", source)
    (failure,) = site.listed()["failures"]
    assert failure["plugin"] == "hooked"
    assert failure["where"] == "diffmine_register_metrics"
    assert failure["cause"] == "ValueError: hook broke"


def test_an_unknown_hook_is_reported(site: Site) -> None:
    source = """
        from diffmine import hookimpl
        @hookimpl
        def diffmine_register_clusterer():
            return []
    """
    site.install("misspelt", source)
    (failure,) = site.registry().failures
    assert failure.plugin == "misspelt"
    assert failure.cause == ("diffmine_register_clusterer is not a hook; did you mean 'diffmine_register_clusterers'?")


def test_something_that_is_no_component_is_reported(site: Site) -> None:
    source = """
        from diffmine import hookimpl
        @hookimpl
        def diffmine_register_clusterers():
            return [int]
    """
    site.install("wrong", source)
    (failure,) = site.registry().failures
    assert "not a subclass of Clusterer" in failure.cause


def test_two_plugins_with_one_name_are_both_named(site: Site, recipe: Path) -> None:
    site.install("first", CLUSTERER.format(name="one"))
    site.install("second", CLUSTERER.format(name="one"))
    result = site.diffmine("check", str(recipe))
    assert result.returncode == 2
    assert "'first' (first 1.2)" in result.stderr
    assert "'second' (second 1.2)" in result.stderr
    assert "DIFFMINE_DISABLED_PLUGINS" in result.stderr
    blocked = site.listed(DIFFMINE_DISABLED_PLUGINS="second")
    assert [one["plugin"] for one in blocked["components"] if one["name"] == "one"] == ["first"]


def test_one_labels_failure_does_not_lose_the_others(site: Site, tmp_path: Path) -> None:
    source = """
        from diffmine import hookimpl
        from diffmine.builtin.clusterers.kmeans import KMeans

        class Fussy(KMeans):
            "Fails the first time."
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
    site.install("fussy", source)
    recipe = write_tiny_recipe(tmp_path)
    where = ("--out", str(tmp_path / "run"), "--store", str(tmp_path / "store"), "--set", "clusterer.use=fussy")
    result = site.diffmine("run", str(recipe), *where, "--set", "clusterer.n_clusters=3")
    assert result.returncode == 0, result.stderr
    assert "' failed: ValueError: not these" in result.stdout + result.stderr
    assert set(pq.read_table(tmp_path / "run" / "clusters.parquet")["label"].to_pylist()) == {"b"}


def test_a_plugin_that_raises_inside_a_stage_is_named_and_traced_on_request(site: Site, tmp_path: Path) -> None:
    source = """
        from diffmine import hookimpl
        from diffmine.builtin.datasets.folder import Folder

        class Broken(Folder):
            "Cannot be fingerprinted."
            name = "broken"
            def fingerprint(self):
                raise ZeroDivisionError("no pictures to divide by")

        @hookimpl
        def diffmine_register_datasets():
            return [Broken]
    """
    site.install("breaker", source)
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('name = "x"\n[dataset]\nuse = "broken"\npath = "pictures"\n')
    (tmp_path / "pictures").mkdir()
    where = ("--out", str(tmp_path / "out"), "--store", str(tmp_path / "store"))
    result = site.diffmine("run", str(recipe), *where)
    assert result.returncode == 1
    assert "stage 'images' failed in the dataset 'broken' of plugin 'breaker' (breaker 1.2)" in result.stderr
    assert "ZeroDivisionError: no pictures to divide by" in result.stderr
    assert "Traceback" not in result.stderr
    traced = site.diffmine("run", str(recipe), *where, "--traceback")
    assert traced.returncode == 1
    assert "in fingerprint" in traced.stderr


def test_a_hook_hears_a_stage_begin_only_where_it_is_computed(site: Site, tmp_path: Path) -> None:
    source = """
        from diffmine import hookimpl

        @hookimpl
        def diffmine_stage_started(stage, run_folder):
            with open(run_folder / "heard.txt", "a") as file:
                print("started", stage, file=file)

        @hookimpl
        def diffmine_stage_finished(stage, run_folder, reused):
            with open(run_folder / "heard.txt", "a") as file:
                print("stored" if reused else "finished", stage, file=file)

        @hookimpl
        def diffmine_run_started(recipe, run_folder):
            with open(run_folder / "heard.txt", "a") as file:
                print("run", recipe.name, file=file)

        @hookimpl
        def diffmine_run_finished(run):
            with open(run.path / "heard.txt", "a") as file:
                print("done", run.images.num_rows, file=file)
    """
    site.install("follower", source)
    recipe = write_tiny_recipe(tmp_path)
    where = ("--out", str(tmp_path / "run"), "--store", str(tmp_path / "store"), "--until", "images")
    for _ in range(2):
        assert site.diffmine("run", str(recipe), *where).returncode == 0
    heard = (tmp_path / "run" / "heard.txt").read_text().splitlines()
    assert heard == ["run tiny", "started images", "finished images", "done 24", "run tiny", "stored images", "done 24"]


def test_a_plugin_adds_a_command(site: Site) -> None:
    source = """
        import click
        from diffmine import hookimpl
        @hookimpl
        def diffmine_register_commands(cli):
            cli.add_command(click.Command("hello", callback=lambda: click.echo("hello there")))
    """
    site.install("greeter", source)
    assert "hello" in site.diffmine("--help").stdout
    assert site.diffmine("hello").stdout == "hello there\n"


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
