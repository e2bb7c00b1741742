from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from diffmine.analysis.agreement import compare_runs
from diffmine.drawing.comparison_page import RunPair, write_side_by_side
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
    page = write_side_by_side("two", [RunPair(("one", "other"), runs, matches, "alike")], tmp_path)
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
    page = write_side_by_side("</title><b>", [RunPair(names, runs, compare_runs(*runs).matches, "")], tmp_path)
    html = page.read_text(encoding="utf-8")
    assert html.count('<b class="flag">') >= len(HOSTILE_LABELS), "flagged clusters are marked"
    assert "<b onmouseover" not in html
    assert "<script" not in html
    assert "<img src=x" not in html
    assert "</title><b>" not in html
    assert "script-src 'none'" in unescape(html)


def test_comparing_runs_writes_the_page(runs: tuple[Run, Run], tmp_path: Path) -> None:
    compare([run.path for run in runs], tmp_path / "out")
    assert "merged" in (tmp_path / "out" / "compare.html").read_text(encoding="utf-8")
