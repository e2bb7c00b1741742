"""What components must not return is refused in a sentence; what they may return passes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from diffmine.errors import ContractError
from diffmine.interfaces import PatchRequest, checks
from diffmine.testing.toy_tools import as_picture
from diffmine.types import Box, Candidate, ImageRecord, Item, MetricValue, TypicalityMap

ROWS = np.eye(3, dtype=np.float32)
RECORD = ImageRecord("id", "a.png", ("a",), 64, 48, "0" * 64, "train")
PICTURE = as_picture(np.zeros((48, 64, 3), np.uint8))
NAN = float("nan")


class Extraction:
    """Something that remembers."""


class Scoring:
    stride = 8


def typicality(shape: tuple[int, ...] = (6, 8), label: str = "a", **parts: Any) -> TypicalityMap:
    mean, stderr = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    return TypicalityMap(PICTURE.record.image_id, label, parts.get("mean", mean), parts.get("stderr", stderr), 4)


def score(maps: Any) -> Any:
    return checks.typicality_maps(maps, Scoring(), [PICTURE], [("a",)], None)


def candidate(box: tuple[Any, ...] = (0, 0, 8, 8), typicality: float = 1.0) -> Candidate:
    return Candidate(Box(*box), typicality, 0.1, -typicality)


REFUSED = {
    "ids: None": (lambda: checks.cluster_ids(None, None, ROWS), "None"),
    "ids: a list": (lambda: checks.cluster_ids([0, 0, 0], None, ROWS), "list"),
    "ids: too few": (lambda: checks.cluster_ids(np.zeros(2, int), None, ROWS), r"\(2,\) for 3"),
    "ids: 2-D": (lambda: checks.cluster_ids(np.zeros((3, 1), int), None, ROWS), r"\(3, 1\)"),
    "ids: floats": (lambda: checks.cluster_ids(np.full(3, NAN), None, ROWS), "float64"),
    "ids: text": (lambda: checks.cluster_ids(np.array(["a", "b", "c"]), None, ROWS), "<U1"),
    "ids: -7": (lambda: checks.cluster_ids(np.array([0, 1, -7]), None, ROWS), "-7"),
    "projection: NaN": (lambda: checks.projected(ROWS * NAN, None, ROWS), "9 values that are NaN"),
    "projection: too few": (lambda: checks.projected(ROWS[:2], None, ROWS), "2 rows for 3"),
    "projection: 1-D": (lambda: checks.projected(ROWS[0], None, ROWS), "2-D"),
    "map: 7 x 5 cells": (lambda: score([[typicality((7, 5))]]), r"7 x 5 cells of 8 pixels .* 48 x 64"),
    "map: far too large": (lambda: score([[typicality((60, 80))]]), "60 x 80"),
    "map: another label": (lambda: score([[typicality(label="b")]]), "under 'b'"),
    "map: missing": (lambda: score([[]]), "0 for 1 labels of"),
    "map: NaN": (lambda: score([[typicality(mean=np.full((6, 8), NAN))]]), "NaN"),
    "map: negative error": (lambda: score([[typicality(stderr=np.full((6, 8), -1.0))]]), "-1.0"),
    "box: outside": (lambda: checks.candidates([candidate((0, 60, 8, 68))], None, None, RECORD), r"\(0, 60, 8, 68\)"),
    "box: inside out": (lambda: checks.candidates([candidate((8, 8, 0, 0))], None, None, RECORD), r"\(8, 8, 0, 0\)"),
    "box: fractions": (lambda: checks.candidates([candidate((0, 0, 8.5, 8))], None, None, RECORD), "8.5"),
    "patch: NaN": (lambda: checks.candidates([candidate(typicality=NAN)], None, None, RECORD), "typicality = nan"),
    "metric: NaN": (lambda: checks.metric_values({"x": MetricValue(NAN)}, None), "value = nan"),
    "metric: None": (lambda: checks.metric_values({"x": MetricValue(None)}, None), "value = None"),  # type: ignore[arg-type]
    "metric: a number": (lambda: checks.metric_values({"x": 0.5}, None), "type float"),
    "metric: infinite label": (
        lambda: checks.metric_values({"x": MetricValue(1.0, per_label={"a": math.inf})}, None),
        "a = inf",
    ),
    "item: no label text": (lambda: checks.item(Item("a.png", ("",)), None), "labels"),
    "item: labels a string": (lambda: checks.item(Item("a.png", "a"), None), "labels 'a'"),  # type: ignore[arg-type]
    "item: a path object": (lambda: checks.item(Item(None, ("a",)), None), "path None"),  # type: ignore[arg-type]
    "labels: strange": (lambda: checks.scored_labels(("a", "z"), None, RECORD, ("a", "b"), 0), "'z'"),
    "labels: text": (lambda: checks.scored_labels("a", None, RECORD, ("a", "b"), 0), "type str"),
    "labels: own left out": (lambda: checks.scored_labels(("b",), None, RECORD, ("a", "b"), 0), "left out 'a'"),
    "log: NaN": (lambda: checks.training_log([{"loss": NAN}]), "'loss' = nan"),
    "log: None": (lambda: checks.training_log(None), "None"),
    "prediction": (lambda: checks.same_shape(ROWS[:2], None, ROWS), r"\(2, 3\) for latents of shape \(3, 3\)"),
    "read": (lambda: checks.encoded_file(None, None, "a.png"), "None"),
    "mask": (lambda: checks.element_masks({"a": np.zeros((4, 4))}, None, RECORD), "float64"),
    "open": (lambda: checks.instance_of("Scoring")(None, None), "must return a Scoring"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused(case: str) -> None:
    call, told = REFUSED[case]
    with pytest.raises(ContractError, match=told) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (ROWS[:1], "1 rows for a picture with 2"),
        (ROWS[:2] * 7, "norm 7"),
        (ROWS[:2] * NAN, "NaN"),
        (ROWS[:2].astype(int), "int64"),
        (None, "None"),
    ],
)
def test_features_are_refused(rows: Any, told: str) -> None:
    request = PatchRequest(PICTURE, "a", (Box(0, 0, 8, 8), Box(0, 0, 9, 9)))
    with pytest.raises(ContractError, match=told):
        checks.features([rows], Extraction(), [request])


def test_features_keep_their_dims() -> None:
    request = PatchRequest(PICTURE, "a", (Box(0, 0, 8, 8),))
    extraction = Extraction()
    (kept,) = checks.features([ROWS[:1].astype(np.float64)], extraction, [request])
    assert kept.dtype == np.float32
    with pytest.raises(ContractError, match="2 dims, and of 3 before"):
        checks.features([ROWS[:1, :2]], extraction, [request])


def test_what_is_allowed_passes() -> None:
    assert checks.cluster_ids(np.array([0, -1, 2]), None, ROWS).dtype == np.int32
    assert score([[typicality()]])
    assert score([[typicality((8, 8))]]), "models pad pictures to their grid"
    assert checks.candidates([candidate((40, 56, 48, 64))], None, None, RECORD)
    assert checks.metric_values({"x": MetricValue(0.5, low=0.1, chance=None)}, None)
    assert checks.scored_labels(["a", "b"], None, RECORD, ("a", "b"), 0) == ("a", "b")
