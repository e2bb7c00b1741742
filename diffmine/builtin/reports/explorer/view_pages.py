"""Pages that plugins add to the explorer."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from diffmine.interfaces import View

if TYPE_CHECKING:
    from diffmine.runs.run import Run

_ENDS_THE_ELEMENT = re.compile(r"</script|<!--", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ViewPage:
    """One further page.

    Attributes:
        name: the view's.
        title: what its link says.
        data: what its script is told; JSON holds it.
        script: registers the view's function under its name.
    """

    name: str
    title: str
    data: Any
    script: str


def view_pages(run: Run) -> list[ViewPage]:
    """A page for each view that has something to show of the run; one that fails is left out with a warning."""
    pages = [run.attempt(view, lambda view: _page(view, run)) for view in run.views()]
    return [page for page in pages if page is not None]


def _page(view: View, run: Run) -> ViewPage | None:
    data = view.data(run)
    if data is None:
        return None
    canonical = json.loads(json.dumps(data, allow_nan=False))
    return ViewPage(view.name, view.title, canonical, _registering(view))


def _registering(view: View) -> str:
    body = "\n".join(view.script().splitlines())
    if found := _ENDS_THE_ELEMENT.search(body):
        raise ValueError(f"its script holds {found[0]!r}, which would end it in the middle; write it in two pieces")
    name = json.dumps(view.name).replace("<", "\\u003c")
    return f"(globalThis.diffmineViews ??= {{}})[{name}] = (element, data, explorer) => {{\n{body}\n}};"
