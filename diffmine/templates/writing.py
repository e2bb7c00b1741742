"""Writing the files of a new plugin from the template that ships with diffmine.

The template is one for copier as well (``diffmine/templates/plugin``), so that copier can bring a plugin up to date;
what copier would ask and compute stands in its ``copier.yml``, and is the same here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from diffmine.errors import RecipeError
from diffmine.plugins.explaining import did_you_mean
from diffmine.plugins.kinds import KIND_OF_TABLE, KINDS, TOP_LEVEL, Kind
from diffmine.plugins.registry import Registry
from diffmine.version import __version__, interface_version

TEMPLATE = Path(__file__).with_name("plugin")
PREFIX = "diffmine-"
SUFFIX = ".jinja"
NAME = re.compile(rf"{PREFIX}[a-z][a-z0-9]*(-[a-z0-9]+)*")
WITHOUT_MODEL = "-without-model"
CHOICES = {
    name: kind
    for kind in KINDS
    for name in ([kind.noun, f"{kind.noun}{WITHOUT_MODEL}"] if kind.noun == "scorer" else [kind.noun])
}
"""What a plugin can add -> the kind of its component."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What a plugin is rendered from.

    Attributes:
        name: of the distribution.
        choice: what it adds, one of ``CHOICES``.
    """

    name: str
    choice: str

    @property
    def component(self) -> str:
        """What recipes call it."""
        return self.name.removeprefix(PREFIX)

    def values(self) -> dict[str, str]:
        """The values of the template, as ``copier.yml`` names them."""
        return {
            "name": self.name,
            "kind": self.choice,
            "interface": interface_version(),
            "package": self.name.replace("-", "_"),
            "component": self.component,
            "class_name": self.component.replace("-", " ").title().replace(" ", ""),
        }


def checked_answers(name: str, choice: str, registry: Registry) -> Answers:
    """A distribution's name, with ``diffmine-`` in front where it is missing, and what it adds.

    Raises:
        RecipeError: the name is none that a distribution and a component can have, or is taken; there is no such kind.
    """
    if choice not in CHOICES:
        raise RecipeError(
            f"--kind {choice}: there is no such kind{did_you_mean(choice, list(CHOICES))}; {', '.join(CHOICES)}"
        )
    full = name if name.startswith(PREFIX) else PREFIX + name
    if not NAME.fullmatch(full):
        raise RecipeError(
            f"{name!r} cannot name a plugin; use lower-case letters and digits, words joined by hyphens, such as "
            "diffmine-roofs"
        )
    answers, kind = Answers(full, choice), CHOICES[choice]
    if answers.component in _taken(kind, registry):
        raise RecipeError(f"there is a {kind.singular} {answers.component!r} already; choose another name")
    return answers


def write_plugin(answers: Answers, folder: Path) -> list[Path]:
    """Render the template into a folder that does not exist yet, or is empty; the files, sorted.

    Raises:
        RecipeError: something is there already.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RecipeError(f"{folder} is there already; name another folder with --out, or remove it")
    written = []
    for path, text in rendered(answers):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        written.append(target)
    return sorted(written)


def rendered(answers: Answers) -> Iterator[tuple[Path, str]]:
    """(path within the project, content) of each file."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATE), keep_trailing_newline=True, undefined=StrictUndefined, autoescape=False
    )
    environment.filters["to_nice_yaml"] = _yaml
    kept = {"_commit": __version__, "_src_path": TEMPLATE.as_posix(), "kind": answers.choice, "name": answers.name}
    values: Mapping[str, Any] = {
        **answers.values(),
        "_copier_answers": kept,
        "_copier_conf": {"answers_file": ".copier-answers.yml"},
    }
    project = TEMPLATE / "project"
    for file in sorted(path for path in project.rglob(f"*{SUFFIX}") if path.is_file()):
        parts = file.relative_to(project).as_posix().removesuffix(SUFFIX)
        path = environment.from_string(parts).render(values)
        if not path.endswith("/"):  # a name that renders to nothing is a file that is left out
            yield Path(path), environment.get_template(file.relative_to(TEMPLATE).as_posix()).render(values)


def _taken(kind: Kind, registry: Registry) -> set[str]:
    names = set(registry.names(kind))
    return names | {*KIND_OF_TABLE, *TOP_LEVEL} if kind.name == "stages" else names


def _yaml(values: Mapping[str, str]) -> str:
    """A mapping of plain texts, as YAML; JSON strings are YAML strings."""
    return "".join(f"{key}: {json.dumps(value)}\n" for key, value in values.items())
