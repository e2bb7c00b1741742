"""The version of the package, and that of its plugin interface."""

__version__ = "0.1.0"

INTERFACE_VERSION = (1, 0)
"""Of everything that a plugin may rely on: hooks, ``diffmine.interfaces``, ``diffmine.types``.

Something added, such as a hook or a method with a default, is a new minor version; a new abstract method, a changed
signature, or something removed is a new major version.
"""


def interface_version() -> str:
    """The version of the plugin interface, as plugins write it: ``1.0``."""
    return "{}.{}".format(*INTERFACE_VERSION)
