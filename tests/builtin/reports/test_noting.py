"""What people say of clusters: written in the browser that ``diffmine view`` serves, used wherever they are shown."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.sync_api import Page, expect

from diffmine.builtin.reports.html import Html
from diffmine.commands.cli import cli
from diffmine.engine.opening import load_run
from diffmine.errors import ArtifactError, DataError, DiffmineWarning
from diffmine.files.names import RUN_FILE
from diffmine.runs.notes import NOTES_FILE, ClusterNote, Notebook, Notes
from diffmine.runs.run import Run
from diffmine.runs.serving import TOKEN_HEADER
from diffmine.testing.toy_runs import write_toy_run

NAME = 'red </script><b>"wheel" & <!-- spoke'


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = write_toy_run(
        tmp_path_factory.mktemp("noted"), labels=["north", "south"], clusters=3, members=8, evidence=True
    )
    Html(Html.Config()).write(run, run.path)
    return run.path


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A run folder of the test's own."""
    return Path(shutil.copytree(made, tmp_path / "run"))


@pytest.fixture
def address(folder: Path) -> Iterator[str]:
    """Where ``diffmine view`` serves the run, in a process of its own."""
    command = [sys.executable, "-m", "diffmine", "view", str(folder), "--no-browser"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().split()[0]
    finally:
        process.terminate()
        process.wait(timeout=20)


def notes(folder: Path) -> list[dict]:
    return json.loads((folder / NOTES_FILE).read_text(encoding="utf-8"))["clusters"]


def kept(page: Page) -> None:
    expect(page.locator(".noting").get_by_role("status")).to_have_text("Kept in the run folder.")


@pytest.mark.browser
def test_a_person_names_stars_hides_and_takes_back(browser, watch, folder: Path, address: str) -> None:
    page = browser.new_context().new_page()
    heard: list[str] = []
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("dialog", lambda dialog: heard.append(dialog.message))
    page.goto(f"{address}#north/0")
    page.get_by_role("textbox", name="Name").fill(NAME)
    page.get_by_role("textbox", name="Note").fill("seen\ntwice")
    page.get_by_role("button", name="Star").click()
    expect(page.get_by_role("button", name="Starred")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"★ Cluster 0: {NAME} of north")
    kept(page)
    said = {"label": "north", "cluster": 0, "name": NAME, "starred": True, "hidden": False, "note": "seen\ntwice"}
    assert notes(folder) == [said]

    page.goto(f"{address}#north/1")
    page.get_by_role("button", name="Hide").click()
    kept(page)
    page.goto(f"{address}#north")
    expect(page.locator(".element-row")).to_have_count(2)
    expect(page.locator(".element-facts").first).to_contain_text(NAME)
    page.get_by_label("Show 1 hidden").check()
    expect(page.locator(".element-row")).to_have_count(3)
    page.goto(address)
    expect(page.locator(".card").first.locator(".cover-row")).to_have_count(2)

    page.get_by_role("combobox", name="Find a label").fill("wheel")
    expect(page.locator("#found")).to_contain_text("Cluster 0 of north")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{address}#north/0")

    page.goto(f"{address}#south/0")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".noting").get_by_role("status")).to_have_text("Taken back.")
    assert notes(folder) == [said], "the last change was to another cluster"
    page.reload()
    expect(page.get_by_role("button", name="Undo")).to_be_enabled()
    assert heard == []
    page.context.close()

    assert CliRunner().invoke(cli, ["report", str(folder), "--set", "report.use='html'"]).exit_code == 0
    assert notes(folder) == [said]
    watched = watch(folder / "report")
    page = watched.open("#north/0")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"★ Cluster 0: {NAME} of north")
    expect(page.locator(".note")).to_have_text("seen\ntwice")
    expect(page.get_by_role("textbox", name="Name")).to_have_count(0)
    watched.check()


