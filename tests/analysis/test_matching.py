from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diffmine.analysis.matching import match_clusters


def fates(first: list[int], second: list[int]) -> list[tuple[str, tuple[int, ...], tuple[int, ...]]]:
    return [(match.fate, match.first, match.second) for match in match_clusters("a", first, second)]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([0] * 4 + [1] * 4, [7] * 4 + [3] * 4, [("kept", (0,), (7,)), ("kept", (1,), (3,))]),
        ([0] * 9, [0] * 6 + [1] * 3, [("kept", (0,), (0,)), ("split", (0,), (1,))]),
        ([0] * 6 + [1] * 3, [0] * 9, [("kept", (0,), (0,)), ("merged", (1,), (0,))]),
        ([0] * 9, [0] * 3 + [1] * 3 + [2] * 3, [("split", (0,), (0, 1, 2))]),
        ([0] * 3 + [1] * 3 + [2] * 3, [5] * 9, [("merged", (0, 1, 2), (5,))]),
        ([0] * 4, [-1] * 4, [("lost", (0,), ())]),
        ([-1] * 4, [0] * 4, [("new", (), (0,))]),
        ([0] * 4 + [1] * 2, [0] * 3 + [2] + [0] + [2], [("kept", (0,), (0,)), ("lost", (1,), ()), ("new", (), (2,))]),
    ],
    ids=["renumbered", "part splits off", "part joins", "split", "merged", "lost", "new", "shuffled rest"],
)
def test_fates(first: list[int], second: list[int], expected: list[object]) -> None:
    assert fates(first, second) == expected


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(-1, 4), st.integers(-1, 4)), max_size=40))
def test_no_cluster_is_without_a_fate_and_the_lost_and_the_new_have_no_other(pairs: list[tuple[int, int]]) -> None:
    first, second = [one for one, _ in pairs], [other for _, other in pairs]
    matches = match_clusters("a", first, second)
    gone = [match.first for match in matches if match.fate == "lost"]
    elsewhere = {i for match in matches if match.fate != "lost" for i in match.first}
    assert {i for ids in gone for i in ids} | elsewhere == set(first) - {-1}
    assert not {i for ids in gone for i in ids} & elsewhere
    assert {j for match in matches for j in match.second} == set(second) - {-1}
    assert all(match.overlap >= 0.5 for match in matches if match.fate == "kept")


def test_clusters_without_a_shared_patch_are_lost_or_new() -> None:
    matches = match_clusters("a", [0, 0], [0, 0], ([0, 1], [0, 2]))
    assert [(match.fate, match.first, match.second) for match in matches] == [
        ("kept", (0,), (0,)), ("lost", (1,), ()), ("new", (), (2,))
    ]  # fmt: skip
