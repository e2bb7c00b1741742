from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import silhouette_score

from diffmine.analysis.localisation import bounding_boxes
from diffmine.builtin.metrics.box_average_precision import BoxAveragePrecision
from diffmine.builtin.metrics.cluster_purity import ClusterPurity
from diffmine.builtin.metrics.dbcv import Dbcv
from diffmine.builtin.metrics.element_coverage import ElementCoverage
from diffmine.builtin.metrics.silhouette import Silhouette
from diffmine.interfaces import Metric
from diffmine.numerics.bootstrap import draws
from diffmine.numerics.seeding import numpy_generator
from diffmine.numerics.shares import share_interval
from diffmine.runs.tables import patches_of
from diffmine.testing.contracts.clusterers import blobs
from diffmine.testing.contracts.metrics import MetricContract
from diffmine.testing.memory_run import MemoryRun
from diffmine.types import Box, ImageRecord, Patch, TypicalityMap


class TestBoxAveragePrecision(MetricContract):
    @pytest.fixture
    def metric(self) -> Metric:
        return BoxAveragePrecision(BoxAveragePrecision.Config())


class TestElementCoverage(MetricContract):
    @pytest.fixture
    def metric(self) -> Metric:
        return ElementCoverage(ElementCoverage.Config())


class TestClusterPurity(MetricContract):
    @pytest.fixture
    def metric(self) -> Metric:
        return ClusterPurity(ClusterPurity.Config())


class TestSilhouette(MetricContract):
    @pytest.fixture
    def metric(self) -> Metric:
        return Silhouette(Silhouette.Config())


class TestDbcv(MetricContract):
    @pytest.fixture
    def metric(self) -> Metric:
        return Dbcv(Dbcv.Config())


SIDE = 8
ON, OFF = Box(0, 0, 2, 2), Box(4, 4, 6, 6)


def clustered_run(shown: list[list[str]], label: str = "a", features: np.ndarray | None = None) -> MemoryRun:
    """One image a member; ``shown[cluster]`` says what each member shows: the element of a label, or nothing."""
    members = [(cluster, kind) for cluster, kinds in enumerate(shown) for kind in kinds]
    names = [f"image{number}" for number in range(len(members))]
    mask = np.zeros((SIDE, SIDE), dtype=bool)
    mask[ON.slices()] = True
    return MemoryRun(
        [ImageRecord(name, f"{name}.png", (label,), SIDE, SIDE, name, "train") for name in names],
        masks={name: {kind or label: mask} for name, (_, kind) in zip(names, members, strict=True)},
        patches=[
            Patch(name, label, ON if kind else OFF, 1.0, 0.1, "top", rank)
            for rank, (name, (_, kind)) in enumerate(zip(names, members, strict=True))
        ],
        cluster=[cluster for cluster, _ in members],
        features=features,
    )


@pytest.mark.parametrize(
    ("shown", "covered"),
    [
        ([["a", "a", ""]], 1.0),
        ([["a", ""]], 0.0),
        ([["a", "", ""]], 0.0),
        ([["b", "b"]], 0.0),
        ([[""], [""], [""], [""], ["a"]], 1.0),
        ([[""], [""], [""], [""], [""], ["a"]], 0.0),
    ],
    ids=["majority", "half", "minority", "another label's element", "fifth cluster", "sixth cluster"],
)
def test_coverage_asks_for_a_majority_in_one_of_the_five_best_clusters(shown: list[list[str]], covered: float) -> None:
    figures = ElementCoverage(ElementCoverage.Config()).compute(clustered_run(shown))
    assert figures["element_coverage"].value == covered


def test_a_label_of_outliers_only_is_not_covered() -> None:
    run = clustered_run([["a", "a"]])
    run.patches = run.patches.set_column(run.patches.schema.get_field_index("cluster"), "cluster", [[-1, -1]])
    assert ElementCoverage(ElementCoverage.Config()).compute(run)["element_coverage"].value == 0.0
    assert ClusterPurity(ClusterPurity.Config()).compute(run) == {}


def test_purity_of_a_textbook_case() -> None:
    """The clusters of Introduction to Information Retrieval, figure 16.4, whose diamonds show nothing."""
    shown = [["a"] * 5 + ["b"], ["a"] + ["b"] * 4 + [""], ["a"] * 2 + [""] * 3]
    figure = ClusterPurity(ClusterPurity.Config()).compute(clustered_run(shown))["cluster_purity"]
    shares = [5 / 6] * 5 + [1 / 6] + [1 / 6] + [4 / 6] * 4 + [2 / 5] * 2
    assert figure.value == pytest.approx(np.mean(shares))
    assert figure.chance == pytest.approx(np.mean([8 / 17] * 8 + [5 / 17] * 5))


def test_a_cluster_that_shows_nothing_is_not_pure() -> None:
    metric = ClusterPurity(ClusterPurity.Config())
    nothing = metric.compute(clustered_run([[""] * 5, [""] * 5]))["cluster_purity"]
    assert (nothing.value, nothing.low, nothing.chance) == (0.0, 0.0, 0.0)
    mixed, beside_nothing = ([["a"] * 6 + [""] * 4], [["a"] * 6 + [""] * 4, [""] * 50])
    figures = [metric.compute(clustered_run(shown))["cluster_purity"] for shown in (mixed, beside_nothing)]
    assert [figure.value for figure in figures] == pytest.approx([0.6, 0.6])
    assert [figure.chance for figure in figures] == pytest.approx([0.6, 0.1])


