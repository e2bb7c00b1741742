"""From labels to texts. Imports no library that takes seconds."""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator

from diffmine.errors import DataError


def _checked(template: str) -> str:
    names = [name for _, name, _, _ in string.Formatter().parse(template) if name is not None]
    if not all(name.isidentifier() for name in names):
        raise ValueError("write {label} or the name of a column in braces, such as {region}")
    return template


Template = Annotated[str, AfterValidator(_checked)]


def text(template: str, label: str, columns: Mapping[str, str], spelling: Literal["as-is", "spaces"]) -> str:
    """The text of a label in a picture with these columns.

    Raises:
        DataError: the template names a column that the picture has not.
    """
    values = {**columns, "label": label}
    if spelling == "spaces":
        values = {name: value.replace("_", " ") for name, value in values.items()}
    try:
        return template.format(**values)
    except KeyError as error:
        raise DataError(
            f"the text {template!r} names the column {error.args[0]!r}, which a picture of {label!r} has not; "
            f"it has {', '.join(sorted(values))}"
        ) from None
