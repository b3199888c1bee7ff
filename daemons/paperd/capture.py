"""Length-prefixed ITCH files: u16 big-endian length, then that many bytes, over and over.

Plain files are mapped, so a day larger than memory can be walked; gzip files (told by their first bytes,
not their name) are inflated into memory, only as far as `max_messages` needs. A zero length is the
end-of-session mark of Nasdaq's BinaryFILE format and is accepted as the very last record only.
"""

import mmap
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from paperd.compiled import compiled
from paperd.itch50 import LAYOUTS, PREFIX_BYTES

_LENGTH_BYTES = 2
_INFLATE_BYTES = 4 << 20
_NO_LIMIT = (1 << 63) - 1

_WHOLE, _LIMIT, _TRUNCATED, _SHORT, _END_MARK = range(5)


class CaptureError(ValueError):
    """A capture that cannot be used: `path`, `offset` in the uncompressed bytes, and the reason."""

    def __init__(self, path: Path, offset: int, reason: str) -> None:
        super().__init__(f"{path}: at offset {offset}: {reason}")
        self.path = path
        self.offset = offset
        self.reason = reason


@dataclass(frozen=True)
class Capture:
    """A capture in memory and its index; all index arrays have one entry a message.

    `data` uint8[bytes] holds the length prefixes too; `offset` int64 is where a message's type byte is,
    `length` uint16 its bytes, `type` uint8 its first byte, `timestamp_ns` int64 since New York midnight.
    `truncated_at` is the offset of a tail that was cut off and left out, None for a whole file.
    """

    data: npt.NDArray[np.uint8]
    offset: npt.NDArray[np.int64]
    length: npt.NDArray[np.uint16]
    type: npt.NDArray[np.uint8]
    timestamp_ns: npt.NDArray[np.int64]
    truncated_at: int | None = None

    def __len__(self) -> int:
        return len(self.offset)

    def message(self, number: int) -> bytes:
        """The bytes of message `number`, counted from 0, without its length prefix."""
        start = int(self.offset[number])
        return self.data[start : start + int(self.length[number])].tobytes()

    def counts(self) -> dict[str, int]:
        """Messages by type, most frequent first."""
        numbers = np.bincount(self.type, minlength=256)
        seen = sorted(np.flatnonzero(numbers), key=lambda code: -int(numbers[code]))
        return {chr(code): int(numbers[code]) for code in seen}

    def first_order(self) -> int | None:
        """Number of the first add order message (A or F), None when there is none."""
        found = np.flatnonzero((self.type == ord("A")) | (self.type == ord("F")))
        return int(found[0]) if len(found) else None


def load_capture(path: Path, *, max_messages: int | None = None, allow_truncated: bool = False) -> Capture:
    """Read and index a capture file, plain or gzip.

    CaptureError on a record shorter than an ITCH prefix, a damaged gzip stream, an empty file, or a cut
    tail unless `allow_truncated`. OSError when the file cannot be read.
    """
    limit = _NO_LIMIT if max_messages is None else max_messages
    with path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    data, damage = _inflate(path, limit) if zipped else (_map(path), None)
    if damage is not None and not (allow_truncated and damage == "gzip stream is cut off"):
        raise CaptureError(path, len(data), damage)
    return index_messages(data, path, limit=limit, allow_truncated=allow_truncated)


def index_messages(
    data: npt.NDArray[np.uint8],
    path: Path = Path("<memory>"),
    *,
    limit: int = _NO_LIMIT,
    allow_truncated: bool = False,
) -> Capture:
    """Index a length-prefixed stream uint8[bytes]; `path` only names it in a CaptureError."""
    count, end, status = _walk(data, 0, limit)
    if status == _SHORT or (status == _END_MARK and end + _LENGTH_BYTES != len(data)):
        record_bytes = int(data[end]) << 8 | int(data[end + 1])
        raise CaptureError(path, end, f"record of {record_bytes} bytes is no ITCH message")
    if status == _TRUNCATED and not allow_truncated:
        raise CaptureError(path, end, f"truncated: {len(data) - end} bytes after {count} whole messages")
    if count == 0:
        raise CaptureError(path, end, "no messages")
    offset = np.empty(count, np.int64)
    length = np.empty(count, np.uint16)
    kind = np.empty(count, np.uint8)
    timestamp_ns = np.empty(count, np.int64)
    _fill_index(data, offset, length, kind, timestamp_ns)
    return Capture(data, offset, length, kind, timestamp_ns, end if status == _TRUNCATED else None)


def _map(path: Path) -> npt.NDArray[np.uint8]:
    if path.stat().st_size == 0:
        return np.empty(0, np.uint8)
    with path.open("rb") as file:
        return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)


def _inflate(path: Path, limit: int) -> tuple[npt.NDArray[np.uint8], str | None]:
    """The uncompressed bytes, at least `limit` messages of them if there are as many, and what is wrong."""
    inflater = zlib.decompressobj(wbits=31)
    inflated = bytearray()
    count, end = 0, 0
    with path.open("rb") as file:
        while chunk := file.read(_INFLATE_BYTES):
            try:
                while chunk:
                    inflated += inflater.decompress(chunk)
                    chunk = inflater.unused_data
                    if inflater.eof and chunk:
                        inflater = zlib.decompressobj(wbits=31)
            except zlib.error as error:
                return np.frombuffer(inflated, np.uint8), f"gzip stream is damaged ({error})"
            if limit != _NO_LIMIT:
                more, end = _walk_inflated(inflated, end, limit - count)
                count += more
                if count >= limit:
                    return np.frombuffer(inflated, np.uint8), None
    return np.frombuffer(inflated, np.uint8), None if inflater.eof else "gzip stream is cut off"


def _walk_inflated(inflated: bytearray, start: int, limit: int) -> tuple[int, int]:
    """Messages from `start` and where they end; the view ends here, so that the bytes can grow again."""
    count, end, _ = _walk(np.frombuffer(inflated, np.uint8), start, limit)
    return count, end


@compiled
def _walk(data: npt.NDArray[np.uint8], start: int, limit: int) -> tuple[int, int, int]:
    """Messages from `start`, the offset where the walk ended, and why it ended."""
    at = start
    count = 0
    while at < len(data):
        if count == limit:
            return count, at, _LIMIT
        if at + _LENGTH_BYTES > len(data):
            return count, at, _TRUNCATED
        record_bytes = (int(data[at]) << 8) | int(data[at + 1])
        if record_bytes == 0:
            return count, at, _END_MARK
        if record_bytes < PREFIX_BYTES:
            return count, at, _SHORT
        if at + _LENGTH_BYTES + record_bytes > len(data):
            return count, at, _TRUNCATED
        at += _LENGTH_BYTES + record_bytes
        count += 1
    return count, at, _WHOLE


@compiled
def _fill_index(
    data: npt.NDArray[np.uint8],
    offset: npt.NDArray[np.int64],
    length: npt.NDArray[np.uint16],
    kind: npt.NDArray[np.uint8],
    timestamp_ns: npt.NDArray[np.int64],
) -> None:
    at = 0
    for number in range(len(offset)):
        record_bytes = (int(data[at]) << 8) | int(data[at + 1])
        start = at + _LENGTH_BYTES
        offset[number] = start
        length[number] = record_bytes
        kind[number] = data[start]
        time_ns = 0
        for byte in range(_TIMESTAMP, PREFIX_BYTES):
            time_ns = (time_ns << 8) | int(data[start + byte])
        timestamp_ns[number] = time_ns
        at = start + record_bytes


_TIMESTAMP = LAYOUTS["S"].offset("timestamp_ns")
