"""What is wrong with a component is listed with its plugin before anybody uses it."""

from __future__ import annotations

import textwrap
from types import ModuleType
from typing import Any

import pytest

from diffmine.errors import RecipeError
from diffmine.plugins.kinds import KIND_OF_NAME
from diffmine.plugins.manager import PluginManager, Source
from diffmine.plugins.registry import Registry

CLUSTERERS = KIND_OF_NAME["clusterers"]

HEAD = """
    import numpy as np
    from diffmine import hookimpl
    from diffmine.interfaces import Clusterer, ClustererConfig, ComponentConfig, Report
    from collections.abc import Callable
    from pydantic import BaseModel

    class Good(Clusterer):
        "Everything is one cluster."
        name = "good"
        def fit_predict(self, features, *, seed):
            return np.zeros(len(features), dtype=np.int32)
"""


def plugin(source: str) -> ModuleType:
    module = ModuleType("stranger")
    exec(textwrap.dedent(HEAD) + textwrap.dedent(source), module.__dict__)
    return module


def registry_of(source: str) -> Registry:
    manager = PluginManager()
    manager.register(plugin(source), "stranger", Source("stranger-dist", "1.2"))
    return Registry(manager)


CASES = {
    "no name": ("class Bad(Clusterer):\n 'x'\n def fit_predict(self, features, *, seed): ...", "Bad has no name"),
    "a name with capitals": (
        "class Bad(Good):\n 'x'\n name = 'K-Means'",
        "name = 'K-Means': a name is lower-case words",
    ),
    "a colon in the name": ("class Bad(Good):\n 'x'\n name = 'a:b'", "name = 'a:b'"),
    "a name that is no text": ("class Bad(Good):\n 'x'\n name = 3", "name = 3: a name is"),
    "a name that cannot be looked up": ("class Bad(Good):\n 'x'\n name = ['bad']", "name = ['bad']"),
    "abstract": (
        "class Bad(Clusterer):\n 'x'\n name = 'bad'",
        "Bad is abstract; write what Clusterer asks for: fit_predict",
    ),
    "a Config that is no model": (
        "class Bad(Good):\n 'x'\n name = 'bad'\n class Config:\n  k = 3",
        "is not a pydantic model",
    ),
    "a Config of pydantic alone": (
        "class Bad(Good):\n 'x'\n name = 'bad'\n class Config(BaseModel): ...",
        "must extend diffmine.interfaces.ClustererConfig",
    ),
    "a Config of another interface": (
        "class Bad(Good):\n 'x'\n name = 'bad'\n class Config(ComponentConfig): ...",
        "must extend diffmine.interfaces.ClustererConfig",
    ),
    "an option called use": (
        "class Bad(Good):\n 'x'\n name = 'bad'\n class Config(ClustererConfig):\n  use: int = 1",
        "has an option 'use'",
    ),
    "an option that no recipe can hold": (
        "class Bad(Good):\n 'x'\n name = 'bad'\n class Config(ClustererConfig):\n  hook: Callable[[], int] = max",
        "an option that no recipe can hold",
    ),
    "an __init__ of its own making": (
        "class Bad(Good):\n 'x'\n name = 'bad'\n def __init__(self, config): ...",
        "cannot be made as Bad(config, parts)",
    ),
    "a version that is no number": ("class Bad(Good):\n 'x'\n name = 'bad'\n version = '2'", "version = '2'"),
    "the same name twice": ("class Bad(Good):\n 'x'\n name = 'good'", "registers two clusterers of the name 'good'"),
    "no class": ("Bad = 'kmeans'", "returned 'kmeans', which is not a subclass of Clusterer"),
    "a class of another kind": (
        "class Bad(Report):\n 'x'\n name = 'bad'",
        "is not a subclass of Clusterer",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_bad_component_is_a_failure_and_leaves_the_good_one(case: str) -> None:
    body, said = CASES[case]
    registry = registry_of(body + "\n@hookimpl\ndef diffmine_register_clusterers():\n    return [Good, Bad]\n")
    assert registry.names(CLUSTERERS) == ["good"]
    (failure,) = registry.failures
    assert said in failure.cause
    assert str(failure).startswith("plugin 'stranger' (stranger-dist 1.2) failed (diffmine_register_clusterers): ")


def test_every_fault_of_a_component_is_told_at_once() -> None:
    registry = registry_of(
        "class Bad(Clusterer):\n class Config(ComponentConfig): ...\n"
        "@hookimpl\ndef diffmine_register_clusterers():\n    return Bad\n"
    )
    causes = " | ".join(failure.cause for failure in registry.failures)
    assert all(said in causes for said in ("no name", "abstract", "ClustererConfig"))


def test_a_name_is_not_inherited_from_a_strangers_component() -> None:
    registry = registry_of(
        "from diffmine.builtin.clusterers.kmeans import KMeans\n"
        "class Mine(KMeans):\n 'x'\n"
        "@hookimpl\ndef diffmine_register_clusterers():\n    return [Mine]\n"
    )
    assert "KMeans is 'kmeans' already" in registry.failures[0].cause


def test_a_hook_may_yield_and_what_it_yields_before_it_fails_is_not_half_used() -> None:
    whole = registry_of("@hookimpl\ndef diffmine_register_clusterers():\n    yield Good\n")
    assert whole.names(CLUSTERERS) == ["good"]
    broken = registry_of(
        "@hookimpl\ndef diffmine_register_clusterers():\n    yield Good\n    raise ValueError('no more')\n"
    )
    assert broken.names(CLUSTERERS) == []
    assert broken.failures[0].cause == "ValueError: no more"


def test_a_component_of_an_interface_without_abstract_methods_works() -> None:
    registry = registry_of(
        "class Quiet(Report):\n 'Says nothing.'\n name = 'quiet'\n"
        "@hookimpl\ndef diffmine_register_reports():\n    return [Quiet]\n"
    )
    assert not registry.failures
    assert registry.build(KIND_OF_NAME["reports"], "quiet", {}).describe() == {"use": "quiet"}


def test_an_option_without_description_is_noted_and_usable() -> None:
    registry = registry_of(
        "class Bad(Good):\n 'x'\n name = 'bad'\n class Config(ClustererConfig):\n  k: int = 3\n"
        "@hookimpl\ndef diffmine_register_clusterers():\n    return [Bad]\n"
    )
    assert not registry.failures
    assert [str(note) for note in registry.plugins.notes] == [
        "plugin 'stranger': 'bad': the option 'k' has no description"
    ]
    assert registry.build(CLUSTERERS, "bad", {"k": 4}).config.k == 4  # type: ignore[attr-defined]


def stage_called(name: str) -> str:
    return (
        "from diffmine.interfaces import Stage\n"
        f"class Mine(Stage):\n 'A step.'\n name = {name!r}\n def run(self, work): ...\n"
        "@hookimpl\ndef diffmine_register_stages():\n    return [Mine]\n"
    )


@pytest.mark.parametrize("name", ["clusterer", "seed", "runs"])
def test_a_stage_may_not_have_the_name_of_something_else_in_a_recipe(name: str) -> None:
    (failure,) = registry_of(stage_called(name)).failures
    assert f"Mine has name = {name!r}, which means something else in a recipe" in failure.cause


def test_where_no_recipe_could_say_which_is_meant_the_second_is_a_failure() -> None:
    manager = PluginManager()
    for name in ("first", "second"):
        manager.register(plugin(stage_called("translate")), name, Source(name, "1.2"))
    registry = Registry(manager)
    assert registry.find(KIND_OF_NAME["stages"], "translate").plugin == "first"
    (failure,) = registry.failures
    assert failure.plugin == "second"
    assert failure.cause == ("plugin 'first' (first 1.2) has a stage of the name 'translate' already; rename this one")


@pytest.mark.parametrize(
    ("body", "error", "said"),
    [
        (
            "def __init__(self, config, parts=()):\n  open('/no/such/prompts.txt')",
            RecipeError,
            "[clusterer] (use = 'bad') /no/such/prompts.txt cannot be used: No such file or directory",
        ),
        (
            "def __init__(self, config, parts=()):\n  raise KeyError('k')",
            Exception,
            "[clusterer] (use = 'bad') failed in plugin 'stranger' (stranger-dist 1.2): KeyError: 'k'",
        ),
    ],
)
def test_what_a_component_raises_while_it_is_made_names_it(body: str, error: Any, said: str) -> None:
    registry = registry_of(
        f"class Bad(Good):\n 'x'\n name = 'bad'\n {body}\n"
        "@hookimpl\ndef diffmine_register_clusterers():\n    return [Bad]\n"
    )
    with pytest.raises(error) as caught:
        registry.build(CLUSTERERS, "bad", {})
    assert str(caught.value) == said
