"""Labels, file names, causes and warnings that try to break out of the page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from diffmine.testing.toy_runs import HOSTILE_LABELS, HOSTILE_MARK

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("width", [1440, 390])
def test_nothing_of_it_runs_and_nothing_breaks(watch, hostile: Path, width: int) -> None:
    watched = watch(hostile, width=width)
    page = watched.open()
    expect(page.locator(".card")).to_have_count(len(HOSTILE_LABELS))
    for summary in page.locator("summary").all():
        if summary.evaluate("one => !one.parentElement.open"):
            summary.click()
    expect(page.get_by_text("<b onmouseover=alert(1)>").first).to_be_visible()
    page.get_by_text("<b onmouseover=alert(1)>").first.hover()
    for label in HOSTILE_LABELS:
        address = quote(label, safe="")
        for part, heading in (("", label), ("/0", f"Cluster 0 of {label}"), ("/1/9", "Patch")):
            page.evaluate("address => { location.hash = address; }", f"#{address}{part}")
            expect(page.get_by_role("heading", level=1)).to_contain_text(" ".join(heading.split()))
            assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{label!r} sticks out"
            if part != "/1/9":
                expect(page.locator(".badge").first).to_have_text(f"{HOSTILE_MARK}: look")
    page.evaluate("location.hash = '#/map'")
    expect(page.locator(".map-legend .legend").first.locator("li")).to_have_count(len(HOSTILE_LABELS))
    watched.check()


def test_clicking_leads_to_the_label_that_was_clicked(watch, hostile: Path) -> None:
    watched = watch(hostile)
    page = watched.open()
    for number in range(len(HOSTILE_LABELS)):
        link = page.locator(".card h2 a").nth(number)
        name = link.text_content()
        link.click()
        expect(page.get_by_role("heading", level=1)).to_have_text(name)
        page.go_back()
    watched.check()


def test_search_finds_names_as_they_are(watch, hostile: Path) -> None:
    watched = watch(hostile)
    page = watched.open()
    for text in ("</script>", "القاهرة", "👩", '"quotes'):
        page.get_by_role("combobox", name="Find a label").fill(text)
        expect(page.locator("#found")).to_contain_text(text)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_contain_text(text)
    watched.check()


def test_the_policy_stops_what_a_mistake_would_let_in(watch, hostile: Path) -> None:
    """Were a name ever to become markup, the policy would still not let it run or reach out."""
    watched = watch(hostile)
    page = watched.open()
    violations = page.evaluate(
        """async () => {
            const violations = new Set();
            document.addEventListener("securitypolicyviolation", (event) => violations.add(event.effectiveDirective));
            const tries = {
                markup: () => { document.body.innerHTML = "<b>x</b>"; },
                script: () => { document.createElement("script").src = "x.js"; },
                fetch: () => fetch("https://example.org/"),
                image: () => { new Image().src = "https://example.org/x.png"; },
                style: () => { document.head.append(document.createElement("style")); },
            };
            for (const attempt of Object.values(tries)) try { await attempt(); } catch {}
            await new Promise((done) => setTimeout(done, 300));
            return [...violations].sort();
        }"""
    )
    assert violations == ["connect-src", "img-src", "require-trusted-types-for", "style-src-elem"]


def test_the_html_holds_no_markup_of_users(hostile: Path) -> None:
    html = (hostile / "index.html").read_text(encoding="utf-8")
    assert "<img" not in html
    assert "<b onmouseover" not in html
    assert html.count("</script>") == 5, "the page's own five"
    data = json.loads(re.search(r'id="data">(.*?)</script>', html, re.DOTALL)[1])
    assert [label["name"] for label in data["labels"]] == sorted(HOSTILE_LABELS)


def test_files_stay_inside(hostile: Path) -> None:
    names = {path.relative_to(hostile).as_posix() for path in hostile.rglob("*") if path.is_file()}
    allowed = re.compile(r"index\.html|preview\.png|(crops|covers)-\d{4}\.webp|pictures/[0-9a-f]{20}\.webp")
    assert [name for name in names if not allowed.fullmatch(name)] == []
