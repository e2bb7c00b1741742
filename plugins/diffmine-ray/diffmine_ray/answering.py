"""Whether a cluster answers."""

from __future__ import annotations

import socket

LOOK = 1.0
"""Seconds between two looks at a cluster."""
ANSWER = 2.0
"""Seconds that it has to answer."""


def answers(address: str) -> bool:
    """Whether something listens at host:port."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), ANSWER).close()
    except OSError:
        return False
    return True
