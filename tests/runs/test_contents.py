from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from diffmine.drawing.crops import crops, cut
from diffmine.runs.contents import OUTLIERS, Contents, label_clusters, selected_rows
from diffmine.testing.toy_runs import write_toy_run
from diffmine.types import Box


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> Contents:
    return write_toy_run(tmp_path_factory.mktemp("toy"), clusters=3, members=8).contents


def test_every_patch_is_in_exactly_one_group(contents: Contents) -> None:
    rows = np.concatenate([rows for label in contents.labels for _, rows in contents.groups(label)])
    assert sorted(rows.tolist()) == list(range(contents.run.patches.num_rows))


def test_members_come_from_the_centre_outwards_and_clusters_by_rank(contents: Contents) -> None:
    distance = contents.column("cluster_distance")
    for label in contents.labels:
        clusters = contents.clusters(label)
        assert [one.rank for one in clusters] == [0, 1, 2]
        assert all(np.all(np.diff(distance[one.rows]) >= 0) for one in clusters)


def test_what_another_one_stands_for_comes_last(tmp_path: Path) -> None:
    run = write_toy_run(tmp_path, clusters=2, members=8)
    before = Contents(run).clusters("north")[0].rows
    duplicates = run.patches["duplicates"].to_pylist()
    duplicates[before[0]] = None
    place = run.patches.column_names.index("duplicates")
    run.patches = run.patches.set_column(place, "duplicates", pa.array(duplicates, pa.int32()))
    assert Contents(run).clusters("north")[0].rows.tolist() == [*before[1:].tolist(), before[0]]


def test_flags_are_of_their_cluster_alone(tmp_path: Path) -> None:
    flags = [("north", 1, "one"), ("north", 1, "two"), ("north", 1, "one"), ("south", 0, "three"), ("east", 0, "none")]
    contents = write_toy_run(tmp_path, clusters=2, members=8, flags=flags).contents
    marks = {(label, one.cluster): one.marks for label in contents.labels for one in contents.clusters(label)}
    flagged = {key: value for key, value in marks.items() if value}
    assert flagged == {("north", 1): ["one", "two"], ("south", 0): ["three"]}


def test_outliers_are_mined_patches_and_controls_are_not(contents: Contents) -> None:
    selection = contents.column("selection")
    groups = dict(contents.groups("north"))
    assert set(selection[groups[OUTLIERS]]) == {"top"} == {contents.run.selection}
    assert set(selection[groups["least"]]) == {"least"}
    assert set(contents.controls("north")) == {"least", "random"}


def test_small_clusters_are_shown_only_where_there_are_no_others(contents: Contents, tmp_path: Path) -> None:
    assert all(len(one.rows) >= 5 for one in contents.best_clusters("north"))
    small = write_toy_run(tmp_path, labels=["a"], clusters=2, members=3).contents
    assert len(small.best_clusters("a")) == len(small.clusters("a")) > 0


def test_crops_are_the_pixels_of_their_boxes(contents: Contents) -> None:
    rows = contents.clusters("south")[0].rows
    found = crops(contents, rows, 64)
    for crop, image_id, box in zip(found, contents.image_ids(rows), contents.boxes(rows), strict=True):
        assert np.array_equal(crop, contents.run.picture(image_id)[box.slices()])


def test_a_patch_that_is_not_square_keeps_its_proportions() -> None:
    pixels = np.zeros((40, 80, 3), np.uint8)
    crop = cut(pixels, Box(0, 0, 20, 40), 32)
    assert crop.shape == (32, 32, 3)
    assert (crop[8:24] == 0).all()
    assert (crop[:8] == 128).all()
    assert (crop[24:] == 128).all()


def test_words_are_of_their_cluster_with_who_says_so(tmp_path: Path) -> None:
    words = [
        ("north", 1, ["wheel", "spoke", "rim", "tyre"], "one"),
        ("north", 1, [], "two"),
        ("south", 0, ["sky"], "one"),
    ]
    contents = write_toy_run(tmp_path, clusters=2, members=8, words=words).contents
    said = {(label, one.cluster): one.suggestions for label in contents.labels for one in contents.clusters(label)}
    named = {key: value for key, value in said.items() if value}
    assert named == {("north", 1): ["wheel, spoke, rim (one)"], ("south", 0): ["sky (one)"]}


def test_clusters_of_labels_are_those_of_the_table_in_no_order_of_its_own(contents: Contents) -> None:
    rows = contents.run.patches.to_pylist()
    for one in label_clusters(contents.run):
        assert {rows[row]["selection"] for row in one.rows} == {"top"}
        assert [rows[row]["cluster"] for row in one.rows] == one.cluster.tolist()
        places = [(patch.image_id, patch.box) for patch in one.patches]
        assert places == sorted(places)
        sizes = [len(cluster.rows) for cluster in contents.clusters(one.label)]
        assert [len(one.only(number).rows) for number in range(len(sizes))] == sizes
        assert len(one.members().rows) == sum(sizes)
    reversed_table = contents.run.patches.take(list(range(len(rows)))[::-1])
    for label, found in selected_rows(reversed_table, "least").items():
        back = [len(rows) - 1 - row for row in found]
        assert back == selected_rows(contents.run.patches, "least")[label].tolist()
