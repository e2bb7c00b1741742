"""The clusters of a label, and the patches of a cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from diffmine.runs.contents import Cluster, Contents, Rows
from diffmine.runs.patch_tables import added_columns
from diffmine.terminal import above_chance
from diffmine.terminal.crop_rows import Thumbnails
from diffmine.terminal.glyphs import bar, visible
from diffmine.terminal.rich_tables import (
    BAR,
    FLAG,
    WORDS,
    called,
    counted,
    heading,
    interval,
    measured,
    name,
    new_table,
    remarked,
    signed,
)
from diffmine.terminal.thumbnails import GAP, SIDE, fitting

FACTS = 26
"""Columns for what is said of a cluster beside its crops."""
BAR_WIDTH = 12
ADDED = 16
"""Columns of the terminal that a plugin's column takes at most."""


def label_view(contents: Contents, label: str, console: Console, limit: int) -> Iterator[RenderableType]:
    """The clusters of a label, the most typical first."""
    clusters, outliers = contents.clusters(label), contents.outliers(label)
    patches = contents.selected(label, contents.run.selection)
    counts = counted(len(clusters), "cluster"), counted(len(outliers), "outlier")
    yield heading(label, counted(len(patches), "patch"), *above_chance.remarks(contents, label, patches), *counts)
    yield Text()
    shown = clusters[:limit]
    scale = max((one.facts["median_typicality"] for one in shown), default=0.0)
    thumbnails = Thumbnails(contents, console)
    across = fitting(console.width - FACTS)
    strips = thumbnails.load([one.rows[:across].tolist() for one in shown])
    yield _illustrated(contents, shown, strips, scale) if thumbnails.shown else _listed(contents, shown, scale)
    yield from _remarks(thumbnails, len(clusters) - len(shown), "cluster")


def patches_view(
    contents: Contents, group: tuple[str, str], rows: Rows, cluster: Cluster | None, console: Console, limit: int
) -> Iterator[RenderableType]:
    """Patches, such as the members of a cluster, nearest to its centroid first; above them what is said of it.

    Args:
        group: the label, and what the patches are.
    """
    label, title = group[0], ": ".join(group)
    pictures = counted(len(set(contents.image_ids(rows))), "picture")
    verdict = map(visible, cluster.verdict.words) if cluster else ()
    yield heading(title, counted(len(rows), "patch"), pictures, *above_chance.remarks(contents, label, rows), *verdict)
    if cluster and (cluster.flags or cluster.suggestions or cluster.note or cluster.parts):
        yield _said_of(cluster)
    yield Text()
    shown = rows[:limit]
    thumbnails = Thumbnails(contents, console)
    crops = thumbnails.load([[row] for row in shown.tolist()])
    if thumbnails.shown:
        yield _tiles(contents, shown, crops, console.width)
    else:
        yield _patch_table(contents, shown, console.width)
    yield from _remarks(thumbnails, len(rows) - len(shown), "patch")


def _said_of(cluster: Cluster) -> Table:
    notes = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    if said := called(cluster):
        notes.add_row(Text("named" if cluster.name else "noted", style=WORDS), Text(visible(said)))
    if cluster.parts:
        notes.add_row(Text("merged", style=WORDS), Text(f"with cluster {', '.join(map(str, cluster.parts))}"))
    if cluster.note and cluster.note.note:
        notes.add_row(Text("note", style=WORDS), Text(visible(cluster.note.note)))
    for flag in cluster.flags:
        style = FLAG if flag.severity == "warning" else "dim"
        notes.add_row(name(flag.mark, style), Text(visible(flag.sentence)))
    for words in cluster.suggestions:
        notes.add_row(Text("maybe", style=WORDS), Text(visible(words)))
    return notes


def _illustrated(contents: Contents, clusters: Sequence[Cluster], strips: Sequence[Text], scale: float) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 0, 1, 0), pad_edge=False)
    table.add_column(width=FACTS, no_wrap=True)
    table.add_column(no_wrap=True)
    for one, strip in zip(clusters, strips, strict=True):
        table.add_row(_facts(contents, one, scale), strip)
    return table


def _facts(contents: Contents, one: Cluster, scale: float) -> Text:
    facts, told = one.facts, contents.standings[one.label].told  # that nobody can tell stands above all
    pictures = Text("only 1 picture", style=FLAG) if facts["images"] == 1 else counted(facts["images"], "picture")
    lines = [
        remarked(Text(f"cluster {one.cluster}", style="bold"), one),
        measured(facts["median_typicality"], scale, BAR_WIDTH),
        Text(interval(facts["median_low"], facts["median_high"]), style="dim"),
        Text.assemble(f"{counted(facts['size'], 'patch')}, ", pictures),
        Text("".join(above_chance.remarks(contents, one.label, one.rows) if told else [])),
    ]
    return Text("\n").join(lines)


