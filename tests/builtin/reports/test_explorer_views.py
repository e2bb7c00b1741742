"""The explorer in a real browser: every view, by mouse and keyboard, wide and narrow."""

from __future__ import annotations

import base64
import csv
import io
import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect
from rich.console import Console

from diffmine.builtin.projections.umap import Umap
from diffmine.builtin.reports.html import Html
from diffmine.engine.opening import load_run
from diffmine.terminal.overview import overview
from diffmine.testing.toy_runs import BOXES, write_toy_run

pytestmark = pytest.mark.browser


def crops_of(page: Page, inside: str = "main") -> list[str]:
    return page.locator(f"{inside} .crop").evaluate_all("nodes => nodes.map((node) => node.dataset.patch)")


@pytest.mark.parametrize("width", [1440, 390])
def test_a_visit_from_the_overview_to_a_picture_and_back(watch, plain: Path, width: int) -> None:
    watched = watch(plain, width=width)
    page = watched.open()
    expect(page.get_by_role("heading", level=1)).to_have_text("toy")
    expect(page.locator(".card")).to_have_count(3)
    expect(page.locator("summary", has_text="1 warning")).to_be_visible()
    expect(page.get_by_text("pixel average precision")).to_be_visible()

    page.get_by_role("link", name="south", exact=True).click()
    expect(page).to_have_url(re.compile(r"#south$"))
    expect(page.locator(".element-row")).to_have_count(6)

    page.locator(".element-facts").nth(1).click()
    expect(page).to_have_url(re.compile(r"#south/1$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Cluster 1 of south")
    expect(page.locator(".near-row").first).to_be_visible()

    page.locator(".crop-grid .crop").nth(2).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Patch 3 of 40")
    expect(page.locator(".stage img")).to_have_js_property("complete", True)
    assert page.locator(".stage img").evaluate("image => image.naturalWidth") == 256
    expect(page.locator(".box.current")).to_have_count(1)

    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Cluster 1 of south")
    page.go_back()
    page.go_back()
    expect(page.locator(".card")).to_have_count(3)
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "nothing sticks out"
    watched.check()


def test_every_kind_of_address_opens_directly(watch, plain: Path) -> None:
    watched = watch(plain)
    headings = {
        "#north": "north",
        "#north/0": "Cluster 0 of north",
        "#north/outliers": "Outliers of north",
        "#north/least": "Least typical patches of north",
        "#north/random": "Random patches of north",
        "#/map": "Map",
        "#/map/west": "Map",
        "#nowhere": "Not found",
        "#north/99": "Not found",
        "#%E0%A4%A": "Not found",
    }
    page = watched.open()
    for address, heading in headings.items():
        page.evaluate("address => { location.hash = address; }", address)
        expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    watched.check()


def test_elements_are_sorted_and_filtered(watch, plain: Path) -> None:
    watched = watch(plain)
    page = watched.open("#west")
    page.get_by_label("Sort by").select_option("size")
    sizes = [int(re.search(r"(\d+) patches", text)[1]) for text in page.locator(".element-facts").all_inner_texts()]
    assert sizes == sorted(sizes, reverse=True)
    page.get_by_label("At least").fill(str(max(sizes)))
    expect(page.locator(".element-row")).to_have_count(sizes.count(max(sizes)))
    page.get_by_label("At least").fill("1000")
    expect(page.locator(".element-row")).to_have_count(0)
    watched.check()


def test_clusters_are_sorted_by_what_their_members_show(watch, plain: Path) -> None:
    """Purity by its definition: the share of members that lie on one of the boxes of the run's data."""
    run = load_run(plain.parent)
    paths = {record.image_id: record.path for record in run.records.values()}
    with (plain.parent.parent / "data" / BOXES).open(encoding="utf-8", newline="") as file:
        boxes = {(row["file"], int(row["y"]), int(row["x"])) for row in csv.DictReader(file) if row["town"] == "west"}
    shown: dict[int, list[bool]] = {}
    for row in run.patches.to_pylist():
        if row["label"] == "west" and row["cluster"] is not None and row["cluster"] >= 0:
            shown.setdefault(row["cluster"], []).append((paths[row["image_id"]], row["y0"], row["x0"]) in boxes)
    purities = {cluster: np.mean(one) for cluster, one in shown.items()}
    watched = watch(plain)
    page = watched.open("#west")
    page.get_by_label("Sort by").select_option("purity")
    told = {
        int(re.search(r"Cluster (\d+)", text)[1]): float(re.search(r"purity ([\d.]+)", text)[1])
        for text in page.locator(".element-facts").all_inner_texts()
    }
    assert told == pytest.approx(purities, abs=0.005)
    assert list(told.values()) == sorted(told.values(), reverse=True) != [*told.values()][::-1]
    page.get_by_label("Sort by").select_option("significant")
    shares = [int(re.search(r"(\d+) % above", text)[1]) for text in page.locator(".element-facts").all_inner_texts()]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > shares[-1]
    watched.check()


def test_clusters_say_how_many_of_their_members_are_typical_at_least(watch, plain: Path, hostile: Path) -> None:
    watched = watch(plain)
    page = watched.open("#north")
    rows = page.locator(".element-row .badge")
    assert [text for text in rows.all_inner_texts() if "typical" in text] == ["typical, at least 59 %"]
    page.evaluate("() => { location.hash = '#north/5'; }")
    expect(page.locator(".facts")).to_contain_text("Typical members" + "cannot tell")
    watched.check()
    watched = watch(hostile)
    said = "patches have no p-values, as the model has learned from"
    expect(watched.open("").get_by_text(said)).to_have_count(1)
    watched.check()


def test_the_overview_opens_with_the_answer_that_the_terminal_gives(watch, plain: Path, hostile: Path) -> None:
    for report in (plain, hostile):
        told = load_run(report.parent).answer
        watched = watch(report)
        panel = watched.open("").get_by_role("region", name="Answer")
        assert panel.locator("p").all_inner_texts() == list(told.sentences)
        assert panel.locator("li").all_inner_texts() == list(told.next_steps)
        console = Console(file=io.StringIO(), width=4000)
        for part in overview(load_run(report.parent), console):
            console.print(part)
        for text in (*told.sentences, *told.next_steps):
            assert text in console.file.getvalue()
        watched.check()


def test_a_warning_of_a_cluster_leads_to_it(watch, tmp_path: Path) -> None:
    run = write_toy_run(tmp_path, labels=["a", "b"], clusters=2, members=8, flags=[("b", 1, "from few images")])
    run.info["warnings"].append(run.flags[0].sentence)
    Html(Html.Config()).write(run, run.path)
    watched = watch(run.path / "report")
    page = watched.open("")
    assert page.locator(".warning a").count() == 1
    page.locator(".warning a").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Cluster 1 of b")
    watched.check()


def test_what_was_not_measured_is_not_offered(watch, hostile: Path) -> None:
    watched = watch(hostile)
    page = watched.open("#..")
    assert page.get_by_label("Sort by").locator("option").all_inner_texts() == ["Rank", "Size", "Spread over pictures"]
    for text in ("purity", "above chance"):
        expect(page.get_by_text(text)).to_have_count(0)
    watched.check()


def test_controls_are_not_said_to_be_no_better_than_chance(watch, plain: Path) -> None:
    """They have no q-values: nothing is known of them."""
    watched = watch(plain)
    page = watched.open("#north/0")
    expect(page.locator(".facts")).to_contain_text("Above chance")
    for control in ("random", "least"):
        page.evaluate("address => { location.hash = address; }", f"#north/{control}")
        expect(page.locator(".facts")).to_contain_text("Patches")
        expect(page.locator(".facts")).not_to_contain_text("Above chance")
        page.locator(".crop-grid .crop").first.click()
        expect(page.get_by_text("Rank in label")).to_be_visible()
        expect(page.get_by_text("q-value")).to_have_count(0)
    watched.check()


def test_the_way_back_finds_the_list_as_it_was_left(watch, plain: Path) -> None:
    watched = watch(plain)
    page = watched.open("#west")
    page.get_by_label("Sort by").select_option("purity")
    page.get_by_label("At least").fill("2")
    rows = page.locator(".element-facts").all_inner_texts()
    page.locator(".element-facts").first.click()
    expect(page.locator(".crop-grid")).to_be_visible()
    page.locator(".crumbs a").last.click()
    expect(page.get_by_label("Sort by")).to_have_value("rank")
    page.go_back()
    page.go_back()
    expect(page.get_by_label("Sort by")).to_have_value("purity")
    expect(page.get_by_label("At least")).to_have_value("2")
    assert page.locator(".element-facts").all_inner_texts() == rows
    page.reload()
    expect(page.get_by_label("Sort by")).to_have_value("purity")
    watched.check()


def test_a_crop_shows_the_pixels_of_its_box(watch, plain: Path) -> None:
    """The crop of a sheet and the same box of the whole picture look alike, so sheets and places agree."""
    watched = watch(plain)
    page = watched.open("#north/2")
    page.locator(".crop-grid .crop").nth(17).click()
    page.get_by_label("Off").check()
    page.get_by_role("checkbox", name="Patches").uncheck()
    crop = page.locator(".strip .crop[aria-current]")
    patch = int(crop.get_attribute("data-patch"))
    box = page.evaluate("JSON.parse(data.textContent).patches.columns.box")
    y0, x0 = np.frombuffer(base64.b64decode(box["base64"]), box["type"])[4 * patch : 4 * patch + 2]
    stage = page.locator(".stage").bounding_box()
    scale = stage["width"] / 256
    clip = {
        "x": stage["x"] + x0 * scale,
        "y": stage["y"] + y0 * scale,
        "width": 64 * scale,
        "height": 64 * scale,
    }
    in_place = shrunk(page.screenshot(clip=clip))
    alone = shrunk(page.screenshot(clip=crop.bounding_box()))
    assert abs(in_place - alone).mean() < 12


def shrunk(png: bytes):
    import io

    import numpy as np
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB").resize((24, 24)), dtype=float)


def test_the_overlay_follows_its_controls(watch, plain: Path) -> None:
    watched = watch(plain)
    page = watched.open("#north/0/0")
    canvas = page.locator("canvas.overlay")
    heat = canvas.evaluate("canvas => canvas.toDataURL()")
    page.get_by_label("Only what is typical").check()
    assert canvas.evaluate("canvas => canvas.toDataURL()") != heat
    expect(page.locator(".scale-ends")).to_contain_text("0 white")
    page.get_by_label("Opacity").fill("0.25")
    expect(canvas).to_have_css("opacity", "0.25")
    page.get_by_label("Off").check()
    expect(canvas).to_be_hidden()
    page.get_by_role("checkbox", name="Patches").uncheck()
    expect(page.locator(".box")).to_have_count(0)
    watched.check()


def test_the_readout_is_the_stored_typicality(watch, plain: Path) -> None:
    run = load_run(plain.parent)
    best = next(row for row in run.patches.to_pylist() if row["label"] == "north" and row["rank"] == 0)
    watched = watch(plain)
    page = watched.open(f"#north/{best['cluster']}/0")
    box = page.locator(".stage").bounding_box()
    y, x = (best["y0"] + best["y1"]) / 2, (best["x0"] + best["x1"]) / 2
    page.mouse.move(box["x"] + x * box["width"] / 256, box["y"] + y * box["height"] / 192)
    said = "Null loss − label loss (squared error of the prediction, mean over channels): above zero, the label helps"
    expect(page.locator(".panel", has=page.locator(".readout"))).to_contain_text(said)
    told = float(page.locator(".readout").inner_text().removeprefix("T = ").replace("−", "-"))
    expected = run.typicality_image(best["image_id"], "north")[int(y) - 2 : int(y) + 2, int(x) - 2 : int(x) + 2].mean()
    assert told == pytest.approx(expected, rel=0.05)


def test_influence_can_be_shown_instead(watch, plain: Path) -> None:
    run = load_run(plain.parent)
    best = next(row for row in run.patches.to_pylist() if row["label"] == "north" and row["rank"] == 0)
    watched = watch(plain)
    page = watched.open(f"#north/{best['cluster']}/0")
    typicality = page.locator("canvas.overlay").evaluate("canvas => canvas.toDataURL()")
    page.get_by_label("Influence", exact=True).check()
    assert page.locator("canvas.overlay").evaluate("canvas => canvas.toDataURL()") != typicality
    expect(page.locator(".scale-ends")).to_contain_text("more influence")
    box = page.locator(".stage").bounding_box()
    y, x = (best["y0"] + best["y1"]) / 2, (best["x0"] + best["x1"]) / 2
    page.mouse.move(box["x"] + x * box["width"] / 256, box["y"] + y * box["height"] / 192)
    told = float(page.locator(".readout").inner_text().removeprefix("I = "))
    expected = run.influence_image(best["image_id"], "north")[int(y) - 2 : int(y) + 2, int(x) - 2 : int(x) + 2].mean()
    assert told == pytest.approx(expected, rel=0.05)
    page.get_by_label("Typicality", exact=True).check()
    watched.check()


def test_the_keyboard_reaches_everything(watch, plain: Path) -> None:
    watched = watch(plain)
    page = watched.open("#north/0")
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(re.compile("#north/1$"))
    page.locator(".crop-grid .crop").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    columns = 13
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Patch {columns + 2} of 40")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Patch {columns + 3} of 40")
    page.keyboard.press("Escape")
    page.locator(".crop-grid .crop").first.focus()
    page.keyboard.press("End")
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(re.compile("#north/1$"))
    expect(page.locator(".crop-grid .crop").last).to_be_focused()
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile("#north$"))
    page.keyboard.press("/")
    page.keyboard.type("WES")
    expect(page.locator("#found")).to_contain_text("west")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("#west$"))
    page.reload()
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    watched.check()


