"""The file system's calls that the journal makes, in one place, so that a test can let any one of them fail."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path

from hft.journal.errors import JournalError


class Disk:
    """Every method raises OSError as the system call does; `write` may write less than it was given."""

    def create(self, path: Path) -> int:
        """A new file to append to."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_APPEND, 0o640)

    def reopen(self, path: Path) -> int:
        """An existing file to append to."""
        return os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_APPEND)

    def write(self, descriptor: int, parts: Sequence[memoryview]) -> int:
        """Appends; returns how many bytes."""
        return os.writev(descriptor, parts)

    def truncate(self, descriptor: int, size_bytes: int) -> None:
        os.ftruncate(descriptor, size_bytes)

    def sync(self, descriptor: int) -> None:
        """What was written is on the medium, or an error."""
        os.fdatasync(descriptor)

    def sync_directory(self, path: Path) -> None:
        """Names are on the medium."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def close(self, descriptor: int) -> None:
        os.close(descriptor)

    def replace(self, source: Path, target: Path) -> None:
        source.replace(target)

    def unlink(self, path: Path) -> None:
        path.unlink(missing_ok=True)


def write_all(disk: Disk, descriptor: int, parts: Sequence[memoryview]) -> None:
    """Appends everything, in as many calls as it takes. Raises OSError; then some of it may be there."""
    rest = [part for part in parts if part.nbytes]
    while rest:
        written = disk.write(descriptor, rest)
        if written <= 0:
            raise OSError(5, "the file took nothing")
        while rest and written >= rest[0].nbytes:
            written -= rest[0].nbytes
            rest = rest[1:]
        if written:
            rest = [rest[0][written:], *rest[1:]]


def locked(directory: Path) -> int:
    """A descriptor that holds the directory's lock, and makes the directory. Raises JournalError."""
    try:
        directory.mkdir(mode=0o750, parents=True, exist_ok=True)
        descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError as error:
        raise JournalError(f"{directory}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise JournalError(f"{directory}: another recorder writes there") from error
    return descriptor
