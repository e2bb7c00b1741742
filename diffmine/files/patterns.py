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
        option: the recipe's option that holds it, for errors, such as ``[dataset] label_pattern``.
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
            raise DataError(f"{place}: {self._given_up(text)}") from None

    def replace(self, text: str, to: str) -> str:
        """``text`` with every match replaced by ``to``, in which ``\\1`` stands for the first group, as of ``re.sub``.

        Raises:
            DataError: the search took too long.
            ValueError: ``to`` names a group that there is not.
        """
        import regex

        try:
            return str(self._compiled.sub(to, text, timeout=SECONDS))
        except TimeoutError:
            raise self._given_up(text) from None
        except (regex.error, IndexError) as error:
            raise ValueError(f"{to!r} cannot stand for what {self.text!r} matches: {error}") from None

    def _given_up(self, text: str) -> DataError:
        return DataError(
            f"searching {text[:60]!r} with {self._option} = {self.text!r} was given up after {SECONDS:g} s; write the "
            "pattern without repetitions inside repetitions"
        )

    def __reduce__(self) -> tuple[type[Pattern], tuple[str, str]]:
        return Pattern, (self.text, self._option)

    @cached_property
    def _compiled(self) -> Any:
        import regex

        try:
            return regex.compile(self.text)
        except (regex.error, RecursionError, OverflowError) as error:
            raise ValueError(f"this is no regular expression: {error}") from None
