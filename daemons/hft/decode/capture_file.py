"""A capture's bytes in order, inflated when the file is gzip. What a file is, its first bytes tell, not its name."""

from __future__ import annotations

import zlib
from pathlib import Path
from types import TracebackType
from typing import Self

from hft.decode.errors import CaptureError

_READ_BYTES = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


class CaptureFile:
    """Reads forward only, in bounded memory.

    A gzip file that is cut or corrupt gives all bytes before the damage; `problem` then says what happened.
    Raises CaptureError when the file can not be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problem: str | None = None
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise CaptureError(path, error.strerror or str(error)) from error
        self._pending = self._file.read(_READ_BYTES)
        self._gzip = self._pending.startswith(_GZIP_MAGIC)
        self._inflate = zlib.decompressobj(_GZIP_WINDOW) if self._gzip else None
        self._used = 0  # bytes of `_ready` that were read already: no copy of the rest for each record
        self._ready = b"" if self._gzip else self._pending
        if self._gzip:
            self._ready = self._inflated()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def peek(self, count: int) -> bytes:
        """The next `count` bytes (at most what one read gives) without consuming them."""
        return self._ready[self._used : self._used + count]

    def chunk(self) -> bytes:
        """Some of the next bytes; empty at the end."""
        chunk = self._ready[self._used :] or self._next()
        self._ready, self._used = b"", 0
        return chunk

    def read(self, count: int) -> bytes:
        """The next `count` bytes, fewer only at the end."""
        parts = []
        while count:
            if self._used == len(self._ready):
                self._ready, self._used = self._next(), 0
                if not self._ready:
                    break
            parts.append(self._ready[self._used : self._used + count])
            self._used += len(parts[-1])
            count -= len(parts[-1])
        return b"".join(parts)

    def _next(self) -> bytes:
        return self._inflated() if self._gzip else self._file.read(_READ_BYTES)

    def _inflated(self) -> bytes:
        """Inflates what was read, reading on until there is output or the end."""
        while self._inflate is not None:
            self._pending = self._pending or self._file.read(_READ_BYTES)
            if not self._pending:
                self._stop("the gzip stream is cut off")
                break
            try:
                output = self._inflate.decompress(self._pending)
            except zlib.error as error:
                self._stop(f"the gzip stream is corrupt ({error})")
                break
            self._pending = self._inflate.unused_data
            if self._inflate.eof:
                self._next_member()
            if output:
                return output
        return b""

    def _next_member(self) -> None:
        """A gzip file may hold several members one after the other, and zero padding at its end."""
        self._pending = self._pending.lstrip(b"\0") or self._file.read(_READ_BYTES).lstrip(b"\0")
        self._inflate = zlib.decompressobj(_GZIP_WINDOW) if self._pending else None

    def _stop(self, problem: str) -> None:
        self.problem = problem
        self._inflate = None
