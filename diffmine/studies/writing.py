"""The files of a study: tables for machines, a page of Markdown for people, plots."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
from pyarrow import csv

from diffmine.drawing.figures import draw_before_after
from diffmine.files.atomic import write_atomically
from diffmine.plugins.manager import plugin_manager
from diffmine.runs.run import Run
from diffmine.studies.comparison import Comparison
from diffmine.studies.entries import Entry
from diffmine.studies.markdown import results_markdown
from diffmine.studies.page import write_page
from diffmine.studies.plots import plot_agreement, plot_metrics
from diffmine.studies.results import Results
from diffmine.version import __version__

FILES = (
    "results.csv",
    "results.parquet",
    "results.md",
    "agreement.csv",
    "clusters.csv",
    "metrics.png",
    "agreement.png",
    "before-after.png",
    "before-after.pdf",
    "compare.html",
    "study.json",
)


def write_study(results: Results, comparison: Comparison, folder: Path) -> None:
    """Write every file anew; of those that an earlier study left and that have no content now, none stay."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        (folder / name).unlink(missing_ok=True)
    table = results.table()
    csv.write_csv(table, folder / "results.csv")
    pq.write_table(table, folder / "results.parquet")
    if comparison.pairs:
        csv.write_csv(comparison.agreement_table(), folder / "agreement.csv")
        csv.write_csv(comparison.matches_table(), folder / "clusters.csv")
        plot_agreement(comparison, folder / "agreement.png")
        _draw_finetuning(comparison, folder)
    if results.metrics:
        plot_metrics(results, folder / "metrics.png")
    write_page(results, comparison, folder)
    page = results_markdown(results, comparison)
    write_atomically(folder / "results.md", page.encode())
    write_atomically(folder / "study.json", json.dumps(_about(results), indent=1, ensure_ascii=False).encode())


def _draw_finetuning(comparison: Comparison, folder: Path) -> None:
    """Where typicality lay in the first run and in the last that was finetuned otherwise, on the same labels."""
    pairs = [pair for pair in comparison.pairs if pair.first is comparison.pairs[0].first]
    for pair in reversed(pairs):
        first, last = pair.first.run, pair.second.run
        if first is not None and last is not None and _labels(first) == _labels(last) and _differ(first, last):
            names = str(pair.first.choice), str(pair.second.choice)
            drawing = draw_before_after(last.contents, first.contents, names=names)
            drawing.save(folder / "before-after.png")
            drawing.save(folder / "before-after.pdf")
            return


def _labels(run: Run) -> dict[str, tuple[str, ...]]:
    return {image_id: record.labels for image_id, record in run.records.items()}


def _differ(first: Run, last: Run) -> bool:
    """Whether two runs were finetuned differently; a run without that stage mined the base model."""
    one, other = (run.info["stages"].get("finetune", {}).get("digest") for run in (first, last))
    return bool(one != other)


def _about(results: Results) -> dict[str, object]:
    """What was asked, and with which versions it was computed and compared."""
    plugins = {name: str(source) for name, source in plugin_manager().sources.items()}
    return {
        "name": results.name,
        "description": results.description,
        "study": results.study,
        "overrides": results.overrides,
        "diffmine": __version__,
        "plugins": plugins,
        "runs": [_run(entry) for entry in results.entries],
    }


def _run(entry: Entry) -> dict[str, object]:
    made_with = {} if entry.run is None else {key: entry.run.info.get(key) for key in ("diffmine", "plugins")}
    return {"run": str(entry.folder), "seed": entry.seed, "error": entry.error, **made_with}
