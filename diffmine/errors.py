"""The errors diffmine raises on purpose.

Each message is one sentence or a few short lines: the value at fault, what is allowed, what to do next.
"""

from __future__ import annotations


class DiffmineError(Exception):
    """Base of every error raised on purpose; the command line prints it without a traceback."""

    exit_code = 1


class RecipeError(DiffmineError):
    """A mistake in a recipe or on the command line; nothing was computed and nothing was lost."""

    exit_code = 2


class MissingComponentError(RecipeError):
    """A recipe names a component that no installed plugin has.

    Attributes:
        table, use: what the recipe says.
    """

    def __init__(self, table: str, use: str, text: str) -> None:
        self.table, self.use = table, use
        super().__init__(text)

    def __reduce__(self) -> tuple[type[MissingComponentError], tuple[str, str, str]]:
        return type(self), (self.table, self.use, str(self))


class PluginError(DiffmineError):
    """A plugin broke: at import, in a hook, or because two plugins claim one name."""

    exit_code = 2


class DataError(DiffmineError):
    """The pictures or their index cannot be used as they are."""


class PictureError(DataError):
    """One picture cannot be decoded; the run lists it with this cause and goes on."""


class ArtifactError(DiffmineError):
    """A stored artifact or a run folder is missing, damaged or in use."""


class ModelError(DiffmineError):
    """A checkpoint is missing, or its parts do not fit together."""


class StageError(DiffmineError):
    """A stage failed; the original exception is its ``__cause__``, and decides the exit code."""

    def __init__(self, stage: str, component: str, plugin: str, cause: BaseException) -> None:
        self.stage, self.component, self.plugin = stage, component, plugin
        self.exit_code = cause.exit_code if isinstance(cause, RecipeError) else 1
        detail = str(cause) if isinstance(cause, DiffmineError) else f"{type(cause).__name__}: {cause}"
        super().__init__(f"stage {stage!r} failed in component {component!r} of plugin {plugin!r}: {detail}")


class DiffmineWarning(UserWarning):
    """Something a person should know of a run that goes on all the same; kept in ``run.json``."""
