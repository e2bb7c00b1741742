"""What the registry asks of a component class before anybody may use it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator

from pydantic import BaseModel

from diffmine.interfaces import Component, Stage
from diffmine.plugins.kinds import KIND_OF_TABLE, TOP_LEVEL

NAME = re.compile(r"[a-z0-9]+([-_][a-z0-9]+)*")
RESERVED = ("runs", *TOP_LEVEL)
"""What no stage may be called: a stage's name is that of its table in a recipe and of its folder in the store."""
WANTED_NAME = "a name is lower-case words joined by - or _"


def faults(component: object, interface: type[Component]) -> list[str]:
    """Why something cannot be a component of a kind, a sentence each; none: it can."""
    try:
        if not (isinstance(component, type) and issubclass(component, interface)):
            return [f"returned {component!r}, which is not a subclass of {interface.__name__}"]
        return [fault for check in _CHECKS for fault in check(component, interface)]
    except Exception as error:
        return [f"returned something that cannot be examined: {type(error).__name__}: {error}"]


def remarks(component: type[Component]) -> list[str]:
    """What a component should have and can do without, a sentence each."""
    fields = component.Config.model_fields.items()
    return [f"{component.name!r}: the option {name!r} has no description" for name, f in fields if not f.description]


def _name(component: type[Component], interface: type[Component]) -> Iterator[str]:
    name: object = getattr(component, "name", None)
    if name is None:
        yield f'{component.__name__} has no name; add name = "...": {WANTED_NAME}'
    elif not isinstance(name, str) or not NAME.fullmatch(name):
        yield f"{component.__name__} has name = {name!r}: {WANTED_NAME}"
    else:
        owner = next(base for base in component.__mro__ if "name" in vars(base))
        if owner.__module__.partition(".")[0] != component.__module__.partition(".")[0]:
            yield f"{component.__name__} has no name of its own, and {owner.__name__} is {name!r} already; add one"


def _stage(component: type[Component], interface: type[Component]) -> Iterator[str]:
    if issubclass(component, Stage):
        name: object = getattr(component, "name", None)
        taken = RESERVED if component.always else (*RESERVED, *KIND_OF_TABLE)
        if name in taken:
            yield f"{component.__name__} has name = {name!r}, which means something else in a recipe; rename it"


def _version(component: type[Component], interface: type[Component]) -> Iterator[str]:
    version: object = component.version
    if not isinstance(version, int) or isinstance(version, bool):
        yield f"{component.__name__} has version = {version!r}: must be a whole number"


def _methods(component: type[Component], interface: type[Component]) -> Iterator[str]:
    missing = sorted(getattr(component, "__abstractmethods__", ()))
    if missing:
        yield f"{component.__name__} is abstract; write what {interface.__name__} asks for: {', '.join(missing)}"


def _config(component: type[Component], interface: type[Component]) -> Iterator[str]:
    config: object = component.Config
    wanted = interface.Config
    name = component.__name__
    if not (isinstance(config, type) and issubclass(config, BaseModel)):
        yield f"the Config of {name} is not a pydantic model; derive it from diffmine.interfaces.{wanted.__name__}"
    elif not issubclass(config, wanted):
        yield f"the Config of {name} must extend diffmine.interfaces.{wanted.__name__}"
    elif "use" in config.model_fields:
        yield f"the Config of {name} has an option 'use', which in a recipe names the component; name it otherwise"
    else:
        yield from _schema(config, name)


def _schema(config: type[BaseModel], name: str) -> Iterator[str]:
    try:
        config.model_json_schema()
    except Exception as error:
        cause = str(error).partition("\n")[0]
        yield f"the Config of {name} has an option that no recipe can hold: {cause}"


def _construction(component: type[Component], interface: type[Component]) -> Iterator[str]:
    try:
        inspect.signature(component).bind(None, ())
    except TypeError as error:
        yield f"{component.__name__} cannot be made as {component.__name__}(config, parts): {error}"


_CHECKS: tuple[Callable[[type[Component], type[Component]], Iterator[str]], ...] = (
    _name,
    _stage,
    _version,
    _methods,
    _config,
    _construction,
)
