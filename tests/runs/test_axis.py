"""Labels in order: where each stands, which are neighbours, and what is said of labels without a place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from diffmine.errors import DataError
from diffmine.interfaces import DatasetConfig
from diffmine.runs.axis import axis_of
from diffmine.runs.kinship import with_kin
from diffmine.runs.records import Records
from diffmine.types import ImageRecord

YEARS = st.lists(st.integers(-3000, 3000), min_size=2, max_size=12, unique=True)


def picture(*labels: str) -> ImageRecord:
    return ImageRecord("", "", labels, 1, 1, "x", "train")


def test_numbers_stand_by_value_and_not_by_their_letters() -> None:
    axis = axis_of({"10", "9", "-2", "9.5"}, "numeric", 1)
    assert axis is not None
    assert axis.labels == ("-2", "9", "9.5", "10")
    assert axis.values == (-2.0, 9.0, 9.5, 10.0)
    assert axis.related == {"-2": ("9",), "9": ("-2", "9.5"), "9.5": ("9", "10"), "10": ("9.5",)}


def test_a_list_keeps_the_places_of_labels_that_no_picture_has() -> None:
    axis = axis_of({"old", "new"}, ["old", "middle", "new"], 1)
    assert axis is not None
    assert axis.labels == ("old", "new")
    assert axis.values == (0.0, 2.0)
    assert axis.related == {"old": (), "new": ()}


@given(YEARS, st.integers(0, 13))
def test_labels_are_neighbours_of_each_other_or_neither_is(years: list[int], neighbours: int) -> None:
    axis = axis_of({str(year) for year in years}, "numeric", neighbours)
    assert axis is not None
    assert list(axis.values) == sorted(years)
    related = axis.related
    for here, label in enumerate(axis.labels):
        near = {other for there, other in enumerate(axis.labels) if 0 < abs(there - here) <= neighbours}
        assert set(related[label]) == near
        assert all(label in related[other] for other in near)
    assert (neighbours >= len(years) - 1) <= (set(axis.without_null) == set(axis.labels))


def test_a_picture_is_related_to_the_neighbours_of_all_its_labels_and_to_none_of_its_own() -> None:
    axis = axis_of({"1", "2", "3", "4", "5"}, "numeric", 1)
    assert axis is not None
    found = with_kin(Records.of([picture("2", "3"), picture("5")]), axis, {})
    assert [record.related for record in found] == [("1", "4"), ("4",)]


@pytest.mark.parametrize("label", ["1920s", "", "nan", "inf", "MCMXX"])
def test_a_label_that_is_no_number_is_said_so(label: str) -> None:
    with pytest.raises(DataError, match=r"the label .* is not a number, .*; list the labels .* order = \["):
        axis_of({label, "1930"}, "numeric", 1)


def test_a_label_that_the_list_lacks_is_said_so() -> None:
    with pytest.raises(DataError, match=r"'v3' is not in \[dataset\] order, which lists 'v1', 'v2'"):
        axis_of({"v1", "v3"}, ["v1", "v2"], 1)


@pytest.mark.parametrize("order", ["numerical", ["a"], ["a", "b", "a"], 3])
def test_an_order_is_numeric_or_lists_each_label_once(order: object) -> None:
    with pytest.raises(ValidationError):
        DatasetConfig.model_validate({"order": order})
