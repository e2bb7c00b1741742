"""Full disks: how the system, and libraries that write files for us, say that there is no room left."""

from __future__ import annotations

import errno
import re

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""The system's numbers for it: the disk is full, the quota is used up, the file may not grow."""


def is_full_disk(error: BaseException) -> bool:
    """Whether an exception is the system's refusal to store more.

    Args:
        error: an ``OSError``, or what a library written in Rust (safetensors) makes of one, which keeps its number in
            words alone: ``os error 28``.
    """
    if isinstance(error, OSError):
        return error.errno in NO_ROOM
    told = re.search(r"\(os error (\d+)\)", str(error))
    return told is not None and int(told[1]) in NO_ROOM