def _listed(contents: Contents, clusters: Sequence[Cluster], scale: float) -> Table:
    patches, cells = above_chance.column(contents, [(one.label, one.rows) for one in clusters])
    headings = ("cluster", patches, "pictures", "median typicality", "95 % interval")
    table = new_table(*headings, left=["median typicality"])
    for one, cell in zip(clusters, cells, strict=True):
        facts = one.facts
        table.add_row(
            str(one.cluster),
            cell,
            Text("only 1", style=FLAG) if facts["images"] == 1 else f"{facts['images']:,}",
            remarked(measured(facts["median_typicality"], scale, BAR_WIDTH), one),
            interval(facts["median_low"], facts["median_high"]),
        )
    return table


def _tiles(contents: Contents, rows: Rows, pictures: Sequence[Text], width: int) -> Table:
    """Patches with their facts beside them, as many across as fit."""
    across = max(1, width // 40)
    text = width // across - SIDE - 3 * GAP
    table = Table(box=None, show_header=False, padding=(0, 1, 1, 0), pad_edge=False)
    for _ in range(across):
        table.add_column(width=SIDE, no_wrap=True)
        table.add_column(width=text, no_wrap=True, overflow="ellipsis")
    scale = max(contents.column("typicality")[rows].max(initial=0.0), 0.0)
    added = _added(contents, rows)
    cells = [_patch_facts(contents, row, scale, added[place]) for place, row in enumerate(rows.tolist())]
    for start in range(0, len(cells), across):
        pairs = zip(pictures[start : start + across], cells[start : start + across], strict=True)
        table.add_row(*(cell for pair in pairs for cell in pair))
    return table


def _patch_facts(contents: Contents, row: int, scale: float, added: Mapping[str, str]) -> Text:
    one = contents.run.patches.slice(row, 1).to_pylist()[0]
    distance, error = one["cluster_distance"], one["typicality_stderr"]
    lines = [
        name(contents.run.records[one["image_id"]].path, "bold"),
        Text(signed(one["typicality"]) + (f" ± {error:.4f}" if error is not None else "")),
        Text(bar(one["typicality"], scale, BAR_WIDTH), style=BAR),
        Text(_place(one), style="dim"),
        Text("" if distance is None else f"{distance:.3f} from the centre", style="dim"),
        *(name(f"{column}: {value}") for column, value in added.items() if value),
    ]
    return Text("\n", no_wrap=True, overflow="ellipsis").join(lines)


def _patch_table(contents: Contents, rows: Rows, width: int) -> Table:
    table = new_table("picture", "place, size", "typicality", "± error", "to centre", left=["picture", "typicality"])
    added = _added(contents, rows)
    for column in added[0] if added else ():
        table.add_column(name(column), justify="left", no_wrap=True, overflow="ellipsis", max_width=ADDED)
    table.columns[0].max_width = max(16, width - 64 - sum(ADDED + 2 for _ in table.columns[5:]))
    scale = max(contents.column("typicality")[rows].max(initial=0.0), 0.0)
    for place, row in enumerate(rows.tolist()):
        one = contents.run.patches.slice(row, 1).to_pylist()[0]
        distance, error = one["cluster_distance"], one["typicality_stderr"]
        table.add_row(
            name(contents.run.records[one["image_id"]].path),
            _place(one),
            measured(one["typicality"], scale, BAR_WIDTH),
            "" if error is None else f"{error:.4f}",
            "" if distance is None else f"{distance:.3f}",
            *(name(value) for value in added[place].values()),
        )
    return table


def _added(contents: Contents, rows: Rows) -> list[dict[str, str]]:
    """What the columns of plugins say of each patch."""
    columns = {column: values.to_pylist() for column, values in added_columns(contents, rows).items()}
    return [{column: _cell(values[place]) for column, values in columns.items()} for place in range(len(rows))]


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _place(one: dict[str, int]) -> str:
    return f"y {one['y0']}, x {one['x0']}, {one['y1'] - one['y0']} × {one['x1'] - one['x0']}"


def _remarks(thumbnails: Thumbnails, left: int, noun: str) -> Iterator[RenderableType]:
    if left > 0:
        yield Text(f"and {counted(left, noun)} more; --limit shows more, --export all", style="dim")
    if thumbnails.cause:
        yield Text(f"crops are not shown: {visible(thumbnails.cause)}", style="yellow")
