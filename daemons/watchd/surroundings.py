"""Who could replace or change what watchd puts in its place: refused at start, by path, mode and owner.

The directories of shared memory are checked with their lock (feedd/region.hpp), the state file when it is read. Here
are the rest: the fence's page, the sockets' directory, and the operators' page with its directory, which the
operators may write and nobody else.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path


def require_unwritable_by_others(path: Path, *, group_may: bool = False) -> None:
    """Raises OSError. `group_may`: its group is the one that it is for."""
    about = path.stat()
    if about.st_mode & (stat.S_IWOTH | (0 if group_may else stat.S_IWGRP)):
        whom = "anyone" if about.st_mode & stat.S_IWOTH else "its group"
        raise OSError(f"{path}: mode {about.st_mode & 0o7777:04o}: {whom} may write it")
    if about.st_uid not in (0, os.geteuid()):
        raise OSError(
            f"{path}: belongs to uid {about.st_uid}, neither to root nor to watchd's uid {os.geteuid()}"
        )
