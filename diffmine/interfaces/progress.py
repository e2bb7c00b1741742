"""How running work tells a person how far it is."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told by stages and components; shown by the console, a notebook or nobody."""

    def start(self, total: int, unit: str) -> None:
        """Work of ``total`` units begins (again); ``unit`` is a plural noun, such as ``images``."""

    def advance(self, amount: int = 1) -> None:
        """``amount`` further units are done."""

    def status(self, text: str) -> None:
        """A short remark beside the bar, such as the current loss."""

    def warn(self, text: str) -> None:
        """A sentence that must reach the person and the run's list of warnings."""


class Silent:
    """Progress that nobody watches; keeps the warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def start(self, total: int, unit: str) -> None: ...

    def advance(self, amount: int = 1) -> None: ...

    def status(self, text: str) -> None: ...

    def warn(self, text: str) -> None:
        self.warnings.append(text)
