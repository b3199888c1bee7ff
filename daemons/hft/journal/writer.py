"""Appending to a journal: numbered blocks, segments, the limit, what happens when the disk refuses.

A block is written whole or taken back: after an error the file is cut to where the block began. What can not even
be cut is a torn tail, which no reader accepts. Only finished segments are ever dropped, oldest first.

A limit that is reached: `drop-oldest` makes room, `stop` raises JournalFull. A full disk is treated alike as long
as there is something to drop; any other error, and any failed fsync, raises JournalBroken, and then nothing more is
written.
"""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np

from hft.journal.blocks import Block, encoded
from hft.journal.disk import Disk, locked, write_all
from hft.journal.errors import JournalBroken, JournalError, JournalFull
from hft.journal.segments import (
    index_of,
    index_path,
    open_segment,
    segment_numbers,
    segment_path,
)
from hft.journal.syncer import Syncer
from hft.layout.dtypes import JOURNAL_BLOCK, JournalStream

FORMAT_VERSION = 1
_OUT_OF_SPACE = (errno.ENOSPC, errno.EDQUOT)

WhenFull = Literal["drop-oldest", "stop"]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Limits:
    """`max_bytes` bounds all files together; at least two segments must fit."""

    segment_bytes: int
    max_bytes: int
    when_full: WhenFull
    sync_interval_ns: int


@dataclass
class Recovered:
    """What was found when a directory was opened: a journal to go on with, and the torn tail that was cut off."""

    blocks: int = 0
    torn_bytes: int = 0
    torn_records: int = 0


# (event, value) -> None, see JournalWriter
Observer = Callable[[str, int], None]


