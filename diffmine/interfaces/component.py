"""What every component shares: a name, checked options, an identity for the store."""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationInfo

from diffmine.interfaces.boundary import Accountable, Culprit


class Marker:
    """Metadata of an option; compare by identity."""

    def __init__(self, meaning: str) -> None:
        self.meaning = meaning

    def __repr__(self) -> str:
        return f"<{self.meaning}>"


OUTSIDE_KEY = Marker("this option does not change results, so it is not part of a store key")
"""Mark options such as batch sizes: ``batch_size: Annotated[int, OUTSIDE_KEY]``."""


def _folder_of(info: ValidationInfo) -> Path:
    folders = (info.context or {}).get("folders", {})
    return Path(folders.get(info.field_name, "."))


def _resolve(path: Path, info: ValidationInfo) -> Path:
    path = path.expanduser()
    return path if path.is_absolute() else (_folder_of(info) / path).resolve()


def _resolve_pretrained(path: str, info: ValidationInfo) -> str:
    local = _resolve(Path(path), info)
    return str(local) if local.exists() else path


RecipePath = Annotated[Path, AfterValidator(_resolve), OUTSIDE_KEY]
"""A path, relative to the recipe file that holds it. What lies there belongs in ``fingerprint``."""

PretrainedPath = Annotated[str, AfterValidator(_resolve_pretrained), OUTSIDE_KEY]
"""A checkpoint: a folder (relative to the recipe file that holds it) or, if there is none, a hub id."""


@dataclass(frozen=True, slots=True)
class PartsOf:
    """Marks an option that holds components of a kind, so that the registry builds them as ``Component.parts``::

    parts: Annotated[tuple[PartTable, ...], PartsOf("feature_extractors")]
    """

    kind: str


def _part_table(value: Any) -> Any:
    table = {"use": value} if isinstance(value, str) else value
    if isinstance(table, dict) and not isinstance(table.get("use"), str):
        raise ValueError(f'the part {table} must name its component; add use = "..."')
    return table


PartTable = Annotated[dict[str, Any], BeforeValidator(_part_table)]
"""A component inside a component's options: its name, or a table with ``use`` and its options."""


class ComponentConfig(BaseModel):
    """Options of a component: frozen, unknown keys refused, every field described."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Component(Accountable, ABC, shared=True):
    """Anything a recipe can name.

    A component is light: it holds checked options and is built while a recipe is checked. Its module imports no
    library that takes seconds (torch, diffusers, scikit-learn, matplotlib); the methods that compute import them.

    Class attributes:
        name: what ``use = "..."`` says; lower case, words joined by hyphens or underscores.
        version: increase it when the same options give other results, so that stored artifacts are not reused.
        Config: the options.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    Config: ClassVar[type[ComponentConfig]] = ComponentConfig
    config: ComponentConfig

    def __init__(self, config: ComponentConfig, parts: tuple[Component, ...] = ()) -> None:
        self.config = config
        self.parts = parts

    def _boundary_culprit(self, interface: type) -> Culprit:
        return Culprit(interface.__name__, getattr(self, "name", type(self).__name__), type(self).__module__)

    @classmethod
    def summary(cls) -> str:
        """First line of the class docstring."""
        return (cls.__doc__ or "").strip().partition("\n")[0]

    def describe(self) -> dict[str, Any]:
        """The recipe table that configures this component, with every default filled in."""
        table: dict[str, Any] = {"use": self.name, **self.config.model_dump(mode="json", exclude_none=True)}
        parts = [part.describe() for part in self.parts]
        for field, info in type(self.config).model_fields.items():
            if any(isinstance(marker, PartsOf) for marker in info.metadata):
                count = len(table[field])
                table[field], parts = parts[:count], parts[count:]
        return table

    def fingerprint(self) -> str:
        """Digest of what the component depends on outside its options (files, package versions)."""
        return ""

    def identity(self) -> dict[str, Any]:
        """What decides this component's results; part of the keys of the stages that use it."""
        fields = type(self.config).model_fields.items()
        keyed = {n for n, f in fields if not any(m is OUTSIDE_KEY or isinstance(m, PartsOf) for m in f.metadata)}
        return {
            "use": self.name,
            "version": self.version,
            "options": self.config.model_dump(mode="json", include=keyed),
            "fingerprint": self.fingerprint(),
            "parts": [part.identity() for part in self.parts],
        }
