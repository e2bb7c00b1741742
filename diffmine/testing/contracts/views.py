"""What every view of the explorer keeps."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest

from diffmine.interfaces import View
from diffmine.runs.contents import Contents
from diffmine.testing.contracts.shown import ShownRuns

MARKUP = re.compile(r"\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write)\b")


class ViewContract(ShownRuns):
    """Subclass this and return your view from a fixture ``view``."""

    def test_it_has_a_title(self, view: View) -> None:
        assert view.title.strip() == view.title != ""

    def test_its_data_are_json(self, view: View, contents: Contents) -> None:
        data = view.data(contents.run)
        written = json.dumps(data, allow_nan=False, sort_keys=True)
        assert json.dumps(view.data(contents.run), allow_nan=False, sort_keys=True) == written

    def test_its_script_puts_text_into_the_page_never_markup(self, view: View) -> None:
        assert MARKUP.findall(view.script()) == []

    def test_its_script_is_the_body_of_a_function(self, view: View) -> None:
        if (node := shutil.which("node")) is None:
            pytest.skip("node, which would read the script, is not installed")
        read = 'new Function("element", "data", "explorer", require("fs").readFileSync(0, "utf8"))'
        done = subprocess.run([node, "-e", read], input=view.script(), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
