from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tomli_w
from PIL import Image

from diffmine.builtin.figures.grid import Grid, three_digits
from diffmine.builtin.figures.whole import Whole
from diffmine.drawing.figures import COLUMN, draw_before_after
from diffmine.drawing.panels import fade, scale_of, sheet
from diffmine.drawing.whole_pictures import EDGE, before_after, outlined, stacked
from diffmine.engine.opening import load_run
from diffmine.errors import DataError, RecipeError
from diffmine.runs.run import Run
from diffmine.testing.toy_runs import HOSTILE_LABELS, write_toy_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return write_toy_run(tmp_path_factory.mktemp("toy"), clusters=3, members=8)


def test_the_sheet_holds_each_crop_at_its_place() -> None:
    cells = np.arange(1, 6, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 3), np.uint8)
    image = sheet([cells[:3], cells[3:]], columns=3, gap=2)
    assert image.shape == (10, 16, 3)
    assert image[[0, 0, 0, 6, 6], [0, 6, 12, 0, 6], 0].tolist() == [1, 2, 3, 4, 5]
    assert (image[6:, 12:] == 255).all(), "a short row ends white"
    assert (image[4:6] == 255).all()


def test_fading_is_white_where_not_typical_and_the_picture_where_fully_typical() -> None:
    pixels = np.full((1, 4, 3), 55, np.uint8)
    faded = fade(pixels, np.array([[-2.0, 0.0, 0.5, 3.0]], np.float32), scale=1.0)
    assert faded[0, :, 0].tolist() == [255, 255, 155, 55]


def test_an_outline_is_white_within_the_mask_dark_around_it_and_nowhere_else() -> None:
    pixels, mask = np.full((12, 12, 3), 90, np.uint8), np.zeros((12, 12), dtype=bool)
    mask[3:9, 2:8] = True
    drawn = outlined(pixels, mask, 1)[..., 0]
    assert (drawn[3, 2:8] == 255).all()
    assert (drawn[2, 2:8] == EDGE[0]).all()
    assert (drawn[5:7, 4:6] == 90).all()
    assert (drawn[:2] == 90).all()
    assert (pixels == 90).all(), "the picture itself is not drawn on"


def test_the_scale_is_never_zero() -> None:
    assert scale_of([np.zeros((2, 2), np.float32)]) == scale_of([]) == 1.0
    assert scale_of([np.array([[-3.0, 1.0]], np.float32)]) == pytest.approx(3.0, rel=0.05)


@pytest.mark.parametrize(
    ("scorer", "says"),
    [
        ("diffusion", "typicality (null loss − label loss)"),
        ("contrast", "typicality (other labels’ loss − label loss)"),
        ("of-a-plugin-that-is-gone", "typicality"),
    ],
)
def test_the_colour_bar_says_what_the_scorer_computes(scorer: str, says: str, tmp_path: Path) -> None:
    run = write_toy_run(tmp_path, clusters=2, members=4)
    recipe = run.path / "recipe.toml"
    tables = {**run.recipe.tables, "scorer": {"use": scorer}}
    recipe.write_text(tomli_w.dumps({"name": "toy", **tables}), encoding="utf-8")
    drawing = load_run(run.path).figure("typicality", ["north"])
    bar = drawing.figure.axes[-1]
    assert bar.get_xlabel() == says


@pytest.mark.parametrize("kind", ["grid", "strips", "typicality"])
def test_each_kind_fits_a_papers_column(run: Run, kind: str, tmp_path: Path) -> None:
    drawing = run.figure(kind, ["north"])
    assert drawing.figure.get_figwidth() == COLUMN
    drawing.save(tmp_path / "one.png")
    with Image.open(tmp_path / "one.png") as image:
        assert image.width == round(COLUMN * 240)
        shares = np.asarray(image.convert("L")) < 250
    assert shares.any(axis=0).mean() > 0.9, "the drawing fills the width"


def test_the_grid_shows_the_pixels_of_the_best_clusters(run: Run) -> None:
    contents = run.contents
    panel = Grid(Grid.Config()).panel(contents, "west", rows=2, columns=3)
    assert len(panel.names) == 2
    best = contents.clusters("west")[0]
    assert float(panel.names[0]) == pytest.approx(best.facts["median_typicality"], rel=0.005)


def test_whole_pictures_lie_in_the_order_of_their_mean_typicality(run: Run) -> None:
    ranked = run.images_by_typicality("north")
    carriers = {one.image_id for one in run.records.values() if one.mined and "north" in one.labels}
    assert {image_id for image_id, _ in ranked} == carriers
    means = {image_id: run.typicality_image(image_id, "north").mean() for image_id in carriers}
    assert [image_id for image_id, _ in ranked] == sorted(carriers, key=lambda one: -means[one])
    assert dict(ranked) == pytest.approx(means)
    panel = Whole(Whole.Config()).panel(run.contents, "north", rows=1, columns=2)
    ends = [[run.picture(image_id) for image_id, _ in part[:2]] for part in (ranked, ranked[::-1])]
    assert np.array_equal(panel.image, stacked(ends, 1, 2))
    assert list(panel.names) == ["most", "least"]


def test_numbers_below_each_other_have_equally_many_digits() -> None:
    assert [three_digits(value) for value in (0.0183, 0.02, 123.4, -0.5)] == ["0.0183", "0.0200", "123", "-0.500"]


