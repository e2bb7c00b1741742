"""diffmine: what, visibly, makes labelled pictures what they are."""

from diffmine.hookspecs import hookimpl
from diffmine.version import __version__

__all__ = ["__version__", "hookimpl"]
