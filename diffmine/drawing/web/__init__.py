"""What the pages for the browser share: a base style, a strict policy, templates that always escape."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

HERE = Path(__file__).parent
_SQUARES = (("M0 0h1v1H0z", "0b5c6b"), ("M1 0h1v1H1z", "e0a526"), ("M0 1h1v1H0z", "c2410c"), ("M1 1h1v1H1z", "6d28d9"))
ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 2 2'%3E"
    + "".join(f"%3Cpath fill='%23{colour}' d='{path}'/%3E" for path, colour in _SQUARES)
    + "%3C/svg%3E"
)
"""What the browser's tab shows: four squares; ``icon`` in every template."""


def base_style() -> str:
    """The style sheet that every page begins with."""
    return (HERE / "base.css").read_text(encoding="utf-8")


def policy(style: str, *scripts: str) -> str:
    """A Content-Security-Policy that lets in this style, these scripts, and pictures beside the page or in it.

    Args:
        style, scripts: as they stand in the page, to the letter.
    """
    directives = {
        "default-src": "'none'",
        "script-src": " ".join(f"'{_hash(script)}'" for script in scripts) or "'none'",
        "style-src": f"'{_hash(style)}'",
        "img-src": "'self' data: blob:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in directives.items())


def templates(folder: Path) -> Environment:
    """Templates of a folder; every value is escaped, a missing one is an error."""
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["icon"] = ICON
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "separators": (",", ":"), "allow_nan": False}
    return environment


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
