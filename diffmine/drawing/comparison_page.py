"""A page that compares runs: their figures, what differs in their recipes, their clusters side by side."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

from PIL import Image

from diffmine.analysis.matching import FATES
from diffmine.drawing.crops import crops
from diffmine.drawing.panels import sheet
from diffmine.drawing.web import HERE, base_style, policy, templates
from diffmine.runs.contents import Cluster, Contents

if TYPE_CHECKING:
    from diffmine.runs.run import Run

PAGE = "compare.html"
FOLDER = "compare"
REPORT = Path("report", "index.html")
SIDE = 64
SHOWN = 6


class Match(Protocol):
    """What became of clusters; see ``diffmine.analysis.matching.ClusterMatch``."""

    @property
    def label(self) -> str: ...

    @property
    def fate(self) -> str: ...

    @property
    def first(self) -> Sequence[int]: ...

    @property
    def second(self) -> Sequence[int]: ...

    @property
    def overlap(self) -> float: ...


@dataclass(frozen=True, slots=True)
class RunPair:
    """Two runs to show side by side.

    Attributes:
        names: of the runs, for people.
        runs: the runs.
        matches: what became of the clusters of the first in the second.
        summary: one line about how far they agree.
    """

    names: tuple[str, str]
    runs: tuple[Run, Run]
    matches: Sequence[Match]
    summary: str


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure.

    Attributes:
        text: the figure.
        mark: ``best``, ``even`` with the best one, or another word, which is not shown.
        notes: what is said below it.
    """

    text: str
    mark: str = ""
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One choice.

    Attributes:
        name: for people.
        cells: its figures, one for each heading.
        reports: name and address of the report of each of its runs.
        errors: why runs of it failed.
    """

    name: str
    cells: Sequence[Cell]
    reports: Sequence[tuple[str, str]] = ()
    errors: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Overview:
    """What stands above the clusters.

    Attributes:
        headings: of the figures.
        rows: the choices.
        legend: what the marks say.
        caution: what to be told before believing a difference.
        differences: names of choices, and option -> its value in each of them.
    """

    headings: Sequence[str] = ()
    rows: Sequence[Row] = ()
    legend: str = ""
    caution: str = ""
    differences: tuple[Sequence[str], Mapping[str, Sequence[str]]] = field(default=((), {}))


@dataclass(frozen=True, slots=True)
class Strip:
    """The first members of a cluster as a picture file.

    Attributes:
        address: of the cluster in its run's report; empty where the run has none.
    """

    file: str
    name: str
    address: str
    marks: Sequence[str]
    size: int
    shown: int
    width: int
    height: int


class Strips:
    """Writes the strip of each cluster once, whatever the number of pairs it is in."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._contents: dict[Path, tuple[int, Contents]] = {}
        self._done: dict[tuple[Path, str, int], Strip] = {}

    def of(self, run: Run, label: str, clusters: Sequence[int]) -> list[Strip]:
        """The strips of some clusters of a label, by rank."""
        number, contents = self._contents.setdefault(run.path, (len(self._contents), run.contents))
        found = [one for one in contents.clusters(label) if one.cluster in clusters]
        for one in found:
            if (run.path, label, one.cluster) not in self._done:
                file = f"{number}-{contents.labels.index(label)}-{one.cluster}.webp"
                self._done[run.path, label, one.cluster] = self._write(contents, one, file)
        return [self._done[run.path, label, one.cluster] for one in found]

    def _write(self, contents: Contents, cluster: Cluster, file: str) -> Strip:
        cells = crops(contents, cluster.rows[:SHOWN], SIDE)
        image = Image.fromarray(sheet([cells], len(cells), 4))
        image.save(self._folder / FOLDER / file, "WEBP", quality=75)
        name = f"Cluster {cluster.cluster}{f': {cluster.name}' if cluster.name else ''}"
        counts = len(cluster.rows), len(cells)
        address = self._address(contents.run, cluster)
        return Strip(f"{FOLDER}/{file}", name, address, cluster.marks, *counts, image.width, image.height)

    def _address(self, run: Run, cluster: Cluster) -> str:
        page = run.path / REPORT
        if not page.is_file():
            return ""
        file = Path(os.path.relpath(page.resolve(), self._folder.resolve())).as_posix()
        return f"{quote(file)}#{quote(cluster.label, safe='')}/{cluster.cluster}"


def write_comparison(title: str, overview: Overview, pairs: Sequence[RunPair], folder: Path) -> Path:
    """Write ``compare.html``, with its pictures in ``compare/`` beside it.

    Returns:
        the page.
    """
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    strips = Strips(folder)
    style = base_style() + (HERE / "compare.css").read_text(encoding="utf-8")
    template = templates(HERE).get_template("compare.html.jinja")
    shown = [_shown(pair, strips) for pair in pairs]
    html = template.render(title=title, overview=overview, pairs=shown, style=style, policy=policy(style))
    (folder / PAGE).write_text(html, encoding="utf-8")
    return folder / PAGE


def _shown(pair: RunPair, strips: Strips) -> dict[str, object]:
    labels: dict[str, list[dict[str, object]]] = {}
    for match in sorted(pair.matches, key=lambda one: (one.label, FATES.index(one.fate), *one.first, *one.second)):
        first, second = (
            strips.of(run, match.label, clusters)
            for run, clusters in zip(pair.runs, (match.first, match.second), strict=True)
        )
        row = {"fate": match.fate, "overlap": match.overlap, "first": first, "second": second}
        labels.setdefault(match.label, []).append(row)
    if not pair.matches:
        labels = {label: [row] for label, row in _apart(pair, strips)}
    counts = Counter(match.fate for match in pair.matches)
    fates = ", ".join(f"{counts[fate]} {fate}" for fate in FATES if counts[fate])
    summary = "; ".join(part for part in (pair.summary, fates) if part)
    return {"first": pair.names[0], "second": pair.names[1], "summary": summary, "labels": list(labels.items())}


def _apart(pair: RunPair, strips: Strips) -> Iterator[tuple[str, dict[str, object]]]:
    """Each label with the clusters of both runs, where nothing is known of which became which."""
    contents = [run.contents for run in pair.runs]
    for label in sorted({label for one in contents for label in one.labels}):
        ids = ([one.cluster for one in side.clusters(label)] if label in side.labels else [] for side in contents)
        sides = [strips.of(run, label, clusters) for run, clusters in zip(pair.runs, ids, strict=True)]
        yield label, {"fate": "not compared", "overlap": 0.0, "first": sides[0], "second": sides[1]}
