"""What a recipe needs installed: ``requires = ["diffmine-ray>=0.3"]``."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

from packaging import requirements
from pydantic import AfterValidator

from diffmine.errors import RecipeError


def _readable(text: str) -> str:
    try:
        requirements.Requirement(text)
    except requirements.InvalidRequirement as error:
        cause = str(error).partition("\n")[0]
        raise ValueError(f'must be a distribution and its versions, such as "diffmine-ray>=0.3": {cause}') from None
    return text


Requirement = Annotated[str, AfterValidator(_readable)]
"""A distribution and its versions, as ``pip install`` takes them."""


def check_installed(requires: Sequence[str]) -> None:
    """See that every distribution is installed in a version that will do.

    Raises:
        RecipeError: one is not.
    """
    for text in requires:
        wanted = requirements.Requirement(text)
        if wanted.marker is not None and not wanted.marker.evaluate():
            continue
        try:
            installed = version(wanted.name)
        except PackageNotFoundError:
            raise RecipeError(f"the recipe requires {text!r}, which is not installed; {_install(text)}") from None
        if not wanted.specifier.contains(installed, prereleases=True):
            found = f"{wanted.name} {installed} is installed"
            raise RecipeError(f"the recipe requires {text!r}, but {found}; {_install(text)}")


def distribution_of(requirement: str) -> str:
    """The name of the distribution that a requirement names."""
    return requirements.Requirement(requirement).name


def is_installed(distribution: str) -> bool:
    """Whether a distribution of this name is installed; a plugin that was registered by hand has none."""
    try:
        version(distribution)
    except PackageNotFoundError:
        return False
    return True


def _install(text: str) -> str:
    return f"pip install {text!r}"
