"""A diffmine plugin that runs the heavy stages on a Ray cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diffmine import hookimpl

if TYPE_CHECKING:
    from diffmine.interfaces import Executor

diffmine_interface = "1.0"
"""The version of diffmine's interfaces that this plugin was written for."""


@hookimpl
def diffmine_register_executors() -> list[type[Executor]]:
    """The executors that this plugin adds."""
    from diffmine_ray.executor import Ray

    return [Ray]
