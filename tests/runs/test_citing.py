"""BibTeX of a run."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from diffmine.commands.cli import cli
from diffmine.files.names import RUN_FILE
from diffmine.runs.run import Run
from diffmine.testing.toy_runs import write_toy_run

CITATION = Path(__file__).parent.parent.parent / "CITATION.cff"
ENTRY = re.compile(r"@(\w+)\{([^,\s]+),\n((?:  \w+ = \{.*\},\n)+)\}")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = write_toy_run(tmp_path_factory.mktemp("cited"), clusters=1, members=4)
    info = json.loads((run.path / RUN_FILE).read_text(encoding="utf-8"))
    info |= {"name": "a_run", "recipe_digest": "ab" * 32, "started": "2025-02-03T10:00:00Z"}
    (run.path / RUN_FILE).write_text(json.dumps(info), encoding="utf-8")
    return run


def test_the_run_is_told_apart_and_the_method_is_what_the_citation_file_says(run: Run) -> None:
    done = CliRunner().invoke(cli, ["show", str(run.path), "--bibtex"], catch_exceptions=False)
    assert not ENTRY.sub("", done.output).strip(), "nothing but entries"
    entries = [
        (kind, key, dict(re.findall(r"  (\w+) = \{(.*)\},", body))) for kind, key, body in ENTRY.findall(done.output)
    ]
    (kind, key, own), (_, _, method) = entries
    assert (kind, key) == ("software", "diffmine-a_run-abababab")
    assert own["title"].endswith(r"a\_run")
    assert own["year"] == "2025"
    assert f"{len(run.records)} pictures" in own["note"]
    assert "ab" * 32 in own["note"]
    cited = yaml.safe_load(CITATION.read_text(encoding="utf-8"))["preferred-citation"]
    names = " and ".join(f"{one['family-names']}, {one['given-names']}" for one in cited["authors"])
    assert (method["title"], method["author"]) == (cited["title"], names)
    assert (method["year"], method["url"]) == (str(cited["year"]), cited["url"])
