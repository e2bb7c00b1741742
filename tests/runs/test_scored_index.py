"""Where maps lie: the index holds columns, and answers as a dict of dicts would."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from diffmine.builtin.stages.typicality import INDEX
from diffmine.runs.typicality_maps import Scored, ScoredIndex

ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "image_id": st.sampled_from(["0a", "0b", "1", "z", "é"]),
            "label": st.sampled_from(["a", "b", "ü"]),
            "shard": st.integers(0, 9),
            "role": st.sampled_from(["own", "null", "other"]),
            "draws": st.one_of(st.none(), st.integers(1, 9)),
        }
    ),
    max_size=12,
    unique_by=lambda row: (row["image_id"], row["label"]),
)


@given(ROWS)
def test_it_says_of_each_image_what_its_rows_say(rows: list[dict[str, object]]) -> None:
    index = ScoredIndex(pa.Table.from_pylist(rows, schema=INDEX))
    for image_id in ("0a", "0b", "1", "z", "é", "nobody", ""):
        expected = {
            one["label"]: Scored(one["shard"], one["role"], one["draws"])  # type: ignore[arg-type]
            for one in rows
            if one["image_id"] == image_id
        }
        assert index.of(image_id) == expected


def test_an_index_of_an_earlier_version_has_neither_roles_nor_draws() -> None:
    index = ScoredIndex(pa.table({"image_id": ["a"], "label": ["x"], "shard": pa.array([3], pa.int32())}))
    assert index.of("a") == {"x": Scored(3, "other", None)}
