"""What every component shares: a name, checked options, an identity for the store."""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationInfo

from diffmine.errors import reason
from diffmine.interfaces.boundary import Accountable, Culprit

if TYPE_CHECKING:
    from diffmine.recipes.resolving import Components


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
    try:
        path = path.expanduser()
        path = path if path.is_absolute() else (_folder_of(info) / path).resolve()
        path.exists()
    except (OSError, RuntimeError) as error:  # too long, a link to itself, the home of nobody
        raise ValueError(f"this cannot be a path: {reason(error)}") from None
    return path


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


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a configured component comes from.

    Attributes:
        use: how the recipe names it: by its name, or as ``PLUGIN:NAME``.
        plugin: the plugin that registered it.
        distribution, version: that the plugin was installed from.
        source: digest of the code that defines it; None for what comes with diffmine, where ``Component.version`` says
            whether results change.
    """

    use: str
    plugin: str
    distribution: str
    version: str
    source: str | None = None

    def described(self) -> dict[str, str]:
        """For JSON: what to install to have the component."""
        return {"use": self.use, "plugin": self.plugin, "distribution": self.distribution, "version": self.version}


class Component(Accountable, ABC, shared=True):
    """Anything a recipe can name.

    A component is light: it holds checked options and is built while a recipe is checked. Its module imports no
    library that takes seconds (torch, diffusers, scikit-learn, matplotlib); the methods that compute import them.

    Class attributes:
        name: what ``use = "..."`` says; lower case, words joined by hyphens or underscores.
        version: increase it when the same options give other results, so that stored artifacts are not reused. For a
            component that does not come with diffmine, a change in the code of its package does the same.
        Config: the options.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    Config: ClassVar[type[ComponentConfig]] = ComponentConfig
    config: ComponentConfig
    parts: tuple[Component, ...] = ()
    provenance: Provenance | None = None
    """Set by the registry; None for a component that was made by hand."""

    @property
    def needs_model(self) -> bool:
        """Whether this component, as configured, uses the run's diffusion model; where none of a recipe's does, the
        recipe needs no ``[model]``, ``[conditioning]`` and ``[finetune]``, and nothing depends on them.
        """
        return any(part.needs_model for part in self.parts)

    @property
    def needs_masks(self) -> bool:
        """Whether this component learns from where the elements of training pictures are, as a control does that shows
        how much is to be had. What it learned then depends on the dataset's masks too, and they are read for no other.
        """
        return any(part.needs_masks for part in self.parts)

    def __init__(self, config: ComponentConfig, parts: tuple[Component, ...] = ()) -> None:
        self.config = config
        self.parts = parts

    def _boundary_culprit(self, interface: type) -> Culprit:
        return Culprit(interface.__name__, getattr(self, "name", type(self).__name__), type(self).__module__)

    @classmethod
    def summary(cls) -> str:
        """First line of the class docstring."""
        return (cls.__doc__ or "").strip().partition("\n")[0]

    @property
    def use(self) -> str:
        """What a recipe says to have this component."""
        return self.provenance.use if self.provenance else self.name

    def origins(self) -> list[dict[str, str]]:
        """Where this component and its parts come from, those that the registry has made."""
        mine = [self.provenance.described()] if self.provenance else []
        return mine + [origin for part in self.parts for origin in part.origins()]

    def describe(self) -> dict[str, Any]:
        """The recipe table that configures this component, with every default filled in."""
        return {"use": self.use, **self.options()}

    def options(self) -> dict[str, Any]:
        """The options, with every default filled in, as a recipe would say them."""
        table: dict[str, Any] = self.config.model_dump(mode="json", exclude_none=True)
        parts = [part.describe() for part in self.parts]
        for field, info in type(self.config).model_fields.items():
            if any(isinstance(marker, PartsOf) for marker in info.metadata):
                count = len(table[field])
                table[field], parts = parts[:count], parts[count:]
        return table

    def check_recipe(self, components: Components) -> None:
        """Called when a recipe is checked, for a component that depends on what the other tables say; default: nothing.

        Raises:
            RecipeError: this component cannot work with those; say which option to change.
        """

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
            **self.code_identity(),
        }

    def code_identity(self) -> dict[str, str]:
        """Whose code this is and in which state; nothing for what comes with diffmine, which has its ``version``."""
        if self.provenance is None or self.provenance.source is None:
            return {}
        return {"distribution": self.provenance.distribution, "source": self.provenance.source}
