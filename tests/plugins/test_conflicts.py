"""Two plugins with a component of one name: an error that says how to settle it, and recipes that do."""

from __future__ import annotations

import tomllib
from pathlib import Path

import jsonschema
import pytest

from diffmine.errors import MissingComponentError, PluginError, RecipeError
from diffmine.plugins.kinds import KIND_OF_NAME
from diffmine.plugins.registry import Registry
from diffmine.recipes.reading import load_recipe, parse_recipe
from diffmine.recipes.resolving import Resolved, resolve
from diffmine.recipes.schema import recipe_schema
from diffmine.testing.toy_site import Site

RIVAL = """
    from diffmine import hookimpl
    from diffmine.builtin.clusterers.kmeans import KMeans
    from diffmine.builtin.extractors.pixels import Pixels
    from diffmine.builtin.metrics.silhouette import Silhouette

    class MyKMeans(KMeans):
        "Another k-means."
        name = "kmeans"

    class MyPixels(Pixels):
        "Other pixels."
        name = "pixels"

    class MySilhouette(Silhouette):
        "Another silhouette."
        name = "silhouette"

    @hookimpl
    def diffmine_register_clusterers():
        return [MyKMeans]

    @hookimpl
    def diffmine_register_feature_extractors():
        return [MyPixels]

    @hookimpl
    def diffmine_register_metrics():
        return [MySilhouette]
"""


@pytest.fixture
def registry(site: Site) -> Registry:
    site.install("diffmine-rival", RIVAL, plugin="rival")
    return site.registry()


def resolved(registry: Registry, **tables: object) -> Resolved:
    tables = {"clusterer": {"use": "hdbscan"}, **tables}
    return resolve(parse_recipe({"name": "x", "dataset": {"use": "folder", "path": "."}, **tables}), registry)


def test_a_name_that_two_plugins_have_is_an_error_that_says_how_to_settle_it(registry: Registry) -> None:
    assert not registry.failures
    listed = [entry.plugin for entry in registry.entries() if entry.component.name == "kmeans"]
    assert listed == ["diffmine", "rival"]
    with pytest.raises(PluginError) as caught:
        resolved(registry, clusterer={"use": "kmeans"})
    text = str(caught.value)
    assert text.startswith("[clusterer] use = 'kmeans': plugins 'diffmine' (diffmine ")
    assert "'rival' (diffmine-rival 1.2)" in text
    assert 'write use = "diffmine:kmeans" or use = "rival:kmeans"' in text
    assert "\n" not in text


@pytest.mark.parametrize("plugin", ["diffmine", "rival", "diffmine-rival/rival"])
def test_a_recipe_settles_it_and_stays_settled(registry: Registry, tmp_path: Path, plugin: str) -> None:
    use = f"{plugin}:kmeans"
    first = resolved(registry, clusterer={"use": use, "n_clusters": 7})
    owner = plugin.rpartition("/")[2]
    assert first.components.clusterer.provenance.plugin == owner  # type: ignore[union-attr]
    path = tmp_path / "recipe.toml"
    path.write_text(first.to_toml())
    assert tomllib.loads(path.read_text())["clusterer"]["use"] == use
    again = resolve(load_recipe(path), registry)
    assert again.to_toml() == first.to_toml()
    assert again.components.clusterer.identity() == first.components.clusterer.identity()


def test_how_a_component_is_spelled_does_not_decide_what_is_stored(site: Site, registry: Registry) -> None:
    alone = site.registry("rival")
    plain = resolved(alone, clusterer={"use": "kmeans"}).components.clusterer.identity()
    assert resolved(registry, clusterer={"use": "diffmine:kmeans"}).components.clusterer.identity() == plain
    assert resolved(registry, clusterer={"use": "rival:kmeans"}).components.clusterer.identity() != plain


def test_several_of_one_name_can_be_used_together_each_with_its_options(registry: Registry, tmp_path: Path) -> None:
    use = ["rival:silhouette", "diffmine:silhouette"]
    field = next(iter(registry.find(KIND_OF_NAME["metrics"], use[1]).component.Config.model_fields))
    table = {"use": use, "rival:silhouette": {field: 11}}
    first = resolved(registry, metrics=table)
    assert [type(metric).__name__ for metric in first.components.metrics] == ["MySilhouette", "Silhouette"]
    assert getattr(first.components.metrics[0].config, field) == 11
    assert getattr(first.components.metrics[1].config, field) != 11
    path = tmp_path / "recipe.toml"
    path.write_text(first.to_toml())
    assert resolve(load_recipe(path), registry).to_toml() == first.to_toml()
    with pytest.raises(RecipeError, match=r"\[metrics\] silhouette = \{\}: unknown option"):
        resolved(registry, metrics={"use": use, "silhouette": {}})


def test_parts_inside_a_component_are_settled_too(registry: Registry) -> None:
    parts = ["rival:pixels", {"use": "diffmine:pixels"}]
    features = resolved(registry, features={"use": "concat", "parts": parts}).components.features
    assert [type(part).__name__ for part in features.parts] == ["MyPixels", "Pixels"]
    assert [table["use"] for table in features.describe()["parts"]] == ["rival:pixels", "diffmine:pixels"]
    assert [origin["distribution"] for origin in features.origins()] == ["diffmine", "diffmine-rival", "diffmine"]


def test_a_plugin_that_is_not_there_is_told_with_those_that_are(registry: Registry) -> None:
    with pytest.raises(MissingComponentError) as caught:
        resolved(registry, clusterer={"use": "rivals:kmeans"})
    assert "there is no such clusterer; did you mean 'rival:kmeans'?" in str(caught.value)


def test_the_schema_for_editors_knows_the_long_names(registry: Registry) -> None:
    schema = recipe_schema(registry)
    base = {"name": "x", "dataset": {"use": "folder", "path": "."}}
    validator = jsonschema.Draft202012Validator(schema)
    assert validator.is_valid({**base, "clusterer": {"use": "rival:kmeans"}, "metrics": {"use": ["rival:silhouette"]}})
    assert not validator.is_valid({**base, "clusterer": {"use": "kmeans"}})
    assert validator.is_valid({**base, "clusterer": {"use": "hdbscan"}, "requires": ["diffmine-rival>=1"]})