@pytest.mark.parametrize("labels", [["north"], ["north", "south", "west"]])
@pytest.mark.parametrize("kind", ["grid", "strips", "typicality"])
def test_no_text_is_cut_and_no_height_is_empty(run: Run, kind: str, labels: list[str], tmp_path: Path) -> None:
    run.figure(kind, labels).save(tmp_path / "one.png")
    with Image.open(tmp_path / "one.png") as image:
        drawn = np.asarray(image.convert("L")) < 250
    assert not drawn[:, 0].any(), "nothing is cut at the left"
    above, *_, below = np.flatnonzero(drawn.any(axis=1))
    assert above < 0.04 * 240, "inches at the top"
    assert len(drawn) - 1 - below < 0.06 * 240, "inches at the bottom"


@pytest.mark.parametrize("marks", [["possible shortcut"], ["from few images", "possible shortcut"]])
def test_a_flagged_row_says_so_in_its_own_height(marks: list[str], tmp_path: Path) -> None:
    flags = [("north", cluster, mark) for cluster in (0, 1) for mark in marks]
    drawing = write_toy_run(tmp_path / "toy", clusters=3, members=8, flags=flags).show("north")
    assert drawing.figure.get_figwidth() == COLUMN
    drawing.save(tmp_path / "one.png")
    drawing.figure.draw_without_rendering()
    names = drawing.figure.axes[0].get_yticklabels()
    flagged = [" ".join(name.get_text().split()[1:]) for name in names]
    assert flagged == [" ".join(marks), " ".join(marks), ""]
    above, below, _ = (name.get_window_extent() for name in names)
    assert above.y0 > below.y1, "names do not run into each other"
    with Image.open(tmp_path / "one.png") as image:
        drawn = np.asarray(image.convert("L")) < 250
    assert not drawn[:, 0].any(), "nothing is cut at the left"


def test_before_and_after_share_a_scale(run: Run, tmp_path: Path) -> None:
    other = write_toy_run(tmp_path / "toy", clusters=3, members=8)
    panel = before_after(run.contents, other.contents, "north", columns=2)
    assert panel.names == ["picture", "before", "after"]
    height = (panel.image.shape[0] - 2 * 12) // 3
    before, after = (panel.image[top : top + height] for top in (height + 12, 2 * height + 24))
    assert np.array_equal(before, after), "equal maps look equal"
    draw_before_after(run.contents, other.contents, ["north"]).save(tmp_path / "pair.pdf")


def test_before_needs_the_same_pictures(run: Run, tmp_path: Path) -> None:
    other = write_toy_run(tmp_path / "toy", labels=["north"], clusters=2, members=8)
    with pytest.raises(DataError, match="under 'north'; compare runs over the same data"):
        draw_before_after(run.contents, other.contents, ["north"])


@pytest.mark.parametrize("suffix", ["png", "pdf", "svg"])
def test_equal_figures_are_equal_files(run: Run, suffix: str, tmp_path: Path) -> None:
    for name in ("once", "again"):
        run.figure("strips", ["north", "south"]).save(tmp_path / f"{name}.{suffix}")
    assert (tmp_path / f"once.{suffix}").read_bytes() == (tmp_path / f"again.{suffix}").read_bytes()


def test_hostile_labels_are_drawn_as_they_are(tmp_path: Path) -> None:
    run = write_toy_run(tmp_path / "toy", hostile=True, clusters=1, members=6)
    drawing = run.figure("grid", rows=1, columns=2)
    titles = [axes.get_title(loc="left") for axes in drawing.figure.axes]
    assert {"..", "$x^2"} <= {title[-4:].strip() for title in titles}
    assert max(map(len, titles)) <= 60
    assert len([title for title in titles if title]) == len(HOSTILE_LABELS)
    shown = [axes for axes in drawing.figure.axes if axes.get_title(loc="left")]
    marks = {name.get_text().partition("\n")[2] for axes in shown for name in axes.get_yticklabels()}
    assert [mark[:4] for mark in marks] == ["<b o"]
    assert max(map(len, marks)) < 25
    drawing.save(tmp_path / "all.pdf")


@pytest.mark.parametrize(
    ("ask", "answer"),
    [
        (
            lambda run, path: run.figure("pie"),
            "(?s)'pie'.*available: .*grid, influence, life, paper, strips, .*typicality",
        ),
        (lambda run, path: run.show("east"), "label 'east'; its labels: north, south, west"),
        (lambda run, path: run.show("north").save(path / "a.gif"), "'gif'; allowed suffixes: png, pdf, svg"),
    ],
)
def test_mistakes_are_told_with_what_is_allowed(run: Run, ask, answer: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=answer):
        ask(run, tmp_path)


def test_a_notebook_shows_a_run_with_user_texts_escaped(tmp_path: Path) -> None:
    run = write_toy_run(tmp_path / "toy", hostile=True, clusters=1, members=6)
    shown = run._repr_html_()
    assert shown is not None
    assert "<img src=x" not in shown
    assert "&lt;img src=x onerror=alert(1)&gt;" in shown
    assert shown.count("data:image/png") == len(HOSTILE_LABELS)
    assert shown.count("cluster 0: &lt;b onmouseover=alert(1)&gt;") == len(HOSTILE_LABELS)
    assert run.show("..")._repr_png_().startswith(b"\x89PNG")
    (run.path / "clusters.parquet").unlink()
    assert run._repr_html_() is None, "a half finished run falls back to its repr"
