"""Exceptions that travel between processes, whatever they are made of."""

from __future__ import annotations

import pickle
import traceback
from dataclasses import dataclass

from diffmine.errors import WorkerError, said
from diffmine.interfaces.boundary import Culprit, accuse, culprit_of


class RemoteTraceback(Exception):  # noqa: N818 - a traceback, carried as the cause of an exception
    """The traceback of another process, as text."""

    def __str__(self) -> str:
        return f"in another process:\n{self.args[0]}"


@dataclass(frozen=True, slots=True)
class Failure:
    """An exception on its way to another process.

    Attributes:
        text: what it says, with its type.
        trace: its traceback, as text.
        culprit: the component that it came out of.
        pickled: the exception itself, where it survives pickling.
    """

    text: str
    trace: str
    culprit: Culprit | None
    pickled: bytes | None

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """What can be said of an exception, and the exception where it can travel."""
        trace = "".join(traceback.format_exception(error))
        return cls(_text(error), trace, culprit_of(error), _pickled(error))

    def exception(self) -> Exception:
        """The exception, or one that says the same, with its culprit; the traceback is its cause."""
        error = _unpickled(self.pickled) or WorkerError(self.text)
        accuse(error, self.culprit)
        error.__cause__ = RemoteTraceback(self.trace)
        return error


def _text(error: BaseException) -> str:
    try:
        return said(error)
    except Exception:  # its own __str__ raises
        return type(error).__name__


def _pickled(error: BaseException) -> bytes | None:
    """The exception, if it comes out of pickling as it went in."""
    try:
        pickled = pickle.dumps(error)
        again = pickle.loads(pickled)
        return pickled if type(again) is type(error) and str(again) == str(error) else None
    except Exception:  # an exception is what a plugin makes of it
        return None


def _unpickled(pickled: bytes | None) -> Exception | None:
    if pickled is None:
        return None
    try:
        error = pickle.loads(pickled)
    except Exception:  # this process may lack what that one had
        return None
    return error if isinstance(error, Exception) else None
