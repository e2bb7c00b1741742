"""``diffmine test-plugin``: which component is meant, what failed before there was one, what a failed test says."""

from __future__ import annotations

import pytest

from diffmine.errors import RecipeError
from diffmine.testing.plugin_contracts import of_distribution
from diffmine.testing.toy_site import Site

RIVAL = """
    import numpy as np
    from diffmine import hookimpl
    from diffmine.interfaces import Clusterer, Exporter

    class OneCluster(Clusterer):
        "Everything is one cluster."
        name = "kmeans"
        def fit_predict(self, features, *, seed):
            return np.zeros(len(features), dtype=np.int32)

    @hookimpl
    def diffmine_register_clusterers():
        return [OneCluster]

    class Nothing(Exporter):
        "The same file whatever is asked for."
        name = "nothing"
        suffix = ".txt"
        def export(self, contents, rows):
            return b"nothing"

    @hookimpl
    def diffmine_register_exporters():
        return [Nothing]
"""

STAGE = """
    from diffmine import hookimpl
    from diffmine.interfaces import Stage

    class Clusters(Stage):
        "Has the name of a stage that there is."
        name = "clusters"
        def run(self, work):
            pass

    @hookimpl
    def diffmine_register_stages():
        return [Clusters]
"""

MISSPELLED = """
    from diffmine import hookimpl

    @hookimpl
    def diffmine_register_scorers():
        return []
"""

ONLY_FOLLOWS = """
    from diffmine import hookimpl

    @hookimpl
    def diffmine_stage_started(stage): ...
"""


@pytest.fixture
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("site"))


def test_a_component_that_shares_its_name_is_the_one_tested_and_failures_say_values(site: Site) -> None:
    site.install("diffmine-rival", RIVAL, plugin="rival")
    done = site.diffmine("test-plugin", "diffmine-rival")
    assert done.returncode == 1, done.stderr
    title, mixed, exporter, *alike = done.stdout.splitlines()
    assert title == "clusterer kmeans  10 tests passed, 1 failed"
    assert mixed.startswith("  separate groups are never mixed: AssertionError: cluster 0 mixes groups")
    assert exporter == "exporter nothing  5 tests passed, 2 failed"
    assert all(line.endswith("AssertionError: assert b'nothing' != b'nothing'") for line in alike), alike


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("import no_such_library", "(import): ModuleNotFoundError: No module named 'no_such_library'"),
        ("from diffmine.interfaces import Oracle", "cannot import name 'Oracle'"),
        ("diffmine_interface = '2.0'", "needs interface 2.0"),
        (MISSPELLED, "is not a hook; did you mean 'diffmine_register_typicality_scorers'?"),
        (STAGE, "has a stage of the name 'clusters' already"),
    ],
)
@pytest.mark.parametrize("name", ["diffmine-broken", "broken"])
def test_what_failed_of_a_plugin_is_found_by_its_name_and_its_distributions(
    site: Site, source: str, cause: str, name: str
) -> None:
    site.install("diffmine-broken", source, plugin="broken")
    found = of_distribution(site.registry(), name)
    assert not found.entries
    (failure,) = found.failures
    assert cause in str(failure)


def test_a_plugin_that_does_not_load_fails(site: Site) -> None:
    site.install("diffmine-broken", "import no_such_library", plugin="broken")
    done = site.diffmine("test-plugin", "diffmine-broken")
    assert done.returncode == 1
    assert "No module named 'no_such_library'" in done.stdout


def test_a_plugin_without_components_is_told_so(site: Site) -> None:
    site.install("diffmine-follower", ONLY_FOLLOWS, plugin="follower")
    with pytest.raises(RecipeError, match="'diffmine-follower' registers no components"):
        of_distribution(site.registry(), "diffmine-follower")
    with pytest.raises(RecipeError, match="did you mean 'diffmine-follower'"):
        of_distribution(site.registry(), "diffmine-folower")
