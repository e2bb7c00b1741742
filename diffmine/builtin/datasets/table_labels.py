"""From a cell to labels."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from diffmine.builtin.datasets.table_rows import LIST_SEPARATOR, cell, parse_json
from diffmine.errors import DataError, reason
from diffmine.files.patterns import Pattern


class LabelRule:
    """Splits a cell, looks names up, cuts them out by a pattern, bins numbers.

    Args:
        separator: between several labels in one cell; None: a cell is one label.
        names: id in the cell -> label; None: the cell holds the label itself.
        pattern: its first group is the label, or the whole match; labels that do not match are dropped.
        bin_width: labels are numbers, and become the lower edge of their bin (1975 -> 1970 for 10).
    """

    def __init__(
        self,
        separator: str | None = None,
        names: Mapping[str, str] | None = None,
        pattern: str | None = None,
        bin_width: float | None = None,
    ) -> None:
        self._separator, self._names, self._bin_width = separator, names, bin_width
        self._pattern = Pattern(pattern, "[dataset] label_pattern") if pattern else None

    def labels(self, text: str, place: str) -> tuple[str, ...]:
        """The distinct labels of a cell, in order; none where it is empty.

        Raises:
            DataError: a label is unknown, or no number where numbers are binned; naming ``place``.
        """
        parts = (part.strip() for part in self._split(text))
        labels = (label for part in parts if part for label in self._label(part, place))
        return tuple(dict.fromkeys(labels))

    def _split(self, text: str) -> Iterator[str]:
        for member in text.split(LIST_SEPARATOR):
            yield from member.split(self._separator) if self._separator else (member,)

    def _label(self, text: str, place: str) -> Iterator[str]:
        if self._names is not None:
            if text not in self._names:
                raise DataError(f"{place}: the label {text!r} is not in [dataset] label_names; add it there")
            text = self._names[text]
        if self._pattern is not None:
            match = self._pattern.search(text, place)
            if match is None:
                return
            text = match[1] if self._pattern.groups else match[0]
        if self._bin_width is not None:
            text = _binned(text, self._bin_width, place)
        if text:
            yield text


def _binned(text: str, width: float, place: str) -> str:
    try:
        number = float(text)
    except ValueError:
        raise DataError(
            f"{place}: the label {text!r} is no number, but [dataset] bin = {width:g} needs numbers; "
            "mend the row, empty the cell to leave it out, or remove bin"
        ) from None
    if math.isnan(number):
        return ""
    if math.isinf(number / width):
        raise DataError(f"{place}: the label {text!r} has no bin; mend the row or empty the cell")
    # Dividing 0.3 by 0.1 gives 2.999...: an edge belongs to the bin above it.
    return f"{math.floor(round(number / width, 9)) * width:.12g}"


def read_label_names(path: Path) -> dict[str, str]:
    """Id -> name, from a JSON mapping or from lines that hold both (``/a/airfield 0`` or ``n01440764 tench``).

    A JSON mapping that has a list ``classes`` gives its names in order, from 0.

    In lines, the id is the last word where it is a number in all of them, and the first word otherwise.

    Raises:
        DataError: there is no such file, or a line without both.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise DataError(f"[dataset] label_names: {path} cannot be read: {reason(error)}") from None
    if path.suffix.lower() == ".json":
        return _names_of_mapping(text, path)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if all(line.split()[-1].isdigit() for line in lines):
        pairs = [line.rsplit(maxsplit=1)[::-1] for line in lines]
    else:
        pairs = [line.split(maxsplit=1) for line in lines]
    for line, pair in zip(lines, pairs, strict=True):
        if len(pair) != 2:
            raise DataError(f"[dataset] label_names: {path}: {line!r} is no pair of an id and a name")
    return dict(pairs)


def _names_of_mapping(text: str, path: Path) -> dict[str, str]:
    content = parse_json(text, f"[dataset] label_names: {path}")
    if not isinstance(content, dict):
        raise DataError(f"[dataset] label_names: {path} is no mapping from ids to names")
    named = dict(enumerate(content["classes"])) if isinstance(content.get("classes"), list) else content
    return {str(key): cell(value, f"[dataset] label_names: {path}") for key, value in named.items()}