class JournalWriter:
    """One writer a directory. `preamble()`: blocks that every segment repeats, so that each explains itself."""

    def __init__(
        self,
        directory: Path,
        limits: Limits,
        preamble: Callable[[], Iterable[Block]],
        observe: Observer,
        disk: Disk | None = None,
        threaded: bool = True,
    ) -> None:
        """Takes the lock, cuts a torn tail, begins a new segment with the first block. Raises JournalError.

        `observe(event, value)`: "dropped" segment number, "synced" nanoseconds; from the fsync thread too.
        """
        self._directory, self._limits = directory, limits
        self._preamble, self._observe = preamble, observe
        self._disk = disk or Disk()
        self._lock = locked(directory)
        self._syncer = Syncer(threaded)
        self._sizes: dict[int, int] = {}  # finished segments with their index, in order
        self._descriptor = -1
        self._segment = 0
        self._size = 0
        self._headers: list[bytes] = []
        self._number = 0
        self._dirty = False
        self._next_sync_ns = 0
        self._broken: JournalBroken | None = None
        self.recovered = Recovered()
        try:
            self._recover()
        except (OSError, JournalError) as error:
            os.close(self._lock)
            text = error.strerror or error if isinstance(error, OSError) else error
            raise JournalError(f"{directory}: {text}") from error

    @property
    def total_bytes(self) -> int:
        """Of all files of the journal."""
        return sum(self._sizes.values()) + self._size

    @property
    def segments(self) -> int:
        return len(self._sizes) + (self._descriptor >= 0)

    def append(self, block: Block) -> None:
        """Writes one block. Raises JournalFull or JournalBroken; then it is not in the journal."""
        if self._broken is not None:
            raise self._broken
        if self._descriptor < 0 or self._size + block.size_bytes > self._limits.segment_bytes:
            self._begin_segment(block.size_bytes)
        self._raise_sync_error()
        self._append(block)

    def sync_if_due(self, now_ns: int) -> None:
        """Starts an fsync when the interval has passed and something was written. Raises JournalBroken."""
        self._raise_sync_error()
        if self._dirty and now_ns >= self._next_sync_ns and self._syncer.idle:
            self._next_sync_ns = now_ns + self._limits.sync_interval_ns
            self._dirty = False
            self._syncer.submit(partial(self._sync, self._descriptor))
            self._raise_sync_error()

    def close(self) -> None:
        """Everything is on the medium, or JournalBroken says it is not. Idempotent."""
        if self._descriptor >= 0:
            self._finish_segment()
        self._syncer.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
        if self._broken is None:
            self._raise_sync_error()

    def _recover(self) -> None:
        numbers = segment_numbers(self._directory)
        self._sweep(numbers)
        for number in numbers:
            segment = open_segment(self._directory, number, last=number == numbers[-1])
            if number == numbers[-1]:
                self._cut(number, segment.end, segment.rest_bytes, segment.rest_records)
            if len(segment.headers):
                self._number = int(segment.headers[-1]["number"])
                self._sizes[number] = segment.end + _size_of(index_path(self._directory, number))
            self.recovered.blocks += len(segment.headers)
            self._segment = number

    def _sweep(self, numbers: list[int]) -> None:
        """Indexes that nobody finished, or whose segment is gone."""
        for path in [*self._directory.glob(".*.index"), *self._directory.glob("*.index")]:
            if path.name.startswith(".") or int(path.stem) not in numbers:
                self._disk.unlink(path)

    def _cut(self, number: int, end: int, rest_bytes: int, rest_records: int) -> None:
        """Takes a torn tail away; a segment with nothing else in it too."""
        self.recovered.torn_bytes, self.recovered.torn_records = rest_bytes, rest_records
        path = segment_path(self._directory, number)
        if end == 0:
            self._disk.unlink(path)
            return
        if rest_bytes:
            descriptor = self._disk.reopen(path)
            try:
                self._disk.truncate(descriptor, end)
                self._disk.sync(descriptor)
            finally:
                self._disk.close(descriptor)

    def _begin_segment(self, room_bytes: int) -> None:
        if self._descriptor >= 0:
            self._finish_segment()
        self._segment += 1
        path = segment_path(self._directory, self._segment)
        blocks = [self._first_block(), *self._preamble()]
        self._make_room(sum(block.size_bytes for block in blocks) + room_bytes)
        self._descriptor = self._with_space(lambda: self._disk.create(path))
        self._size, self._headers = 0, []
        self._with_space(lambda: self._disk.sync_directory(self._directory))
        for block in blocks:
            self._append(block)

    def _first_block(self) -> Block:
        says = {
            "format": FORMAT_VERSION,
            "segment": self._segment,
            "host": os.uname().nodename,
            "recorder_pid": os.getpid(),
            "torn_bytes_cut": self.recovered.torn_bytes,
            "torn_records_cut": self.recovered.torn_records,
        }
        self.recovered.torn_bytes = self.recovered.torn_records = 0  # told once
        return Block(int(JournalStream.SEGMENT), json.dumps(says).encode())

    def _finish_segment(self) -> None:
        """The file is fsynced, closed and indexed by the other thread."""
        index = index_of(np.frombuffer(b"".join(self._headers), JOURNAL_BLOCK), self._segment, self._size)
        self._sizes[self._segment] = self._size + len(index)
        self._syncer.submit(partial(self._close_segment, self._descriptor, self._segment, index))
        self._descriptor, self._size, self._dirty = -1, 0, False

    def _close_segment(self, descriptor: int, number: int, index: bytes) -> None:
        try:
            self._sync(descriptor)
        finally:
            self._disk.close(descriptor)
        if not segment_path(self._directory, number).exists():  # dropped already
            return
        temporary = self._directory / f".{number:06}.index"
        try:
            made = self._disk.create(temporary)
            try:
                write_all(self._disk, made, [memoryview(index)])
            finally:
                self._disk.close(made)
            self._disk.replace(temporary, index_path(self._directory, number))
        except OSError:  # readers scan the segment instead
            self._disk.unlink(temporary)

    def _sync(self, descriptor: int) -> None:
        start_ns = time.monotonic_ns()
        self._disk.sync(descriptor)
        self._observe("synced", time.monotonic_ns() - start_ns)

    def _append(self, block: Block) -> None:
        self._make_room(block.size_bytes)
        parts = encoded(block, self._number + 1, self._segment)
        self._with_space(lambda: self._write(parts))
        self._number += 1
        self._size += block.size_bytes
        self._headers.append(bytes(parts[0]))
        self._dirty = True

    def _write(self, parts: list[memoryview]) -> None:
        try:
            write_all(self._disk, self._descriptor, parts)
        except OSError:
            self._disk.truncate(self._descriptor, self._size)
            raise

    def _with_space(self, call: Callable[[], Result]) -> Result:
        """Tries again after dropping the oldest segment, for as long as the disk is full and there is one."""
        while True:
            try:
                return call()
            except OSError as error:
                full = error.errno in _OUT_OF_SPACE and self._limits.when_full == "drop-oldest"
                if not (full and self._drop_oldest()):
                    raise self._break(f"{error.strerror or error}") from error

    def _make_room(self, size_bytes: int) -> None:
        while self.total_bytes + size_bytes > self._limits.max_bytes:
            if self._limits.when_full == "stop":
                raise JournalFull(
                    f"{self._directory}: the limit of {self._limits.max_bytes:,} bytes is reached"
                )
            if not self._drop_oldest():
                raise self._break(f"{size_bytes:,} bytes do not fit under {self._limits.max_bytes:,}")

    def _drop_oldest(self) -> bool:
        if not self._sizes:
            return False
        number = next(iter(self._sizes))
        try:
            self._disk.unlink(index_path(self._directory, number))
            self._disk.unlink(segment_path(self._directory, number))
        except OSError as error:
            raise self._break(f"can not drop {number:06}: {error.strerror or error}") from error
        del self._sizes[number]
        self._observe("dropped", number)
        return True

    def _raise_sync_error(self) -> None:
        if self._syncer.error is not None:
            text = self._syncer.error.strerror or str(self._syncer.error)
            raise self._break(f"fsync: {text}; what was written since the one before may be missing")

    def _break(self, text: str) -> JournalBroken:
        self._broken = JournalBroken(f"{self._directory}: {text}")
        return self._broken


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
