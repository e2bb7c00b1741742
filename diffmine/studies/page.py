"""What the page of a study shows above the clusters: figures, differences of the recipes, links to reports."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

from diffmine.drawing.comparison_page import REPORT, Cell, Overview, Row, RunPair, write_comparison
from diffmine.recipes.differences import differences
from diffmine.studies.comparison import Comparison, Pair
from diffmine.studies.entries import Clustering, Entry, Figure
from diffmine.studies.points import text_of
from diffmine.studies.results import Results, SummaryRow


def write_page(results: Results, comparison: Comparison, folder: Path) -> Path:
    """Write ``compare.html``.

    Returns:
        the page.
    """
    return write_comparison(results.name, overview(results, folder), _side_by_side(results, comparison), folder)


def overview(results: Results, folder: Path) -> Overview:
    """The tables of a page that lies in ``folder``."""
    metrics = [name.replace("_", " ") for name in results.metrics]
    marked = any(results.mark(row, metric) != "none" for row in results.summary for metric in row.figures)
    return Overview(
        headings=[*Clustering._fields, *metrics],
        rows=[_row(results, row, folder) for row in results.summary],
        legend=results.legend("Bold:", "≈:") if marked else "",
        caution=results.caution or "",
        differences=_differences(results),
    )


def _row(results: Results, row: SummaryRow, folder: Path) -> Row:
    entries = [entry for entry in results.entries if entry.choice == row.choice]
    texts = row.clustering.texts() if row.clustering else {}
    cells = [Cell(texts.get(field, "")) for field in Clustering._fields]
    for metric in results.metrics:
        figure = row.figures.get(metric)
        cells.append(Cell("") if figure is None else _cell(figure, results.mark(row, metric)))
    reports = [(f"seed {entry.seed}", _link(entry, folder)) for entry in entries if _report(entry).is_file()]
    return Row(str(row.choice), cells, reports, [entry.error for entry in entries if entry.error])


def _cell(figure: Figure, mark: str) -> Cell:
    bounds = "" if figure.low is None else f"{figure.low:.3f} to {figure.high:.3f}"
    chance = "" if figure.chance is None else f"chance {figure.chance:.3f}"
    return Cell(f"{figure.value:.3f}", mark, [part for part in (bounds, chance) if part])


def _report(entry: Entry) -> Path:
    return entry.folder / REPORT


def _link(entry: Entry, folder: Path) -> str:
    return quote(Path(os.path.relpath(_report(entry).resolve(), folder.resolve())).as_posix())


def _differences(results: Results) -> tuple[list[str], dict[str, list[str]]]:
    """The choices that finished, and the options in which their recipes differ, each with its values as text."""
    first = {entry.choice: entry for entry in reversed(results.entries) if entry.run is not None}
    entries = [first[row.choice] for row in results.summary if row.choice in first]
    header = ("seed",) if len(entries) == len(results.entries) else ()
    found = differences([entry.run.recipe for entry in entries if entry.run is not None], header)
    texts = {key: ["–" if value is None else text_of(value) for value in values] for key, values in found.items()}
    return [str(entry.choice) for entry in entries], texts


def _side_by_side(results: Results, comparison: Comparison) -> list[RunPair]:
    seeds = len({entry.seed for entry in results.entries})

    def named(entry: Entry) -> str:
        return str(entry.choice) if seeds == 1 else f"{entry.choice}, seed {entry.seed}"

    return [
        RunPair(
            (named(pair.first), named(pair.second)),
            (pair.first.run, pair.second.run),
            pair.agreement.matches,
            _agreement(pair),
        )
        for pair in comparison.pairs
        if pair.first.run is not None and pair.second.run is not None
    ]


def _agreement(pair: Pair) -> str:
    common = f"{pair.agreement.common:.0%} of the patches in common"
    if not pair.agreement.matches:
        return f"{common}, too few to tell what became of clusters"
    return f"{common}, adjusted Rand {pair.agreement.adjusted_rand:.2f}"
