"""Labels in a tree: what a picture carries, who is above whom, and names that lie in two places."""

from __future__ import annotations

import pytest

from diffmine.errors import DataError
from diffmine.runs.hierarchy import parents_of, with_ancestors
from diffmine.runs.kinship import with_kin
from diffmine.runs.records import Records
from diffmine.types import ImageRecord, Item

LEVELS = ("continent", "country")
ROWS = (("Europe", "France", "Brittany"), ("Europe", "France", "Provence"), ("Europe", "Spain", "Galicia"))


def item(continent: str, country: str, region: str) -> Item:
    return Item(f"{region}.jpg", (region,), {"continent": continent, "country": country})


def records(rows: tuple[tuple[str, str, str], ...] = ROWS) -> list[ImageRecord]:
    found = list(with_ancestors([item(*row) for row in rows], LEVELS))
    return [ImageRecord(one.path, one.path, one.labels, 1, 1, one.path, "train", one.columns) for one in found]


def test_a_picture_carries_its_own_label_and_all_above_it() -> None:
    assert records()[0].labels == ("Brittany", "France", "Europe")


def test_each_label_has_its_parent() -> None:
    assert parents_of(records(), LEVELS) == {
        "Europe": None,
        "France": "Europe",
        "Spain": "Europe",
        "Brittany": "France",
        "Provence": "France",
        "Galicia": "Spain",
    }
    assert parents_of(records(), None) == {}


def test_siblings_share_a_parent() -> None:
    found = with_kin(Records.of(records()), None, parents_of(records(), LEVELS))
    assert [one.siblings for one in found] == [("Provence", "Spain"), ("Brittany", "Spain"), ("France",)]


def test_where_a_level_is_empty_the_label_hangs_on_the_one_above() -> None:
    found = records((*ROWS, ("Asia", "", "Singapore")))
    assert found[-1].labels == ("Singapore", "Asia")
    assert parents_of(found, LEVELS)["Singapore"] == "Asia"


def test_a_picture_that_is_in_two_regions_moves_neither() -> None:
    twice = records()
    both = ImageRecord("x", "x", ("Galicia", *twice[0].labels, "Spain"), 1, 1, "x", "train", twice[0].columns)
    parents = parents_of([*twice, twice[2], both], LEVELS)
    assert (parents["Galicia"], parents["Spain"]) == ("Spain", "Europe")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ((("Asia", "Georgia", "Kakheti"), ("America", "USA", "Georgia")), "lies in 'Asia' and in 'USA'"),
        ((("Asia", "Singapore", "Singapore"),), "lies in 'Asia' and in 'Singapore'"),
    ],
)
def test_a_name_in_two_places_is_said_so(rows: tuple[tuple[str, str, str], ...], said: str) -> None:
    with pytest.raises(DataError, match=said):
        records(rows)


def test_a_column_that_is_not_there_is_said_so() -> None:
    with pytest.raises(DataError, match=r"has no column 'state', which \[dataset\] hierarchy names; it has: 'cont"):
        list(with_ancestors([item(*ROWS[0])], ("state",)))
