"""The errors diffmine raises on purpose.

Each message is one sentence or a few short lines: the value at fault, what is allowed, what to do next.
"""

from __future__ import annotations

from dataclasses import dataclass


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


class ContractError(DiffmineError):
    """A component did what its interface forbids, or returned what it must not."""


class WorkerError(DiffmineError):
    """What happened in another process: it died, or raised an exception that cannot travel."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The component at fault, and where it was installed from.

    Attributes:
        kind: in words, such as ``feature extractor``.
        component: its name.
        plugin: the plugin; for a component that no plugin has registered, its module.
        distribution, version: what the plugin was installed from; empty where no plugin has registered it.
    """

    kind: str
    component: str
    plugin: str
    distribution: str = ""
    version: str = ""

    def __str__(self) -> str:
        known = f"plugin {self.plugin!r} ({self.distribution} {self.version})"
        return f"the {self.kind} {self.component!r} of {known if self.distribution else f'module {self.plugin}'}"


class StageError(DiffmineError):
    """A stage failed; the original exception is its ``__cause__``, and decides the exit code.

    Attributes:
        stage: its name.
        cause: the original exception.
        origin: whose fault it is; None: no component's.
    """

    def __init__(self, stage: str, cause: BaseException, origin: Origin | None = None) -> None:
        super().__init__(stage, cause, origin)
        self.stage, self.cause, self.origin = stage, cause, origin
        self.exit_code = cause.exit_code if isinstance(cause, RecipeError) else 1

    def __str__(self) -> str:
        ours = "" if isinstance(self.cause, DiffmineError) else " in diffmine itself"
        return f"stage {self.stage!r} failed{f' in {self.origin}' if self.origin else ours}: {said(self.cause)}"


class NoRoomError(StageError):
    """A stage found the disk full; that is no component's fault, and nothing that was finished is lost.

    Attributes:
        folder: where it wrote.
    """

    def __init__(self, stage: str, cause: BaseException, folder: str) -> None:
        super().__init__(stage, cause)
        self.folder = folder

    def __reduce__(self) -> tuple[type[NoRoomError], tuple[str, BaseException, str]]:
        return type(self), (self.stage, self.cause, self.folder)

    def __str__(self) -> str:
        return f"stage {self.stage!r}: no room is left in {self.folder}; make room there, and the same command goes on"


def said(error: BaseException) -> str:
    """What an exception says, for people; with its type, if it was not raised for them."""
    if isinstance(error, DiffmineError):
        return str(error)
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def reason(error: BaseException) -> str:
    """What an error says, without the number and the file name that the system adds."""
    return error.strerror.lower() if isinstance(error, OSError) and error.strerror else str(error)


class DiffmineWarning(UserWarning):
    """Something a person should know of a run that goes on all the same; kept in ``run.json``."""
