"""Who lives. A daemon does while it holds its lock: the kernel takes that back at its end, however it ended.

`F_GETLK` needs a descriptor that may only read, and closing it gives nothing up, because this process holds no lock
of those files. A region's writer is known by pid alone, which may have passed to a stranger; it is told apart from
a corpse that nobody has reaped, but `hft_daemon_alive` is the one to build an alert on.
"""

from __future__ import annotations

import fcntl
import os
import struct
from pathlib import Path
from typing import Final

_FLOCK: Final = struct.Struct("hhqqi4x")  # struct flock of a 64-bit Linux: type, whence, start, len, pid


def lock_holder(path: Path) -> int | None:
    """Pid of the process that holds the POSIX lock of `path`, None when nobody does. Raises OSError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, _, _, pid = _FLOCK.unpack(fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))
    finally:
        os.close(descriptor)
    return None if kind == fcntl.F_UNLCK else int(pid)


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
