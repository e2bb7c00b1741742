"""The page itself: modules and styles inlined, with a Content-Security-Policy that names them and nothing else."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from diffmine.builtin.reports.explorer.preview import FILE, HEIGHT, WIDTH
from diffmine.drawing.web import base_style, policy, templates

HERE = Path(__file__).parent
ENTRY = "main.js"
LIBRARY = HERE / "vendored" / "twgl.js"
"""Draws on the graphics card; ``vendored/bundle.sh`` makes it."""
_EXPORT = re.compile(r"^export (?:async function|function|class|const) (\w+|\{[^}]*\})", re.MULTILINE)
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./([\w-]+\.js)";\n', re.MULTILINE)


def render(
    data: Any,
    overlays: Any,
    views: Sequence[str] = (),
    files: Mapping[str, bytes] | None = None,
    notes: Any = None,
    address: str = "",
    preview: bool = False,
) -> str:
    """The HTML of the explorer.

    Args:
        data: what ``payload.payload`` gave.
        overlays: what ``payload.overlays`` gave.
        views: the scripts of further pages; each is an element of its own, so that one that cannot be parsed does not
            take the page with it.
        files: name -> content of the pictures that lie in the page itself, no longer beside it.
        notes: what ``payload.told_notes`` gave; :mod:`diffmine.runs.serving` puts the notes as they stand in its place.
        address: of the folder that the page will lie in, for those who link to it; empty: not known.
        preview: whether there is a picture to show beside links.
    """
    script, style = bundle(), stylesheet()
    template = templates(HERE / "templates").get_template("index.html.jinja")
    within = {name: base64.b64encode(content).decode() for name, content in (files or {}).items()}
    return template.render(
        policy=policy(style, script, *views),
        script=script,
        views=views,
        style=style,
        data=data,
        overlays=overlays,
        files=within,
        notes=notes or {"clusters": []},
        address=address,
        preview={"file": FILE, "width": WIDTH, "height": HEIGHT} if preview else None,
    )


def bundle() -> str:
    """The library of ``vendored/``, then the modules of ``app/``, each after those that it imports, as one script.

    Each module imports by ``import { names } from "./file.js";``. It becomes a function that returns what it exports,
    so that only exported names need be unique across modules.
    """
    modules = (_enclosed((HERE / "app" / name).read_text(encoding="utf-8")) for name in _ordered(ENTRY, {}))
    return "\n".join([LIBRARY.read_text(encoding="utf-8"), *modules])


def stylesheet() -> str:
    """The base style, and the files of ``style/`` in the order of their names."""
    files = sorted((HERE / "style").glob("*.css"))
    return "\n".join([base_style(), *(path.read_text(encoding="utf-8") for path in files)])


def _ordered(name: str, seen: dict[str, bool]) -> Iterator[str]:
    if name in seen:
        return
    seen[name] = True
    for imported in _IMPORT.findall((HERE / "app" / name).read_text(encoding="utf-8")):
        yield from _ordered(imported, seen)
    yield name


def _enclosed(module: str) -> str:
    names = [name for match in _EXPORT.findall(module) for name in re.findall(r"[\w$]+", match)]
    body = re.sub(r"^export ", "", _IMPORT.sub("", module), flags=re.MULTILINE)
    exported = f"{{ {', '.join(names)} }}"
    return f"const {exported} = (() => {{\n{body}return {exported};\n}})();"
