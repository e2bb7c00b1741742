"""What the accessibility checker axe-core finds; ``npm install axe-core``, and ``$AXE`` names its axe.min.js."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser
ADDRESSES = ("", "#north", "#north/0", "#north/random", "#north/0/0", "#/map", "#nowhere")
RUN = "async () => (await axe.run({ resultTypes: ['violations'] })).violations"


@pytest.fixture(scope="module")
def axe() -> str:
    path = Path(os.environ.get("AXE", "node_modules/axe-core/axe.min.js"))
    if not path.is_file():
        reason = f"no axe-core at {path}: npm install axe-core, or name axe.min.js in $AXE"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_axe_finds_no_serious_fault(watch, plain: Path, axe: str, scheme: str, width: int) -> None:
    watched = watch(plain, width=width, color_scheme=scheme, bypass_csp=True)
    page = watched.open()
    page.evaluate(axe)
    faults: list[str] = []
    for address in ADDRESSES:
        page.evaluate("address => { location.hash = address; }", address)
        page.wait_for_timeout(100)
        faults += [
            f"{address}: {one['id']}: {one['help']}: {one['nodes'][0]['html'][:200]} ({len(one['nodes'])} places)"
            for one in page.evaluate(RUN)
            if one["impact"] in ("serious", "critical")
        ]
    assert faults == []
