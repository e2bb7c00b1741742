"""What components may return, checked where they are called; every error is one sentence.

Each check is given what came back, the object that was called, and the arguments of the call. It gives the value on in
its canonical form, or raises a ``ContractError``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from diffmine.errors import ContractError
from diffmine.types import (
    Box,
    Candidate,
    Description,
    Finding,
    ImageRecord,
    Item,
    MetricValue,
    Picture,
    TypicalityMap,
    Word,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from diffmine.runs.run import Run

UNIT_TOLERANCE = 1e-3
"""How far the norm of a feature vector may be from 1."""
MARGIN = 128
"""Pixels by which a map may reach beyond its picture, which models pad to their grid."""
NEVER_NEGATIVE = {
    "stderr": "standard error",
    "influence": "influence",
    "influence_stderr": "standard error of influence",
}
"""Parts of a map, in words."""

T = TypeVar("T")


def instance_of(name: str) -> Callable[..., Any]:
    """The result is an object of this class of ``diffmine.interfaces``."""

    def check(result: Any, *_: Any, **__: Any) -> Any:
        from diffmine import interfaces

        return _instance(result, getattr(interfaces, name), "it")

    return check


def instance_or_none(name: str) -> Callable[..., Any]:
    """As :func:`instance_of`; None is allowed."""
    check = instance_of(name)
    return lambda result, *_, **__: None if result is None else check(result)


def cluster_ids(ids: Any, clusterer: object, features: NDArray[Any], **_: Any) -> NDArray[np.int32]:
    """int32, (patches,), -1 or more."""
    array = _array(ids, "fit_predict")
    if array.ndim != 1 or len(array) != len(features):
        raise ContractError(
            f"fit_predict returned cluster ids of shape {array.shape} for {len(features)} patches; "
            "it must return one id for each"
        )
    if array.dtype.kind not in "iu":
        raise ContractError(f"fit_predict returned cluster ids of type {array.dtype}; they must be whole numbers")
    if array.size and array.min() < -1:
        raise ContractError(f"fit_predict returned the cluster id {array.min()}; ids start at 0, and -1 is an outlier")
    if array.size and array.max() > np.iinfo(np.int32).max:
        raise ContractError(f"fit_predict returned the cluster id {array.max()}, which does not fit into int32")
    return array.astype(np.int32, copy=False)


def projected(result: Any, projection: object, features: NDArray[Any], **_: Any) -> NDArray[np.float32]:
    """float32, (patches, projected dims), finite."""
    array = _matrix(result, "fit_transform")
    if len(array) != len(features):
        raise ContractError(f"fit_transform returned {len(array)} rows for {len(features)} patches")
    return _finite(array, "fit_transform")


def features(result: Any, extraction: object, requests: Sequence[Any], **_: Any) -> list[NDArray[np.float32]]:
    """For each request float32, (boxes, dims), rows of unit norm, of the same dims for all."""
    given = _sequence(result, "extract", "array", len(requests), "requests")
    return [_features_of(rows, extraction, len(request.boxes)) for rows, request in zip(given, requests, strict=True)]


def _features_of(rows: Any, extraction: object, boxes: int) -> NDArray[np.float32]:
    array = _matrix(rows, "extract")
    if len(array) != boxes:
        raise ContractError(f"extract returned {len(array)} rows for a picture with {boxes} patches")
    dims = vars(extraction).setdefault("_dims_of_all_features", array.shape[1])
    if array.shape[1] != dims:
        raise ContractError(f"extract returned features of {array.shape[1]} dims, and of {dims} before")
    found = _finite(array, "extract")
    norms = np.linalg.norm(found, axis=1)
    off = np.abs(norms - 1) > UNIT_TOLERANCE
    if off.any():
        raise ContractError(f"extract returned a row of norm {norms[off][0]:.4g}; rows must have unit L2 norm")
    return found


def typicality_maps(
    result: Any, scoring: Any, pictures: Sequence[Picture], labels: Sequence[Sequence[str]], *_: Any, **__: Any
) -> list[list[TypicalityMap]]:
    """For each picture one map a label, in their order, that covers the picture."""
    given = _sequence(result, "score", "list of maps", len(pictures), "pictures")
    for maps, picture, wanted in zip(given, pictures, labels, strict=True):
        _sequence(maps, "score", "map", len(wanted), f"labels of {picture.record.path}")
        for one, label in zip(maps, wanted, strict=True):
            _check_map(_instance(one, TypicalityMap, "score"), picture.record, label, scoring.stride)
    return list(given)


def refined_maps(
    result: Any, scoring: Any, pictures: Sequence[Picture], maps: Sequence[Sequence[TypicalityMap]], *_: Any, **__: Any
) -> list[list[TypicalityMap]]:
    """As for the maps that were given."""
    return typicality_maps(result, scoring, pictures, [[one.label for one in known] for known in maps])


def _check_map(one: TypicalityMap, record: ImageRecord, label: str, stride: int) -> None:
    if (one.image_id, one.label) != (record.image_id, label):
        raise ContractError(
            f"score returned a map of image {one.image_id!r} under {one.label!r} where that of {record.image_id!r} "
            f"under {label!r} belongs; keep the order of pictures and labels"
        )
    for name in ("mean", *NEVER_NEGATIVE):
        if (part := getattr(one, name)) is None and name != "mean":
            continue
        grid = _finite(_matrix(part, f"score ({name})"), f"score ({name})")
        sides = zip(grid.shape, (record.height, record.width), strict=True)
        if not all(side <= cells * stride < side + stride + MARGIN for cells, side in sides):
            raise ContractError(
                f"score returned a map of {grid.shape[0]} x {grid.shape[1]} cells of {stride} pixels for a picture of "
                f"{record.height} x {record.width} pixels; a map covers its picture"
            )
        if name in NEVER_NEGATIVE and grid.size and grid.min() < 0:
            raise ContractError(f"score returned the {NEVER_NEGATIVE[name]} {grid.min()}; it is never negative")


def scored_labels(
    result: Any, scorer: object, record: ImageRecord, labels: Sequence[str], *_: Any, **__: Any
) -> tuple[str, ...]:
    """Labels of the run, each once, the image's own among them."""
    wanted = tuple(_sequence(result, "labels_to_score", "label"))
    if strange := [label for label in wanted if label not in labels]:
        raise ContractError(f"labels_to_score returned {strange[0]!r}, which is no label of the run")
    if len(set(wanted)) < len(wanted):
        raise ContractError(f"labels_to_score returned a label twice: {', '.join(wanted)}")
    if missing := [label for label in record.labels if label not in wanted]:
        raise ContractError(f"labels_to_score left out {missing[0]!r}, the image's own label")
    return wanted


