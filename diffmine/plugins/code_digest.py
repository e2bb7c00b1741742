"""A digest of the code that defines a component, so that results of other code are not taken for its own."""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from diffmine.files.atomic import json_digest
from diffmine.interfaces import Component

OURS = "diffmine"
CODE = (".py", ".pyx", ".so", ".pyd")


def code_digest(component: type[Component]) -> str:
    """Digest of the packages that define a component and the components it derives from, diffmine's own left out.

    Data files are not read; what of them decides results belongs in ``Component.fingerprint``.
    """
    classes = [base for base in component.__mro__ if issubclass(base, Component)]
    modules = {_package(base.__module__) for base in classes if base.__module__.partition(".")[0] != OURS}
    return json_digest({module: _module_digest(module) or _class_digest(component) for module in sorted(modules)})


def _package(module: str) -> str:
    """The outermost package (or module) around a module that is not a mere namespace."""
    parts = module.split(".")
    for count in range(1, len(parts)):
        outer = ".".join(parts[:count])
        if getattr(sys.modules.get(outer), "__file__", None):
            return outer
    return module


def _module_digest(module: str) -> str:
    """Digest of the files of a module or package; empty where there are none, as in a notebook."""
    origin = getattr(sys.modules.get(module), "__file__", None)
    return _files_digest(Path(origin)) if origin and Path(origin).is_file() else ""


@cache
def _files_digest(origin: Path) -> str:
    digest = hashlib.sha256()
    for name, path in _files(origin):
        digest.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\0".encode())
    return digest.hexdigest()


def _files(origin: Path) -> Iterator[tuple[str, Path]]:
    if not origin.name.startswith("__init__."):
        yield origin.name, origin
        return
    folder = origin.parent
    for path in sorted(folder.rglob("*")):
        if path.suffix in CODE and path.is_file():
            yield path.relative_to(folder).as_posix(), path


def _class_digest(component: type[Component]) -> str:
    try:
        return hashlib.sha256(inspect.getsource(component).encode()).hexdigest()
    except (OSError, TypeError):
        return ""
