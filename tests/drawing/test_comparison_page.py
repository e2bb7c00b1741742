from __future__ import annotations

import re
import shutil
from html import unescape
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from diffmine.analysis.agreement import compare_runs
from diffmine.drawing.comparison_page import Overview, RunPair, write_comparison
from diffmine.drawing.crops import crops
from diffmine.engine.opening import load_run
from diffmine.runs.run import Run
from diffmine.studies.study import compare
from diffmine.testing.toy_runs import HOSTILE_LABELS, write_toy_run


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    """A run, and another over the same pictures in which the last cluster of each label is part of the first."""
    first, second = (
        write_toy_run(tmp_path_factory.mktemp(name), hostile=True, clusters=3, members=8) for name in ("one", "other")
    )
    patches, clusters = second.patches, second.clusters.to_pylist()
    joined = [0 if cluster == 2 else cluster for cluster in patches["cluster"].to_pylist()]
    column = pa.array(joined, pa.int32())
    pq.write_table(
        patches.set_column(patches.column_names.index("cluster"), "cluster", column), second.path / "patches.parquet"
    )
    kept = [row for row in clusters if row["cluster"] != 2]
    pq.write_table(pa.Table.from_pylist(kept, schema=second.clusters.schema), second.path / "clusters.parquet")
    return first, load_run(second.path)


def test_matches_are_shown_with_the_crops_of_both_runs(runs: tuple[Run, Run], tmp_path: Path) -> None:
    matches = compare_runs(*runs).matches
    assert {match.fate for match in matches} == {"kept", "merged"}
    page = write_comparison("two", Overview(), [RunPair(("one", "other"), runs, matches, "alike")], tmp_path)
    html = page.read_text(encoding="utf-8")
    assert html.count('class="match"') == len(matches)
    files = set(re.findall(r'src="(compare/[\w-]+\.webp)"', html))
    assert files == {f"compare/{path.name}" for path in (tmp_path / "compare").iterdir()}
    assert len(files) == len(HOSTILE_LABELS) * (3 + 2)

    contents = runs[0].contents
    label = contents.labels.index("..")
    strip = np.asarray(Image.open(tmp_path / f"compare/0-{label}-1.webp"), dtype=float)
    expected = crops(contents, contents.clusters("..")[1].rows[:6], 64)
    assert abs(strip[:, 68:132] - expected[1]).mean() < 10


def test_names_of_users_stay_text(runs: tuple[Run, Run], tmp_path: Path) -> None:
    names = ("<script>alert(1)</script>", '"><img src=x>')
    page = write_comparison(
        "</title><b>", Overview(), [RunPair(names, runs, compare_runs(*runs).matches, "")], tmp_path
    )
    html = page.read_text(encoding="utf-8")
    assert html.count('<b class="flag">') >= len(HOSTILE_LABELS), "flagged clusters are marked"
    assert "<b onmouseover" not in html
    assert "<script" not in html
    assert "<img src=x" not in html
    assert "</title><b>" not in html
    assert "script-src 'none'" in unescape(html)


def test_the_page_shows_figures_differences_and_links(runs: tuple[Run, Run], tmp_path: Path) -> None:
    one, other = tmp_path / "runs" / "one", tmp_path / "runs" / "an other & more"
    for run, folder in zip(runs, (one, other), strict=True):
        shutil.copytree(run.path, folder)
        (folder / "report").mkdir()
        (folder / "report" / "index.html").write_text("a report", encoding="utf-8")
    recipe = (other / "recipe.toml").read_text(encoding="utf-8")
    (other / "recipe.toml").write_text(recipe.replace('use = "top"', 'use = "top"\nper_image = 3'), encoding="utf-8")
    compare([one, other], tmp_path / "out")
    html = (tmp_path / "out" / "compare.html").read_text(encoding="utf-8")
    assert "merged" in html
    assert "pixel average precision" in html
    assert "0.520 ≈" in html
    assert "One run of each: differences may be chance" in html
    links = re.findall(r'<a href="([^"]+)">', html)
    reports = [folder / "report" / "index.html" for folder in (one, other)]
    files = [(tmp_path / "out" / unquote(link.partition("#")[0])).resolve() for link in links]
    assert [file for file, link in zip(files, links, strict=True) if "#" not in link] == reports
    assert set(files) == set(reports), "clusters link to where they stand in these"
    differing = re.findall(r'<th scope="row"><bdi>([a-z_.]+)</bdi></th><td><bdi>(.+?)</bdi></td><td><bdi>(.+?)</', html)
    assert differing[1] == ("patches.per_image", "–", "3")
    assert [key for key, *_ in differing] == ["dataset.path", "patches.per_image"], (
        "not seed and whatever else is the same"
    )


def test_clusters_that_cannot_be_matched_are_shown(runs: tuple[Run, Run], tmp_path: Path) -> None:
    page = write_comparison("two", Overview(), [RunPair(("one", "other"), runs, (), "little in common")], tmp_path)
    html = page.read_text(encoding="utf-8")
    assert html.count("<figure>") == len(HOSTILE_LABELS) * (3 + 2)
    assert "not compared" in html