def candidates(
    result: Any, selector: object, typicality: TypicalityMap, record: ImageRecord, *_: Any, **__: Any
) -> list[Candidate]:
    """Boxes in the picture, with finite figures."""
    found = _sequence(result, "select", "patch")
    for one in found:
        _check_box(_instance(one, Candidate, "select").box, record)
        for name in ("typicality", "stderr", "priority"):
            value = getattr(one, name)
            if value is not None and not math.isfinite(value):
                raise ContractError(f"select returned a patch with {name} = {value}; it must be finite")
    return list(found)


def _check_box(box: Box, record: ImageRecord) -> None:
    whole = all(isinstance(edge, (int, np.integer)) for edge in box)
    if not (whole and 0 <= box.y0 < box.y1 <= record.height and 0 <= box.x0 < box.x1 <= record.width):
        raise ContractError(
            f"select returned the box {tuple(box)}; in a picture of {record.height} x {record.width} pixels whole "
            f"numbers with 0 <= y0 < y1 <= {record.height} and 0 <= x0 < x1 <= {record.width} are allowed"
        )


def metric_values(result: Any, metric: object, *_: Any, **__: Any) -> Mapping[str, MetricValue]:
    """Finite figures by name."""
    values = _mapping(result, "compute")
    for name, figure in values.items():
        if not isinstance(name, str) or not name:
            raise ContractError(f"compute returned a figure named {name!r}; names are text")
        _instance(figure, MetricValue, f"compute ({name})")
        stated = {"value": figure.value, "low": figure.low, "high": figure.high, "chance": figure.chance}
        numbers = {part: value for part, value in stated.items() if value is not None or part == "value"}
        for part, value in {**numbers, **figure.per_label}.items():
            if not _is_finite(value):
                raise ContractError(
                    f"compute returned {name!r} with {part} = {value!r}; it must be a finite number, or be left out"
                )
    return values


def item(listed: Any, source: object) -> Item:
    """A path, and labels that are text."""
    one = _instance(listed, Item, "scan")
    if not isinstance(one.path, str) or not one.path:
        raise ContractError(f"scan listed a picture with the path {one.path!r}; a path is text")
    if not isinstance(one.labels, tuple) or not all(isinstance(label, str) and label for label in one.labels):
        raise ContractError(f"scan listed {one.path!r} with labels {one.labels!r}; they must be a tuple of text")
    if len(set(one.labels)) < len(one.labels):
        raise ContractError(f"scan listed {one.path!r} with a label twice: {one.labels!r}")
    if not all(isinstance(text, str) for pair in one.columns.items() for text in pair):
        raise ContractError(f"scan listed {one.path!r} with columns {dict(one.columns)!r}; they must be text")
    return one


