"""What happened, one JSON object a line: `<state_directory>/events.jsonl`, append-only, bounded.

    {"ts_ns": CLOCK_MONOTONIC, "at": "2026-11-24T07:00:00.000000Z", "event": "killed", …fields}

At 16 MiB the file becomes events.jsonl.1, the older ones move up, the fifth is dropped. A line is one write at the
end of the file. A watchd that is killed, or a full disk, in the middle of it leaves a torn line: the next append
starts a new one and tells so (`journal_torn_line`). Readers get such a line as the event `unreadable_line`.

The writer is watchd's scribe alone; readers (`watchd ctl tail`) need no lock and miss nothing while files rotate.
Standard library only: a command that must start quickly imports it.

Errors: `append` raises OSError; then the event is not in the journal, or not known to be durable. Opening is left
to the first append, so that a full disk does not keep watchd from starting.
"""

from __future__ import annotations

import json
import os
import stat
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

FILE_NAME: Final = "events.jsonl"
FILE_BYTES_MAX: Final = 16 << 20
FILES_KEPT: Final = 4  # beside the one being written
LINE_BYTES_MAX: Final = 64 << 10
MODE: Final = 0o640

Event = dict[str, Any]


def utc_now() -> str:
    """The wall clock for people, e.g. ``2026-11-24T07:00:00.000000Z``; deadlines never use it."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def stamped(name: str, fields: Mapping[str, Any]) -> Event:
    """The event as it is written, with the time of this call. `fields` can not replace the first three."""
    head: Event = {"ts_ns": time.monotonic_ns(), "at": utc_now(), "event": name}
    return head | dict(fields) | head


def encode(event: Mapping[str, Any]) -> bytes:
    """One line. What JSON can not say is told as text, what is too long is cut: no event is lost for its form."""
    try:
        line = json.dumps(event, separators=(",", ":"), default=str, allow_nan=False)
    except (ValueError, TypeError, RecursionError):
        line = ""
    if not line or len(line) >= LINE_BYTES_MAX:
        cut = {name: event.get(name) for name in ("ts_ns", "at", "event")}
        line = json.dumps({**cut, "cut": repr(event)[: LINE_BYTES_MAX // 8]}, separators=(",", ":"))
    return line.encode("ascii") + b"\n"


class EventJournal:
    """The writing end. `bytes_max` is for tests."""

    def __init__(self, directory: str | Path, bytes_max: int = FILE_BYTES_MAX) -> None:
        self._path = Path(directory) / FILE_NAME
        self._bytes_max = bytes_max
        self._descriptor = -1
        self._size = 0
        self._torn = False  # the file ends within a line
        self._torn_found = False  # … that an earlier watchd left
        self._directory_changed = False

    def append(self, event: Mapping[str, Any], *, durable: bool) -> None:
        """Writes one line; `durable`: and returns after its fsync. Raises OSError."""
        line = encode(event)
        if self._descriptor < 0:
            self._open()
        if self._size and self._size + len(line) > self._bytes_max:
            self._rotate()
        if self._torn_found:
            self._write(encode(stamped("journal_torn_line", {})))
            self._torn_found = False
        self._write(line)
        if durable:
            self._sync()

    def close(self) -> None:
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)

    def _open(self) -> None:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = os.open(self._path, flags, MODE)
        try:
            self._size = _regular_size(descriptor, self._path)
            self._torn = self._size > 0 and os.pread(descriptor, 1, self._size - 1) != b"\n"
            if self._size == 0:
                os.fchmod(descriptor, MODE)  # whatever the umask
        except OSError:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        self._torn_found = self._torn
        self._directory_changed = True

    def _write(self, line: bytes) -> None:
        rest = memoryview(b"\n" + line if self._torn else line)
        self._torn = True
        while rest:
            written = os.write(self._descriptor, rest)
            self._size += written
            rest = rest[written:]
        self._torn = False

    def _sync(self) -> None:
        os.fsync(self._descriptor)
        if self._directory_changed:
            directory = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
            self._directory_changed = False

    def _rotate(self) -> None:
        for number in range(FILES_KEPT - 1, 0, -1):
            with suppress(FileNotFoundError):
                _numbered(self._path, number).rename(_numbered(self._path, number + 1))
        self._path.rename(_numbered(self._path, 1))
        self.close()
        self._open()


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}") if number else path


def _regular_size(descriptor: int, path: Path) -> int:
    about = os.fstat(descriptor)
    if not stat.S_ISREG(about.st_mode):
        raise OSError(f"{path}: not a regular file")
    return about.st_size


def read(directory: str | Path) -> list[Event]:
    """Every event that is kept, oldest first; none when nothing was ever written. Raises OSError."""
    follower = Follower(directory, sys.maxsize)
    try:
        return follower.poll()
    finally:
        follower.close()


def _parse(lines: list[bytes]) -> Iterator[Event]:
    for line in lines:
        if not line:
            continue
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            event = None
        if isinstance(event, dict) and "event" in event:
            yield event
        else:
            yield {"event": "unreadable_line", "text": line[:200].decode("ascii", "backslashreplace")}


class Follower:
    """The reading end that goes on: the last `last` events at the first `poll`, then what comes.

    Rotation between two polls loses nothing unless more than all kept files went by; then `journal_skipped`
    stands where the gap is. Errors: OSError; a journal that does not exist yet is awaited.
    """

    def __init__(self, directory: str | Path, last: int) -> None:
        self._path = Path(directory) / FILE_NAME
        self._last = last
        self._started = False
        self._file = -1  # keeps its inode number from being reused
        self._rest = b""

    def poll(self) -> list[Event]:
        if not self._started:
            return self._start()
        if self._file < 0:
            return self._go_on(self._newer(None))
        events = self._drain()
        if _inode(self._path) == os.fstat(self._file).st_ino:
            return events
        events += self._drain()  # what came between the last look and the rename
        return events + self._go_on(self._newer(os.fstat(self._file).st_ino))

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _start(self) -> list[Event]:
        self._started = True
        files = self._newer(None)
        lines = 0
        for place in range(len(files) - 1, -1, -1):
            if lines >= self._last and place < len(files) - 1:
                os.close(files.pop(place))
            else:
                lines += os.pread(files[place], os.fstat(files[place]).st_size, 0).count(b"\n")
        events = self._go_on(files)
        return events[max(len(events) - self._last, 0) :]

    def _go_on(self, files: list[int]) -> list[Event]:
        """Reads the open files in turn; the last one is followed from here."""
        events: list[Event] = []
        for file in files:
            events += _parse([self._rest])  # a line that its file ended within
            self._rest = b""
            self.close()
            self._file = file
            events += self._drain()
        return events

    def _drain(self) -> list[Event]:
        parts = [self._rest]
        while part := os.read(self._file, 1 << 20):
            parts.append(part)
        *lines, self._rest = b"".join(parts).split(b"\n")
        return list(_parse(lines))

    def _newer(self, inode: int | None) -> list[int]:
        """Open files after the one with `inode`, oldest first; all of them for None or when it is gone."""
        for _ in range(8):  # a rotation while we look: look again
            files = _open_all(self._path)
            inodes = [os.fstat(file).st_ino for file in files]
            if len(set(inodes)) == len(inodes) and inodes[-1:] in ([], [_inode(self._path)]):
                break
            for file in files:
                os.close(file)
        else:
            return []  # at the next poll
        first = inodes.index(inode) + 1 if inode in inodes else 0
        for file in files[:first]:
            os.close(file)
        if inode is not None and first == 0:
            self._rest = b'{"event":"journal_skipped"}'
        return files[first:]


def _open_all(path: Path) -> list[int]:
    files: list[int] = []
    for number in range(FILES_KEPT, -1, -1):
        with suppress(FileNotFoundError):
            files.append(os.open(_numbered(path, number), os.O_RDONLY | os.O_CLOEXEC))
    return files


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None