def post(address: str, path: str, value: object, **headers: str) -> int:
    body = json.dumps(value).encode()
    request = urllib.request.Request(address + path, body, {"Content-Type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def test_only_the_page_itself_can_write(folder: Path, address: str) -> None:
    with urllib.request.urlopen(address, timeout=20) as answer:
        page = answer.read().decode()
        assert answer.headers["X-Frame-Options"] == "DENY"
    told = page.partition('id="notes">')[2].partition("</script>")[0]
    own = {TOKEN_HEADER: json.loads(told)["token"]}
    assert own[TOKEN_HEADER] not in (folder / "report" / "index.html").read_text(encoding="utf-8")
    note = {"label": "north", "cluster": 0, "name": "x"}
    refused = [
        post(address, "notes", note),
        post(address, "notes", note, **{TOKEN_HEADER: "guessed"}),
        post(address, "notes", note, **own, Origin="http://example.org"),
        post(address, "notes", note, **own, Host="example.org"),
        post(address, "notes", note, **own, **{"Content-Type": "text/plain"}),
    ]
    assert refused == [403] * 5
    wrong = [
        {**note, "cluster": 99},
        {**note, "label": "nowhere"},
        {**note, "extra": 1},
        {**note, "name": "a\nb"},
        [],
        None,
    ]
    assert [post(address, "notes", one, **own) for one in wrong] == [400] * 6
    assert post(address, "notes", {**note, "note": "x" * 70_000}, **own) == 413
    assert post(address, "elsewhere", note, **own) == 404
    assert not (folder / NOTES_FILE).exists()
    assert post(address, "notes", note, **own) == 200
    assert post(address, "notes/undo", {}, **own) == 200
    assert notes(folder) == []


def test_what_is_said_shows_wherever_clusters_do(folder: Path, tmp_path: Path) -> None:
    book = Notebook(folder)
    book.change(ClusterNote(label="north", cluster=0, name="wheel", note="look"))
    book.change(ClusterNote(label="north", cluster=1, hidden=True))
    run = load_run(folder)
    assert [one.cluster for one in run.contents.best_clusters("north")] == [0, 2]
    panel = run.figure("grid", ["north"]).figure.axes[0]
    texts = [text.get_text() for text in panel.get_yticklabels()]
    assert len(texts) == 2
    assert "wheel" in texts[0]

    def told(*command: str) -> str:
        done = CliRunner().invoke(cli, [command[0], str(folder), *command[1:]], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    rows = json.loads(told("export", "--to", "json", "--label", "north"))
    assert {row["name"] for row in rows if row["cluster"] == 0} == {"wheel"}
    assert {row["cluster"] for row in rows if row["hidden"]} == {1}
    coco = json.loads(told("export", "--to", "coco", "--label", "north"))
    assert {"north/0 wheel", "north/1"} <= {one["name"] for one in coco["categories"]}
    assert "wheel" in told("show", "--label", "north")
    assert "look" in told("show", "--label", "north", "--cluster", "0")
    story = told("story", "--elements", "9", "-o", str(tmp_path / "story.html")) and (
        tmp_path / "story.html"
    ).read_text(encoding="utf-8")
    assert "<bdi>Wheel</bdi></h2>" in story
    assert story.count("<article>") == 5, "one of the six that are supported is hidden"


def test_a_run_whose_clusters_are_all_hidden_can_still_be_shown(folder: Path, tmp_path: Path) -> None:
    for one in load_run(folder).clusters.to_pylist():
        Notebook(folder).change(ClusterNote(label=one["label"], cluster=one["cluster"], hidden=True))
    run = load_run(folder)
    for kind in ("grid", "paper"):
        run.figure(kind).save(tmp_path / f"{kind}.png")
    for command in (["show"], ["show", "--label", "north"], ["story", "-o", str(tmp_path / "story.html")]):
        assert CliRunner().invoke(cli, [command[0], str(folder), *command[1:]], catch_exceptions=False).exit_code == 0
    assert run._repr_html_()
    Html(Html.Config()).write(run, tmp_path)


def test_stages_do_not_see_notes_and_those_on_other_clusters_are_set_aside(folder: Path) -> None:
    Notebook(folder).change(ClusterNote(label="north", cluster=0, name="wheel", hidden=True))
    in_a_stage = load_run(folder, stages=["images", "typicality", "features", "patches", "clusters"])
    assert in_a_stage.notes is None
    assert len(in_a_stage.contents.best_clusters("north")) == 3
    info = json.loads((folder / RUN_FILE).read_text(encoding="utf-8"))
    info["stages"]["clusters"]["digest"] = "1" * 64
    (folder / RUN_FILE).write_text(json.dumps(info), encoding="utf-8")
    with pytest.warns(DiffmineWarning, match="clusters that the run had before"):
        assert load_run(folder).notes is None
    Notebook(folder).change(ClusterNote(label="south", cluster=1, starred=True))
    assert [one["label"] for one in notes(folder)] == ["south"]
    aside = json.loads((folder / "notes-00000000.json").read_text(encoding="utf-8"))
    assert aside["clusters"][0]["name"] == "wheel"


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"format": 2}', b"\xff", b'{"format": 1, "clusters_digest": 5}']
)
def test_damaged_notes_are_named_and_never_written_over(folder: Path, content: bytes) -> None:
    (folder / NOTES_FILE).write_bytes(content)
    for command in ("show", "view"):
        done = CliRunner().invoke(cli, [command, str(folder)])
        assert NOTES_FILE in str(done.exception)
    assert (folder / NOTES_FILE).read_bytes() == content


def test_changes_to_different_fields_do_not_undo_each_other(folder: Path, address: str) -> None:
    """As two windows send them, of which neither knows what the other has said."""
    with urllib.request.urlopen(address, timeout=20) as answer:
        own = {
            TOKEN_HEADER: json.loads(answer.read().decode().partition('id="notes">')[2].partition("</script>")[0])[
                "token"
            ]
        }
    about = {"label": "north", "cluster": 0}
    for values in ({"name": "wheel"}, {"note": "round"}, {"starred": True}):
        assert post(address, "notes", {**about, **values}, **own) == 200
    assert notes(folder) == [{**about, "name": "wheel", "starred": True, "hidden": False, "note": "round"}]
    assert post(address, "notes", {**about, "name": ""}, **own) == 200
    assert notes(folder)[0]["note"] == "round"


def test_changes_are_taken_back_one_by_one(folder: Path) -> None:
    """Against a list of whole states, for random changes."""
    book, random = Notebook(folder), np.random.default_rng(0)
    states = [book.read().clusters]
    for _ in range(30):
        if len(states) > 1 and random.random() < 0.4:
            states.pop()
            assert book.undo().clusters == states[-1]
        else:
            values = {"name": str(random.integers(3) or ""), "starred": bool(random.integers(2))}
            after = book.change(ClusterNote(label="north", cluster=int(random.integers(3)), **values)).clusters
            states += [after] if after != states[-1] else []
    while len(states) > 1:
        states.pop()
        assert book.undo().clusters == states[-1]
    assert book.undo().clusters == ()


def of_cluster(run: Run, label: str, *clusters: int) -> list[dict]:
    return [one for one in run.patches.to_pylist() if one["label"] == label and one["cluster"] in clusters]


@pytest.mark.browser
def test_a_person_merges_clusters_and_separates_them(browser, watch, folder: Path, address: str) -> None:
    page = browser.new_context().new_page()
    heard: list[str] = []
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    sizes = {row["cluster"]: row["size"] for row in load_run(folder).clusters.to_pylist() if row["label"] == "north"}
    for part in (1, 2):
        page.goto(f"{address}#north/{part}")
        expect(page.get_by_role("button", name="Merge")).to_be_disabled()
        page.get_by_role("combobox", name="Merge into").select_option(label="Cluster 0")
        page.get_by_role("button", name="Merge").click()
        expect(page).to_have_url(f"{address}#north/0")
    expect(page.locator(".noting")).to_contain_text("Merged with Cluster 1, Cluster 2.")
    expect(page.get_by_role("heading", name=f"All {sum(sizes.values())} patches")).to_be_visible()
    assert [(one["cluster"], one["merged_into"]) for one in notes(folder)] == [(1, 0), (2, 0)]

    page.goto(f"{address}#north")
    expect(page.locator(".element-row")).to_have_count(1)
    expect(page.locator(".element-facts")).to_contain_text(f"{sum(sizes.values())} patches")
    page.goto(address)
    expect(page.locator(".card").first.locator(".cover-row")).to_have_count(1)
    rank = of_cluster(load_run(folder), "north", 2)[0]["rank"]
    page.goto(f"{address}#north/0/{rank}")
    expect(page.get_by_role("navigation", name="You are here")).to_contain_text("Cluster 0")

    page.goto(f"{address}#north/1")
    expect(page.locator(".noting")).to_contain_text("Merged into Cluster 0.")
    page.get_by_role("button", name="Separate").click()
    expect(page.get_by_role("combobox", name="Merge into")).to_be_visible()
    expect(page.get_by_role("heading", name=f"All {sizes[1]} patches")).to_be_visible()
    page.goto(f"{address}#north/0")
    expect(page.get_by_role("heading", name=f"All {sizes[0] + sizes[2]} patches")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", name=f"All {sum(sizes.values())} patches")).to_be_visible()
    page.get_by_role("combobox", name="Merge into").wait_for(state="hidden")
    assert heard == []
    page.context.close()

    assert CliRunner().invoke(cli, ["report", str(folder), "--set", "report.use='html'"]).exit_code == 0
    assert [(one["cluster"], one["merged_into"]) for one in notes(folder)] == [(1, 0), (2, 0)]
    watched = watch(folder / "report")
    page = watched.open("#north")
    expect(page.locator(".element-row")).to_have_count(1)
    page = watched.open("#north/0")
    expect(page.get_by_text("Merged with Cluster 1, Cluster 2.")).to_be_visible()
    expect(page.get_by_role("combobox", name="Merge into")).to_have_count(0)
    watched.check()


def test_merged_clusters_are_one_wherever_clusters_are_shown(folder: Path, tmp_path: Path) -> None:
    untouched = shutil.copytree(folder, tmp_path / "untouched")
    book, computed = Notebook(folder), load_run(folder)
    book.change(ClusterNote(label="north", cluster=2, merged_into=0))
    book.change(ClusterNote(label="north", cluster=0, name="wheel"))
    run = load_run(folder)
    assert run.clusters.equals(computed.clusters), "what was computed stays"
    assert [one.cluster for one in run.contents.clusters("north")] == [0, 1]
    merged, members = run.contents.clusters("north")[0], of_cluster(computed, "north", 0, 2)
    assert (merged.name, merged.parts, len(merged.rows)) == ("wheel", (2,), len(members))
    facts = {row["cluster"]: row for row in computed.clusters.to_pylist() if row["label"] == "north"}
    assert merged.facts["size"] == facts[0]["size"] + facts[2]["size"] == len(members)
    assert merged.facts["images"] == len({one["image_id"] for one in members})
    assert merged.facts["median_typicality"] == pytest.approx(np.median([one["typicality"] for one in members]))
    surely = sum(facts[one]["at_least"] * facts[one]["size"] for one in (0, 2))
    assert merged.facts["at_least"] * len(members) == pytest.approx(surely)
    assert set(run.contents.own["north"].cluster.tolist()) == {0, 1} | ({-1} & set(run.contents.own["north"].cluster))
    assert [one.cluster for one in run.as_computed().contents.clusters("north")] == [0, 1, 2]
    panel = run.figure("grid", ["north"]).figure.axes[0]
    assert len([text for text in panel.get_yticklabels() if text.get_text()]) == 2

    def told(*command: str) -> str:
        done = CliRunner().invoke(cli, [command[0], str(folder), *command[1:]], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    rows = json.loads(told("export", "--to", "json", "--label", "north"))
    assert {row["merged_into"] for row in rows if row["cluster"] == 2} == {0}
    assert {row["merged_into"] for row in rows if row["cluster"] != 2} == {None}
    assert {row["name"] for row in rows if row["cluster"] in (0, 2)} == {"wheel"}
    assert len({row["verdict"] for row in rows if row["cluster"] in (0, 2)}) == 1
    assert len(json.loads(told("export", "--to", "json", "--label", "north", "--cluster", "0"))) == len(members)
    coco = json.loads(told("export", "--to", "coco", "--label", "north"))
    assert {"north/0 wheel", "north/1"} <= {one["name"] for one in coco["categories"]}
    assert not any(one["name"].startswith("north/2") for one in coco["categories"])
    clusters = json.loads(told("show", "--json"))["labels"]["north"]["clusters"]
    assert [(one["cluster"], one.get("parts")) for one in clusters] == [(0, [2]), (1, None)]
    assert "with cluster 2" in told("show", "--label", "north", "--cluster", "0")
    told("story", "-o", str(tmp_path / "story.html"))
    compared = ["compare", str(untouched), str(folder), "--out", str(tmp_path / "compared")]
    done = CliRunner().invoke(cli, compared)
    assert done.exit_code == 0, done.output
    with (tmp_path / "compared" / "clusters.csv").open(encoding="utf-8", newline="") as file:
        fates = {(row["first_clusters"], row["second_clusters"]): row["fate"] for row in csv.DictReader(file)}
    assert "merged" in fates.values()
    assert {into for of, into in fates if set(of.split()) & {"0", "2"}} >= {"0"}


def test_no_cluster_is_merged_into_itself_or_into_what_the_run_has_not(folder: Path) -> None:
    book = Notebook(folder)
    book.change(ClusterNote(label="north", cluster=1, merged_into=0))
    book.change(ClusterNote(label="north", cluster=2, merged_into=1))
    assert load_run(folder).contents.clusters("north")[0].parts == (1, 2)
    for cluster, into in ((0, 0), (0, 1), (0, 2), (1, 2), (1, 9)):
        with pytest.raises(DataError, match=r"cannot be merged|has no cluster 9"):
            book.change(ClusterNote(label="north", cluster=cluster, merged_into=into))
    book.undo()
    book.change(ClusterNote(label="north", cluster=1, merged_into=None))
    assert book.read().clusters == ()
    text = (folder / NOTES_FILE).read_text(encoding="utf-8")
    circle = [{"label": "north", "cluster": one, "merged_into": 1 - one} for one in (0, 1)]
    (folder / NOTES_FILE).write_text(json.dumps({**json.loads(text), "clusters": circle}), encoding="utf-8")
    with pytest.raises(ArtifactError, match=r"clusters 1 and 0 of label 'north' are merged into each other"):
        assert load_run(folder).notes


@settings(max_examples=40, deadline=None)
@given(wishes=st.lists(st.tuples(st.integers(0, 5), st.none() | st.integers(0, 5)), max_size=12))
def test_whatever_is_merged_every_cluster_is_shown_once(wishes: list[tuple[int, int | None]]) -> None:
    """Against pointers that are followed by hand; the file reads as it was written."""
    notes = Notes(clusters_digest="d")
    for cluster, into in wishes:
        if into is not None and cluster in notes.chain("a", into):
            continue  # refused by a notebook
        notes = notes.changed(ClusterNote(label="a", cluster=cluster, merged_into=into))
    pointers = {one.cluster: one.merged_into for one in notes.clusters}
    for cluster in range(6):
        top = cluster
        while pointers.get(top) is not None:
            top = pointers[top]
        assert notes.root("a", cluster) == top
    assert Notes.model_validate_json(notes.model_dump_json(exclude_none=True)) == notes
