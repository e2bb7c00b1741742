"""The words that ``clip-words`` chooses from.

``words.tsv`` (kind, tab, word) was made by ``benchmarks/vocabulary.py`` from WordNet 3.0, whose licence lies beside it,
and by hand.
"""

from __future__ import annotations

import importlib.resources
from pathlib import Path

from diffmine.errors import DataError, reason


def shipped_vocabulary() -> list[str]:
    """The words that come with diffmine, each once."""
    text = (importlib.resources.files(__name__) / "words.tsv").read_text(encoding="utf-8")
    return [line.partition("\t")[2] for line in text.splitlines()]


def read_vocabulary(path: Path) -> list[str]:
    """The lines of a text file that are not empty, each once.

    Raises:
        DataError: it cannot be read, or holds no words.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"vocabulary: {path} cannot be read ({reason(error)}); give a text file, a word a line"
        ) from None
    words = list(dict.fromkeys(line.strip() for line in lines if line.strip()))
    if not words:
        raise DataError(f"vocabulary: {path} holds no words; give a text file, a word a line")
    return words
