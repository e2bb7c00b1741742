"""Regular expressions that a recipe brings, with an end to how long they search."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from diffmine.errors import DataError

SECONDS = 1.0
"""Of searching one text; a pattern of nested repetitions may otherwise take longer than anybody lives."""


class Pattern:
    """A regular expression as the library ``regex`` reads it, which is as Python does and a little more.

    Args:
        text: the expression.
        option: the recipe's option that holds it, for errors.
    Raises:
        ValueError: it is no regular expression.
    """

    def __init__(self, text: str, option: str) -> None:
        self.text, self._option = text, option
        _ = self._compiled

    @property
    def groups(self) -> int:
        """How many groups the expression has."""
        return int(self._compiled.groups)

    def search(self, text: str, place: str) -> Any:
        """The first match of the expression, as of ``re.search``; None where there is none.

        Raises:
            DataError: the search took too long; naming ``place``.
        """
        try:
            return self._compiled.search(text, timeout=SECONDS)
        except TimeoutError:
            raise DataError(
                f"{place}: searching {text[:60]!r} with [dataset] {self._option} = {self.text!r} was given up after "
                f"{SECONDS:g} s; write the pattern without repetitions inside repetitions"
            ) from None

    def __reduce__(self) -> tuple[type[Pattern], tuple[str, str]]:
        return Pattern, (self.text, self._option)

    @cached_property
    def _compiled(self) -> Any:
        import regex

        try:
            return regex.compile(self.text)
        except (regex.error, RecursionError, OverflowError) as error:
            raise ValueError(f"this is no regular expression: {error}") from None