def test_the_map_zooms_hovers_and_lassoes(watch, plain: Path) -> None:
    watched = watch(plain)
    page = watched.open("#/map/north")
    canvas = page.locator(".plane canvas[role]")
    box = canvas.bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.wait_for_timeout(300)

    reach = 0.49 * min(box["width"], box["height"])
    page.mouse.move(middle[0] - reach, middle[1] - reach)
    page.mouse.down()
    for dx, dy in ((1, -1), (1, 1), (-1, 1), (-1, -1)):
        page.mouse.move(middle[0] + dx * reach, middle[1] + dy * reach, steps=4)
    page.mouse.up()
    expect(page.get_by_role("heading", level=2)).to_have_text("240 patches selected")
    assert len(crops_of(page, ".selection")) > 20
    page.get_by_role("button", name="Clear").click()
    expect(page.locator(".selection .crop")).to_have_count(0)

    page.get_by_role("button", name="Points").click()
    page.get_by_label("Colour by").select_option("typicality")
    expect(page.locator(".map-legend")).to_contain_text("Typicality, in units of")
    page.get_by_role("button", name="Zoom in").click()
    canvas.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=2)).to_contain_text("selected")
    watched.check()


def test_the_map_says_what_lies_under_the_pointer(watch, plain: Path) -> None:
    watched = watch(plain)
    page = watched.open("#/map")
    box = page.locator(".plane canvas[role]").bounding_box()
    page.wait_for_timeout(300)
    for step in range(8, 40):
        page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * step / 48)
        if page.locator(".preview").is_visible():
            break
    expect(page.locator(".preview")).to_be_visible()
    expect(page.get_by_text(re.compile(r"(north|south|west), (Cluster \d+|Outliers), typicality"))).to_be_visible()
    page.mouse.down()
    page.mouse.up()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile(r"Patch \d+ of \d+"))
    watched.check()