def test_an_element_in_one_picture_alone_is_no_certainty() -> None:
    """Images drawn again may lack it altogether, so that a purity of 1 varies."""
    run = clustered_run([["a"], [""] * 5])
    figure = ClusterPurity(ClusterPurity.Config()).compute(run)["cluster_purity"]
    assert figure.value == 1
    assert figure.low is not None
    assert figure.low < 0.8


def test_the_interval_of_purity_is_that_of_a_share_with_the_variance_of_images_drawn_again() -> None:
    shown = [["a"] * 7 + [""] * 3, [""] * 8 + ["a"] * 2]
    figure = ClusterPurity(ClusterPurity.Config()).compute(clustered_run(shown))["cluster_purity"]
    names = sorted((f"image{number}", number) for number in range(20))
    replicates = []
    for weights in np.concatenate(list(draws(20, "purity", "a"))):
        times = dict(zip((number for _, number in names), weights.tolist(), strict=True))
        hits = [sum(times[i] for i in part) for part in (range(7), range(18, 20))]
        sizes = [sum(times[i] for i in part) for part in (range(10), range(10, 20))]
        replicates.append(sum(h**2 / max(n, 1) for h, n in zip(hits, sizes, strict=True)) / sum(hits))
    expected = share_interval(figure.value, float(np.var(replicates)), 20, 9)
    assert (figure.low, figure.high) == pytest.approx(expected)


def test_intervals_of_clusters_do_not_collapse() -> None:
    run = clustered_run([["a"] * 17])
    for metric in (ClusterPurity(ClusterPurity.Config()), ElementCoverage(ElementCoverage.Config())):
        figure = metric.compute(run)[metric.name]
        assert figure.value == figure.high == 1.0
        assert figure.low < 0.9  # type: ignore[operator]


@pytest.mark.parametrize(("on", "covered"), [(4, 0.0), (8, 1.0)])
def test_chance_of_coverage_is_that_of_random_patches_clustered_in_the_same_way(on: int, covered: float) -> None:
    """Twenty random patches, of which ``on`` show the element; features tell twelve from eight."""
    run = clustered_run([["a"] * 20])
    kinds = ["a"] * on + [""] * (20 - on)
    own = patches_of(run.patches)
    random = [
        replace(patch, box=ON if kind else OFF, selection="random") for patch, kind in zip(own, kinds, strict=True)
    ]
    looks = np.eye(2, dtype=np.float32)[[0] * 8 + [1] * 12]
    both = MemoryRun(
        list(run.records.values()),
        masks={name: run.masks(name) for name in run.records},
        patches=[*own, *random],
        cluster=[0] * 20 + [None] * 20,
        features=np.concatenate([looks, looks]),
    )
    metric = ElementCoverage(ElementCoverage.Config())
    assert metric.compute(both)["element_coverage"].chance == covered
    assert metric.compute(run)["element_coverage"].chance is None


def test_silhouette_is_that_of_scikit_learn() -> None:
    features, group = blobs(groups=3, each=10)
    features += 0.2 * numpy_generator("noise").normal(size=features.shape).astype(np.float32)
    order = np.argsort(group, kind="stable")
    run = clustered_run([["a"] * 10] * 3, features=features[order])
    figure = Silhouette(Silhouette.Config()).compute(run)["silhouette"]
    assert figure.value == pytest.approx(silhouette_score(features[order], group[order], metric="cosine"), abs=1e-6)


def test_dbcv_prefers_the_true_groups() -> None:
    features, group = blobs(groups=3, each=20, dims=64)
    order = np.argsort(group, kind="stable")
    true = Dbcv(Dbcv.Config()).compute(clustered_run([["a"] * 20] * 3, features=features[order]))["dbcv"]
    mixed = Dbcv(Dbcv.Config()).compute(clustered_run([["a"] * 20] * 3, features=features))["dbcv"]
    assert true.value > 0.5
    assert mixed.value < 0


def test_one_cluster_has_neither_silhouette_nor_validity() -> None:
    run = clustered_run([["a"] * 5])
    assert Silhouette(Silhouette.Config()).compute(run) == {}
    assert Dbcv(Dbcv.Config()).compute(run) == {}


def test_drawn_boxes_count_as_they_were_drawn_where_they_overlap() -> None:
    union = np.zeros((20, 20), dtype=bool)
    union[0:10, 0:10] = union[8:16, 8:16] = True
    record = ImageRecord("x", "x.png", ("a",), 20, 20, "x", "heldout")
    heat = TypicalityMap("x", "a", union.astype(np.float32), np.ones((20, 20), np.float32), 1)
    metric = BoxAveragePrecision(BoxAveragePrecision.Config())
    drawn = metric.compute(MemoryRun([record], [heat], masks={"x": {"a": union}}, boxes={"x": {"a": union}}))
    assert drawn["box_average_precision"].value == pytest.approx(1)
    assert drawn["box_average_precision"].chance == pytest.approx((100 + 64 - 4) / 400)
    hull = metric.compute(MemoryRun([record], [heat], masks={"x": {"a": union}}))
    assert hull["box_average_precision"].chance == pytest.approx(256 / 400)


def test_each_part_of_a_mask_becomes_its_bounding_box() -> None:
    mask = np.zeros((6, 8), dtype=bool)
    mask[[0, 1, 2], [0, 1, 2]] = True
    mask[5, 6] = True
    expected = np.zeros_like(mask)
    expected[0:3, 0:3] = True
    expected[5, 6] = True
    assert np.array_equal(bounding_boxes(mask), expected)
