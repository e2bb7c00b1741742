"""What shows a run in ways that are asked for by name, not in a recipe."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from diffmine.interfaces.component import Component

if TYPE_CHECKING:
    import pyarrow as pa

    from diffmine.drawing.panels import Panel
    from diffmine.runs.contents import Contents, Rows
    from diffmine.runs.run import Run


class Figure(Component):
    """A kind of figure: ``diffmine figure RUN --kind NAME``, ``run.figure(NAME)``, ``kinds`` of the report
    ``figures``; draws one label at a time, unless it says otherwise.

    Class attributes:
        rows, columns: how many are drawn where nobody says.
        across: whether it draws all labels together, in :meth:`panels`.
    """

    rows: ClassVar[int] = 6
    columns: ClassVar[int] = 7
    across: ClassVar[bool] = False

    @abstractmethod
    def panel(self, contents: Contents, label: str, rows: int, columns: int) -> Panel:
        """The panel of a label."""

    def panels(self, contents: Contents, labels: Sequence[str], rows: int, columns: int) -> list[Panel]:
        """The panels of some labels; default: one of each."""
        return [self.panel(contents, label, rows, columns) for label in labels]


class Exporter(Component):
    """A format for patches: ``diffmine export RUN --to NAME --out FILE``.

    Class attributes:
        suffix: of files in this format, with the dot.
        binary: whether it is no text, and so not for a terminal.
    """

    suffix: ClassVar[str]
    binary: ClassVar[bool] = False

    @abstractmethod
    def export(self, contents: Contents, rows: Rows) -> bytes:
        """The content of a file.

        Args:
            contents: the run's patches, grouped; see :func:`diffmine.runs.patch_tables.patch_table`.
            rows: int64, (patches,): which rows of ``run.patches``, in this order.
        """


class Column(Component):
    """A further column of every table of patches that is shown or exported; its name is the component's."""

    @abstractmethod
    def values(self, contents: Contents, rows: Rows) -> pa.Array:
        """One value a row; null where there is none."""


class View(Component):
    """A further page of the explorer.

    Class attributes:
        title: what its link says.
    """

    title: ClassVar[str]

    @abstractmethod
    def data(self, run: Run) -> Any:
        """What the page is told: a value that JSON can hold; None: this run has nothing to show here."""

    @abstractmethod
    def script(self) -> str:
        """The body of a JavaScript function ``(element, data, explorer) => ...`` that fills an empty element.

        ``data`` is what :meth:`data` gave. ``explorer`` holds what the page knows, and how it draws it:

        - ``labels``, ``groups`` (clusters, outliers, controls; ``label`` is a place in ``labels``, ``start`` and
          ``stop`` bound its patches), ``patches`` (columns: ``typicality``, ``rank``, ...), ``images``;
        - ``el(tag, attributes, ...children)``, ``svg(tag, attributes, ...children)`` and ``named(text)`` make elements,
          in which text stays text; ``hidden(text)`` is for screen readers alone, ``figure(number)`` writes a number;
        - ``crop(patch, side)`` is the crop of a patch as a link to its picture;
        - ``labelAddress(label)``, ``groupAddress(group)``, ``patchAddress(group, patch)`` are links.

        What the function returns, if that is a function, is called when the reader leaves the page. The page's content
        security policy allows no network, no further scripts, no markup from text, and style only through
        ``element.style``.
        """