def test_scrolling_keeps_the_page_small_and_the_place(watch, plain: Path) -> None:
    watched = watch(plain, width=390, height=600)
    page = watched.open("#north/random")
    expect(page.locator(".crop-grid .crop").first).to_be_visible()
    total = int(re.search(r"\d+", page.get_by_role("heading", level=2).inner_text())[0])
    assert len(crops_of(page, ".crop-grid")) < total
    seen = set(crops_of(page, ".crop-grid"))
    for _ in range(60):
        page.mouse.wheel(0, 400)
        page.wait_for_timeout(20)
        seen |= set(crops_of(page, ".crop-grid"))
    assert len(seen) == total
    place = page.evaluate("scrollY")
    page.locator(".crop-grid .crop").last.click()
    page.go_back()
    expect(page.locator(".crop-grid")).to_be_visible()
    assert page.evaluate("scrollY") == pytest.approx(place, abs=2)
    watched.check()


def test_colours_switch_and_stay(watch, plain: Path) -> None:
    watched = watch(plain, color_scheme="light")
    page = watched.open()
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("button", name=re.compile("Colours")).click()
    page.get_by_role("button", name="Colours: light").click()
    expect(page.get_by_role("button", name="Colours: dark")).to_be_visible()
    dark = page.evaluate(ground)
    assert dark != light
    page.reload()
    assert page.evaluate(ground) == dark
    watched.check()


def test_the_map_is_laid_out_by_what_is_chosen(watch, tmp_path: Path) -> None:
    run = write_toy_run(tmp_path, clusters=3, members=12)
    umap = Umap(Umap.Config(dimensions=3))
    Html(Html.Config(maps=({"use": "umap"},)), parts=(umap,)).write(run, run.path)
    watched = watch(run.path / "report")
    page = watched.open("#/map")
    layout = page.get_by_label("Laid out by")
    assert layout.locator("option").all_inner_texts() == ["principal components", "umap"]
    assert layout.input_value() == "1", "what the recipe asks for comes first"
    by_umap = page.locator(".plane canvas[role]").screenshot()
    layout.select_option("principal components")
    page.wait_for_timeout(200)
    assert page.locator(".plane canvas[role]").screenshot() != by_umap
    watched.check()
