from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from diffmine.files.names import slug
from diffmine.testing.toy_runs import HOSTILE_LABELS

TEXT = st.one_of(st.text(), st.sampled_from(HOSTILE_LABELS))


@given(TEXT)
def test_a_slug_is_a_harmless_file_name(text: str) -> None:
    assert re.fullmatch(r"[a-z0-9-]{6,60}", slug(text))


@given(st.lists(TEXT, unique=True, min_size=2))
def test_labels_do_not_share_a_slug(texts: list[str]) -> None:
    assert len({slug(text) for text in texts}) == len(texts)


def test_labels_that_differ_in_case_or_accent_alone_are_told_apart() -> None:
    assert len({slug("São"), slug("sao"), slug("SAO"), slug("s/a/o")}) == 4


def test_people_can_read_it() -> None:
    assert slug("São Tomé").startswith("sao-tome-")
