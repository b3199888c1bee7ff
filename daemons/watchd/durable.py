"""Small files that are replaced whole: temporary → fsync → rename → fsync of the directory.

Whatever fails, and wherever a SIGKILL comes, the name holds the old bytes or the new ones. An OSError after the
rename (from the directory's fsync) means that the new bytes are there but not known to be durable.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path


def replace(path: Path, data: bytes, mode: int) -> None:
    """Durable on return. Raises OSError; leaves no temporary behind, sweeps those of killed writers.

    One writer a file: the caller holds the lock that says so.
    """
    with suppress(OSError):
        for stale in path.parent.glob(f"{path.name}.tmp.*"):
            _remove(stale)
    temporary = _write_temporary(path, data, mode)
    try:
        temporary.rename(path)
    except OSError:
        _remove(temporary)
        raise
    _sync_directory(path.parent)


def create(path: Path, data: bytes, mode: int) -> None:
    """Durable on return. Never replaces: raises FileExistsError, OSError."""
    temporary = _write_temporary(path, data, mode)
    try:
        path.hardlink_to(temporary)  # unlike rename it is an error when the name is taken
    finally:
        _remove(temporary)
    _sync_directory(path.parent)


def read_trusted(path: Path, bytes_max: int) -> bytes:
    """The whole file, if nobody but its owner, who is ours, or root could have written it.

    Raises OSError, ValueError (what is wrong with it).
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    descriptor = os.open(path, flags)
    try:
        _require_trusted(os.fstat(descriptor), path.parent.stat())
        parts: list[bytes] = []
        while part := os.read(descriptor, bytes_max + 1):
            parts.append(part)
            if sum(map(len, parts)) > bytes_max:
                raise ValueError(f"damaged: longer than {bytes_max} bytes")
        return b"".join(parts)
    finally:
        os.close(descriptor)


def _require_trusted(file: os.stat_result, directory: os.stat_result) -> None:
    """Whoever could have written it could have written anything."""
    if not stat.S_ISREG(file.st_mode):
        raise ValueError("not a regular file")
    if file.st_mode & 0o022:
        raise ValueError(f"mode {file.st_mode & 0o7777:04o}: others than its owner may write it")
    if directory.st_mode & stat.S_IWOTH:
        raise ValueError(f"its directory has mode {directory.st_mode & 0o7777:04o}: anyone may replace it")
    if file.st_uid not in (os.geteuid(), directory.st_uid, 0):
        raise ValueError(f"belongs to uid {file.st_uid}, neither watchd nor root")


def _write_temporary(path: Path, data: bytes, mode: int) -> Path:
    temporary = path.with_name(f"{path.name}.tmp.{os.getpid()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(temporary, flags, mode)
    try:
        try:
            os.fchmod(descriptor, mode)  # whatever the umask
            if os.geteuid() == 0:  # what root writes for a daemon must be the daemon's to read
                directory = path.parent.stat()
                os.fchown(descriptor, directory.st_uid, directory.st_gid)
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError:
        _remove(temporary)
        raise
    return temporary


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
