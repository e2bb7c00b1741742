"""Errors that say what would have worked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError
    from pydantic_core import ErrorDetails

_SHOWN = 200


def did_you_mean(name: str, known: Sequence[str] | Mapping[str, str]) -> str:
    """``; did you mean 'x'?`` or nothing.

    Args:
        known: names; or what people may write -> the name to suggest for it.
    """
    close = get_close_matches(name, list(known), n=1, cutoff=0.5)
    if not close:
        return ""
    meant = known[close[0]] if isinstance(known, Mapping) else close[0]
    return f"; did you mean {meant!r}?"


def shortened(value: Any) -> str:
    """A value for an error: as Python writes it, its middle left out where it is long."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN // 2]} ... {text[-_SHOWN // 2 :]}"


def explain(error: ValidationError, table: str, name: str, config: type[BaseModel], given: Mapping[str, Any]) -> str:
    """A validation error as sentences: table, field, value, what is allowed.

    Args:
        given: the options that were refused.
    """
    where = f"[{table}]" if not name else f"[{table}] (use = {name!r})"
    known = list(config.model_fields)
    return "\n".join(f"{where} {_explain_one(detail, known, given)}" for detail in error.errors())


def _holds(value: Any, part: str | int) -> bool:
    if isinstance(value, Mapping):
        return part in value
    return isinstance(value, list) and isinstance(part, int) and part < len(value)


def _place(detail: ErrorDetails, given: Any) -> str:
    """Where in the table the value stands; pydantic also names which of several allowed types it tried."""
    parts = []
    for part in detail["loc"]:
        if _holds(given, part):
            given = given[part]
        elif detail["type"] != "missing":
            continue
        parts.append(str(part))
    return ".".join(parts)


def _explain_one(detail: ErrorDetails, known: Sequence[str], given: Mapping[str, Any]) -> str:
    field = _place(detail, given)
    if detail["type"] == "extra_forbidden":
        allowed = ", ".join(sorted(known)) or "none"
        return f"{field}: unknown option{did_you_mean(field, known)} allowed: {allowed}".replace(
            "? allowed", "? Allowed"
        )
    if detail["type"] == "missing":
        return f"{field}: this option is required; add it"
    message = detail["msg"].removeprefix("Value error, ")
    if not field:  # the options do not fit together
        return message
    return f"{field} = {shortened(detail['input'])}: {message[:1].lower()}{message[1:]}"
