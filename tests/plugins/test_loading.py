"""Plugins that do not load, load in part, or share a name: isolated, named, and told of in one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pluggy
import pytest

from diffmine.plugins.kinds import KIND_OF_NAME
from diffmine.plugins.manager import PluginManager, Source
from diffmine.testing.tiny_recipe import write_tiny_recipe
from diffmine.testing.toy_site import Site

CLUSTERERS = KIND_OF_NAME["clusterers"]

CLUSTERER = """
    import numpy as np
    from diffmine import hookimpl
    from diffmine.interfaces import Clusterer

    class OneCluster(Clusterer):
        "Everything is one cluster."
        name = "one"
        def fit_predict(self, features, *, seed):
            return np.zeros(len(features), dtype=np.int32)

    @hookimpl
    def diffmine_register_clusterers():
        return [OneCluster]
"""


@pytest.mark.parametrize(
    ("source", "where", "cause"),
    [
        ("raise SystemExit(3)", "import", "SystemExit: 3"),
        ("import asyncio\nraise asyncio.CancelledError('x')", "import", "CancelledError: x"),
        ("import no_such_library", "import", "ModuleNotFoundError: No module named 'no_such_library'"),
        (
            "import sys, diffmine\n@diffmine.hookimpl\ndef diffmine_register_metrics():\n    sys.exit('no licence')",
            "diffmine_register_metrics",
            "SystemExit: no licence",
        ),
        (
            "def diffmine_register_metrics():\n    return []",
            "diffmine_register_metrics",
            "diffmine_register_metrics lacks the decorator @diffmine.hookimpl, so it is never called",
        ),
        (
            "diffmine_interface = '2.0'\nfrom diffmine.interfaces import Oracle",
            "import",
            "needs interface 2.0; this diffmine has 1.0: upgrade diffmine",
        ),
        (
            "diffmine_interface = '.'.join(['1', '7'])",  # what only an import tells
            "import",
            "needs interface 1.7; this diffmine has 1.0: upgrade diffmine",
        ),
        (
            "diffmine_interface = '0.9'",
            "import",
            "needs interface 0.9; this diffmine has 1.0: upgrade the plugin",
        ),
        (
            "diffmine_interface = 'newest'",
            "import",
            "diffmine_interface = 'newest': must be a version such as \"1.0\"",
        ),
    ],
)
def test_a_plugin_that_cannot_be_used_is_a_failure_with_its_cause(
    site: Site, source: str, where: str, cause: str
) -> None:
    site.install("broken", source)
    registry = site.registry()
    (failure,) = registry.failures
    assert (failure.plugin, failure.source, failure.where, failure.cause) == (
        "broken",
        Source("broken", "1.2"),
        where,
        cause,
    )
    assert "kmeans" in registry.names(CLUSTERERS)
    assert ("broken" in registry.plugins.names()) == (where != "import")


def test_a_hook_that_asks_for_what_it_is_not_given_is_refused_whole(site: Site) -> None:
    site.install("greedy", CLUSTERER + "\n    @hookimpl\n    def diffmine_stage_started(stage, budget): ...\n")
    registry = site.registry()
    (failure,) = registry.failures
    assert "{'budget'}" in failure.cause
    assert "\n" not in failure.cause
    assert "one" not in registry.names(CLUSTERERS)


def test_a_plugin_may_say_which_interface_it_needs(site: Site) -> None:
    site.install("modern", 'diffmine_interface = "1.0"\n')
    site.install("silent", "")
    plugins = site.registry().plugins
    assert not plugins.failures
    assert (plugins.interfaces["modern"], plugins.interfaces["silent"]) == ("1.0", "1.0")


def test_two_distributions_with_one_entry_point_name_both_work(site: Site) -> None:
    site.install("first", CLUSTERER, plugin="clusters")
    site.install("second", CLUSTERER.replace('"one"', '"another"'), plugin="clusters")
    registry = site.registry()
    assert not registry.failures
    assert {"one", "another"} <= set(registry.names(CLUSTERERS))
    assert {"first/clusters", "second/clusters"} <= set(registry.plugins.names())
    (note,) = registry.plugins.notes
    assert sorted(
        word for word in ("first 1.2", "second 1.2", "'first/clusters'", "'second/clusters'") if word in str(note)
    )
    assert "\n" not in str(note)
    one, both = site.registry("second/clusters"), site.registry("clusters")
    assert "another" not in one.names(CLUSTERERS)
    assert "one" in one.names(CLUSTERERS)
    assert not {"one", "another"} & set(both.names(CLUSTERERS))


def test_a_stranger_may_not_pass_for_diffmine(site: Site) -> None:
    site.install("evil", CLUSTERER, plugin="diffmine")
    registry = site.registry()
    assert registry.find(CLUSTERERS, "one").plugin == "evil/diffmine"
    assert registry.find(CLUSTERERS, "kmeans").plugin == "diffmine"


def test_two_entry_points_to_one_module_are_told_in_a_sentence(site: Site) -> None:
    module = site.install("twice", CLUSTERER)
    entry_points = module.parent / "twice-1.2.dist-info" / "entry_points.txt"
    entry_points.write_text("[diffmine]\ntwice = twice\nagain = twice\n")
    registry = site.registry()
    (failure,) = registry.failures
    assert failure.cause == "names the same module as the plugin 'again'; remove one of the two entry points"
    assert registry.find(CLUSTERERS, "one").plugin == "again"


def test_a_deprecation_of_a_hook_reaches_the_user_as_a_note() -> None:
    class Old:
        @pluggy.HookspecMarker("diffmine")(
            warn_on_impl=DeprecationWarning("use diffmine_register_clusterers; gone in 3")
        )
        def diffmine_register_groupers(self) -> None: ...

    class Plugin:
        @pluggy.HookimplMarker("diffmine")
        def diffmine_register_groupers(self) -> None: ...

    manager = PluginManager([Old])
    manager.register(Plugin(), "outdated", Source("outdated", "0.3"))
    assert not manager.failures
    assert [str(note) for note in manager.notes] == ["plugin 'outdated': use diffmine_register_clusterers; gone in 3"]


def test_a_misspelt_name_of_a_plugin_to_leave_out_is_told(site: Site) -> None:
    site.install("stranger", CLUSTERER)
    result = site.diffmine("--help", DIFFMINE_DISABLED_PLUGINS="strangr")
    assert result.returncode == 0
    assert "DIFFMINE_DISABLED_PLUGINS: there is no plugin 'strangr'; did you mean 'stranger'?" in result.stderr
    assert "DIFFMINE" not in site.diffmine("--help", DIFFMINE_DISABLED_PLUGINS="stranger").stderr


def test_a_command_cannot_be_replaced_and_what_a_plugin_adds_is_listed(site: Site) -> None:
    source = """
        import click
        from diffmine import hookimpl

        @hookimpl
        def diffmine_register_commands(cli):
            cli.add_command(click.Command("{0}", callback=lambda: click.echo("hijacked")))
            cli.add_command(click.Command("{1}", callback=lambda: click.echo("from {1}")))

        @hookimpl
        def diffmine_stage_started(stage): ...
    """
    site.install("greeter", source.format("schema", "hello"))
    site.install("second-greeter", source.format("hello", "good-bye"))
    listed = site.listed()
    causes = {failure["plugin"]: failure["cause"] for failure in listed["failures"]}
    added = {plugin["plugin"]: (plugin["hooks"], plugin["commands"]) for plugin in listed["plugins"]}
    assert causes["greeter"] == "may not replace the command 'schema' of diffmine; rename its own"
    assert causes["second-greeter"] == "may not replace the command 'hello' of plugin 'greeter'; rename its own"
    hooks = ["diffmine_register_commands", "diffmine_stage_started"]
    assert (added["greeter"], added["second-greeter"]) == ((hooks, ["hello"]), (hooks, ["good-bye"]))
    assert site.diffmine("schema").stdout.startswith("{")
    assert site.diffmine("hello").stdout == "from hello\n"


def test_help_imports_only_plugins_that_may_add_commands(site: Site, tmp_path: Path) -> None:
    touch = "from pathlib import Path\nPath({!r}).touch()\n"
    site.install("quiet", touch.format(str(tmp_path / "quiet-was-imported")))
    site.install(
        "talkative",
        touch.format(str(tmp_path / "talkative-was-imported"))
        + "import diffmine\n@diffmine.hookimpl\ndef diffmine_register_commands(cli): ...\n",
    )
    assert site.diffmine("--help").returncode == 0
    assert sorted(path.name for path in tmp_path.glob("*-was-imported")) == ["talkative-was-imported"]


def test_a_run_says_once_which_plugins_failed_and_does_not_count_them_as_present(site: Site, tmp_path: Path) -> None:
    site.install("broken", "raise RuntimeError('no GPU here')")
    site.install("sound", "")
    recipe = write_tiny_recipe(tmp_path)
    where = ("--out", tmp_path / "run", "--store", tmp_path / "store", "--until", "images")
    said = "plugin 'broken' (broken 1.2) failed (import): RuntimeError: no GPU here"
    result = site.diffmine("run", recipe, *where)
    assert result.returncode == 0, result.stderr
    assert result.stderr.count(said) == 1
    info = json.loads((tmp_path / "run" / "run.json").read_text())
    assert info["plugins"]["sound"] == "sound 1.2"
    assert "broken" not in info["plugins"]
    assert info["failed_plugins"] == {"broken": [said]}
    assert info["warnings"] == [said]
    site.uninstall("broken")
    assert site.diffmine("run", recipe, *where).returncode == 0
    mended = json.loads((tmp_path / "run" / "run.json").read_text())
    assert mended["stages"]["images"]["reused"]
    assert mended["warnings"] == []


def test_an_interrupt_while_a_plugin_is_imported_ends_like_any_other(site: Site) -> None:
    site.install("slow", "raise KeyboardInterrupt")
    done = site.diffmine("plugins")
    assert done.returncode == 130
    assert "interrupted" in done.stderr
    assert "Traceback" not in done.stderr
