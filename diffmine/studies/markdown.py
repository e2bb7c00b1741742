"""A study's results as a page of Markdown."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from diffmine.analysis.matching import FATES
from diffmine.files.markdown import escape, table
from diffmine.studies.comparison import Comparison
from diffmine.studies.entries import Clustering
from diffmine.studies.points import short
from diffmine.studies.results import Results, SummaryRow


def results_markdown(results: Results, comparison: Comparison) -> str:
    """The page: what was asked, the summary, agreement, plots, what failed."""
    return "\n".join(_lines(results, comparison)) + "\n"


def _lines(results: Results, comparison: Comparison) -> Iterator[str]:
    yield f"# {escape(results.name)}"
    yield ""
    if results.description:
        yield from (escape(results.description.strip()), "")
    if results.metrics:
        yield from ("![Metrics](metrics.png)", "")
        yield from _summary(results)
    if comparison.pairs:
        yield from _agreement(comparison)
    if comparison.apart:
        yield f"{comparison.apart} pairs of runs are about different pictures, and are not compared."
        yield ""
    for entry in results.failures:
        yield f"- **failed**: {escape(str(entry.choice))}, seed {entry.seed}: {escape(str(entry.error))}"


def _summary(results: Results) -> Iterator[str]:
    several = any(row.runs > 1 for row in results.summary)
    yield "## Metrics"
    yield ""
    yield f"{results.legend('Bold:', '≈:')}. In brackets: 95 % intervals"
    yield f"{'of the mean over seeds (Student).' if several else '(over images).'}"
    yield ""
    if results.caution:
        yield from (f"**Caution**: {results.caution}.", "")
    metrics = [name.replace("_", " ") for name in results.metrics]
    headings = ["variant", *map(short, results.keys), "runs", *Clustering._fields, *metrics]
    yield from table(headings, [_summary_cells(results, row) for row in results.summary])


def _summary_cells(results: Results, row: SummaryRow) -> list[str]:
    cells = [row.choice.variant, *row.choice.settings, f"{row.runs}{f' ({row.failed} failed)' if row.failed else ''}"]
    texts = row.clustering.texts() if row.clustering else {}
    cells += [texts.get(field, "") for field in Clustering._fields]
    for metric in results.metrics:
        figure = row.figures.get(metric)
        if figure is None:
            cells.append("")
            continue
        mark = results.mark(row, metric)
        value = f"**{figure.value:.3f}**" if mark == "best" else f"{figure.value:.3f}{' ≈' if mark == 'even' else ''}"
        cells.append(value if figure.low is None else f"{value} [{figure.low:.3f}, {figure.high:.3f}]")
    return cells


def _agreement(comparison: Comparison) -> Iterator[str]:
    yield "## Agreement"
    yield ""
    yield "Adjusted Rand index of the clusters of shared patches; 1 is the same clustering, 0 is chance."
    yield ""
    names = [str(choice) for choice in comparison.choices]
    cells = [["" if np.isnan(value) else f"{value:.2f}" for value in row] for row in comparison.matrix()]
    yield from table(["", *names], [[name, *row] for name, row in zip(names, cells, strict=True)])
    yield "Spearman's rank correlation of the pictures by their best patch; and what became of the first run's clusters"
    yield "in the second, where a tenth of the patches is common to both:"
    yield ""
    first = comparison.pairs[0].first
    rows = [
        [
            str(pair.second.choice),
            f"{pair.agreement.common:.0%}",
            "" if np.isnan(pair.agreement.rank_correlation) else f"{pair.agreement.rank_correlation:.2f}",
            *(str(count) if pair.agreement.matches else "" for count in pair.fates().values()),
        ]
        for pair in comparison.pairs
        if pair.first is first
    ]
    yield from table([f"from {first.choice} to", "patches in common", "rank correlation", *FATES], rows)
    yield "![Agreement](agreement.png)"
    yield ""
