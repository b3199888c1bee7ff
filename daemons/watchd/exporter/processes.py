"""Who lives. A daemon does while it holds its lock: the kernel takes that back at its end, however it ended.

(hft.locks says who that is.) A region's writer is known by pid alone, which may have passed to a stranger; it is
told apart from a corpse that nobody has reaped, but `hft_daemon_alive` is the one to build an alert on.
"""

from __future__ import annotations

import os
from pathlib import Path


def process_alive(pid: int) -> bool:
    """Whether `pid` is a process that still runs: a zombie is not."""
    if pid <= 0:
        return False
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return _answers(pid)
    return stat.rpartition(b")")[2].split()[0] not in (b"Z", b"X", b"x")


def _answers(pid: int) -> bool:
    """For a /proc that hides what belongs to others."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    except OverflowError:
        return False
    return True
