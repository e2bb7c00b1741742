"""A diffmine plugin: pictures translated to every other label, and elements across labels mined."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diffmine import hookimpl

if TYPE_CHECKING:
    from diffmine.interfaces import Figure, Stage, View

diffmine_interface = "1.0"
"""The version of diffmine's interfaces that this plugin was written for."""


@hookimpl
def diffmine_register_stages() -> list[type[Stage]]:
    """The stages that this plugin adds."""
    from diffmine_translate.stage import Translate

    return [Translate]


@hookimpl
def diffmine_register_figures() -> list[type[Figure]]:
    """The kinds of figures that this plugin adds."""
    from diffmine_translate.figures import AcrossLabels, Translated

    return [AcrossLabels, Translated]


@hookimpl
def diffmine_register_views() -> list[type[View]]:
    """The pages that this plugin adds to the explorer."""
    from diffmine_translate.view import AcrossLabelsView

    return [AcrossLabelsView]
