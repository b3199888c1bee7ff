"""Who holds a daemon's lock (feedd/region.hpp, DaemonLock): the kernel's word for which process is the daemon.

Standard library only: a command that must start quickly imports it. Asking needs a descriptor that may only read,
and closing it gives nothing up in a process that holds no lock of that file.
"""

from __future__ import annotations

import fcntl
import os
import struct
from typing import Final

_FLOCK: Final = "hhqqi4x"  # struct flock of 64-bit Linux: type, whence, start, length, pid


def lock_holder(path: str | os.PathLike[str]) -> int:
    """The pid that holds the record lock on `path`, 0 when nobody does. Raises OSError (FileNotFoundError: no file)."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
    try:
        asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        answer = fcntl.fcntl(descriptor, fcntl.F_GETLK, asked)
    finally:
        os.close(descriptor)
    kind, _whence, _start, _length, pid = struct.unpack(_FLOCK, answer)
    if kind == fcntl.F_UNLCK:
        return 0
    if pid <= 0:
        raise OSError(0, "its holder is in another pid namespace")
    return int(pid)
