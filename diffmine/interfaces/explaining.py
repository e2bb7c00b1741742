"""What is said of a finished run: words for its clusters, and what to be warned of."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from diffmine.interfaces import checks
from diffmine.interfaces.boundary import returns
from diffmine.interfaces.component import Component
from diffmine.types import Description, Finding

if TYPE_CHECKING:
    from diffmine.runs.run import Run


class Describer(Component):
    """One name in a recipe's ``[describers]``: suggests words for clusters."""

    @abstractmethod
    @returns(checks.descriptions)
    def words(self, run: Run) -> Sequence[Description]:
        """Words for clusters of a run, the best first for each; clusters it has no words for are left out.

        ``Description.source`` may be left empty: the engine fills in how the recipe names the describer.
        """


class Check(Component):
    """One name in a recipe's ``[checks]``: looks for one way in which a run can mislead."""

    @abstractmethod
    @returns(checks.findings)
    def check(self, run: Run) -> Sequence[Finding]:
        """What a person should be warned of; nothing where all is well, or where the run cannot tell."""