def encoded_file(result: Any, source: object, path: str) -> bytes:
    """The bytes of a file."""
    return _instance(result, bytes, "read")


def element_masks(result: Any, source: object, record: ImageRecord) -> Mapping[str, NDArray[np.bool_]]:
    """bool arrays by label."""
    masks: Mapping[Any, Any] = _mapping(result, "masks")
    for label, mask in masks.items():
        array = _array(mask, "masks")
        if not isinstance(label, str) or array.dtype != np.bool_ or array.ndim != 2:
            raise ContractError(
                f"masks returned an array of type {array.dtype} and shape {array.shape} for {label!r} in "
                f"{record.path}; it must be bool, (height, width)"
            )
    return masks


def same_shape(prediction: Any, denoiser: object, noisy: Any, *_: Any, **__: Any) -> Any:
    """The prediction has the shape of the noisy latents; whether it is finite is not asked, which a GPU would await."""
    if getattr(prediction, "shape", None) != noisy.shape:
        found = tuple(prediction.shape) if hasattr(prediction, "shape") else type(prediction).__name__
        raise ContractError(f"predict returned {found} for latents of shape {tuple(noisy.shape)}")
    return prediction


def conditions(result: Any, encoder: object, labels: Sequence[str | None], *_: Any, **__: Any) -> Any:
    """One condition a label."""
    from diffmine.interfaces.diffusion import Conditioning

    if len(_instance(result, Conditioning, "encode")) != len(labels):
        raise ContractError(f"encode returned {len(result)} conditions for {len(labels)} labels")
    return result


def training_log(result: Any, *_: Any, **__: Any) -> Sequence[Mapping[str, float]]:
    """Rows of numbers by name."""
    log = _sequence(result, "finetune", "row")
    for row in log:
        for name, value in _mapping(row, "finetune").items():
            if not isinstance(name, str) or not _is_finite(value):
                raise ContractError(f"finetune logged {name!r} = {value!r}; it must be a finite number")
    return log


def descriptions(result: Any, describer: object, run: Run) -> Sequence[Description]:
    """Words for clusters that the run has."""
    known = set(zip(run.clusters["label"].to_pylist(), run.clusters["cluster"].to_pylist(), strict=True))
    found = [_instance(one, Description, "words") for one in _sequence(result, "words", "descriptions")]
    for one in found:
        if (one.label, one.cluster) not in known:
            raise ContractError(
                f"words returned words for cluster {one.cluster!r} of {one.label!r}, which the run lacks"
            )
        for word in _sequence(one.words, "words", "words"):
            if not isinstance(word, Word) or not isinstance(word.text, str) or not _is_finite(word.score):
                raise ContractError(f"words returned {_shown(word)}; it must be a Word of a text and a finite score")
    return found


def findings(result: Any, check: object, run: Run) -> Sequence[Finding]:
    """A sequence of findings."""
    return [_instance(one, Finding, "check") for one in _sequence(result, "check", "findings")]


def _is_finite(value: Any) -> bool:
    try:
        return math.isfinite(value)
    except (TypeError, ValueError):
        return False


def _instance(value: Any, kind: type[T], where: str) -> T:
    if not isinstance(value, kind):
        article = "an" if kind.__name__[0] in "AEIOU" else "a"
        raise ContractError(f"{where} returned {_shown(value)}; it must return {article} {kind.__name__}")
    return value


def _mapping(value: Any, where: str) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise ContractError(f"{where} returned {_shown(value)}; it must return a dictionary")
    return value


def _array(value: Any, where: str) -> NDArray[Any]:
    if not isinstance(value, np.ndarray):
        raise ContractError(f"{where} returned {_shown(value)}; it must return a NumPy array")
    return value


def _matrix(value: Any, where: str) -> NDArray[Any]:
    array = _array(value, where)
    if array.ndim != 2 or array.dtype.kind != "f":
        raise ContractError(
            f"{where} returned an array of type {array.dtype} and shape {array.shape}; it must be float and 2-D"
        )
    return array


def _finite(array: NDArray[Any], where: str) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        found: NDArray[np.float32] = array.astype(np.float32, copy=False)
    bad = found.size - np.count_nonzero(np.isfinite(found))
    if bad:
        raise ContractError(f"{where} returned {bad} values that are NaN or infinite, of {found.size}")
    return found


def _sequence(value: Any, where: str, noun: str, count: int | None = None, of: str = "") -> Sequence[Any]:
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Sequence):
        raise ContractError(f"{where} returned {_shown(value)}; it must return a list, one {noun} each")
    if count is not None and len(value) != count:
        raise ContractError(f"{where} returned {len(value)} for {count} {of}; it must return one {noun} for each")
    return value


def _shown(value: Any) -> str:
    return "None" if value is None else f"an object of type {type(value).__name__}"
