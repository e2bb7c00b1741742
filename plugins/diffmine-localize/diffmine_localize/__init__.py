"""A diffmine plugin: where a map lights up against boxes, finding by finding, before and after finetuning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diffmine import hookimpl

if TYPE_CHECKING:
    import click

    from diffmine.interfaces import Dataset, Metric

diffmine_interface = "1.0"
"""The version of diffmine's interfaces that this plugin was written for."""


@hookimpl
def diffmine_register_commands(cli: click.Group) -> None:
    """Add ``diffmine localize``."""
    from diffmine_localize.command import command

    cli.add_command(command)


@hookimpl
def diffmine_register_datasets() -> list[type[Dataset]]:
    """The datasets that this plugin adds."""
    from diffmine_localize.opacities import Opacities

    return [Opacities]


@hookimpl
def diffmine_register_metrics() -> list[type[Metric]]:
    """The metrics that this plugin adds."""
    from diffmine_localize.metric import CheXlocalize

    return [CheXlocalize]
