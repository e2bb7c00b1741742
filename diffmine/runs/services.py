"""What a run folder is given by whoever opens it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from diffmine.interfaces import Clusterer, Column, Dataset, PatchSelector, Projection, Quantity, View
from diffmine.types import Origin

if TYPE_CHECKING:
    from diffmine.drawing.figures import Drawing
    from diffmine.interfaces import ModelTools
    from diffmine.runs.run import Run


class Services(Protocol):
    """What a run folder cannot do alone: it takes components that are installed, or the drawing of figures."""

    def dataset(self, run: Run, origin: Origin) -> Dataset:
        """One of the run's datasets, configured."""

    def selector(self, run: Run) -> PatchSelector:
        """The run's patch selector, configured."""

    def projection(self, run: Run) -> Projection:
        """The run's projection, configured."""

    def clusterer(self, run: Run) -> Clusterer:
        """The run's clusterer, configured."""

    def tools(self, run: Run, device: str | None, fold: int | None) -> ModelTools:
        """The run's model, finetuned where the run has finetuned it."""

    def quantity(self, run: Run) -> Quantity:
        """What the run's scorer says that its values are; that of no scorer in particular where it is not installed."""

    def figure(
        self,
        run: Run,
        kind: str,
        labels: Sequence[str] | None,
        *,
        before: Run | None,
        rows: int | None,
        columns: int | None,
    ) -> Drawing:
        """See :meth:`Run.figure`."""

    def columns(self) -> list[Column]:
        """The columns of tables of patches that are installed; those that cannot be configured are warned of."""

    def views(self) -> list[View]:
        """The views of the explorer that are installed, likewise."""

    def summary(self, run: Run) -> str:
        """HTML for notebooks."""
