"""Files of a journal: their names, the blocks in one of them, the index beside it."""

from __future__ import annotations

import mmap
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hft._native import LAYOUT_HASH
from hft.journal.blocks import HEADER_BYTES, Block, encoded, header_at, padded
from hft.journal.errors import JournalError
from hft.layout.dtypes import JOURNAL_BLOCK, JournalStream

_NAME = re.compile(r"(\d{6,})\.journal")


def segment_path(directory: Path, number: int) -> Path:
    return directory / f"{number:06}.journal"


def index_path(directory: Path, number: int) -> Path:
    return directory / f"{number:06}.index"


def segment_numbers(directory: Path) -> list[int]:
    """Of the segments in a directory, in order. Raises OSError."""
    matches = (_NAME.fullmatch(entry.name) for entry in directory.iterdir())
    return sorted(int(match[1]) for match in matches if match)


@dataclass(frozen=True)
class Segment:
    """The sound blocks of one file, from its start: `headers` JOURNAL_BLOCK[n], `offsets` int64[n].

    `end` is where they end; `rest_bytes` follow that are no block, `rest_records` of them counted by a header
    that could be read. `data` is the mapped file, empty for an empty one.
    """

    number: int
    path: Path
    data: memoryview
    headers: NDArray[np.void]
    offsets: NDArray[np.int64]
    end: int
    rest_records: int

    @property
    def rest_bytes(self) -> int:
        return len(self.data) - self.end

    def payload(self, index: int) -> memoryview:
        """The payload of block `index`, unchecked."""
        start = int(self.offsets[index]) + HEADER_BYTES
        return self.data[start : start + int(self.headers[index]["payload_bytes"])]

    def sound(self, index: int) -> bool:
        """Whether the payload is what was written."""
        return bool(zlib.crc32(self.payload(index)) == self.headers[index]["payload_crc32"])


def open_segment(directory: Path, number: int, last: bool, use_index: bool = True) -> Segment:
    """Maps a segment and finds its blocks; of the last one every payload is checked, because it may be torn.

    Raises JournalError, for a layout of another build too, and OSError.
    """
    path = segment_path(directory, number)
    data = _mapped(path)
    headers = _indexed(directory, number, len(data)) if use_index and not last else None
    if headers is None:
        return _scanned(number, path, data, check_payloads=last)
    offsets = _offsets(headers)
    return Segment(number, path, data, headers, offsets, len(data), 0)


def _mapped(path: Path) -> memoryview:
    with path.open("rb") as file:
        try:
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        except ValueError:  # an empty file can not be mapped
            return memoryview(b"")


def _offsets(headers: NDArray[np.void]) -> NDArray[np.int64]:
    sizes = HEADER_BYTES + (headers["payload_bytes"].astype(np.int64) + 7) // 8 * 8
    return np.concatenate([[0], np.cumsum(sizes)])[: len(headers)].astype(np.int64)


def _scanned(number: int, path: Path, data: memoryview, check_payloads: bool) -> Segment:
    headers: list[np.void] = []
    offset = rest_records = 0
    while (header := header_at(data, offset)) is not None:
        if header["layout_hash"] != LAYOUT_HASH:
            raise JournalError(
                f"{path}: layout {int(header['layout_hash']):#018x} was written by another build, this one has "
                f"{LAYOUT_HASH:#018x}"
            )
        end = offset + HEADER_BYTES + padded(int(header["payload_bytes"]))
        follows = not headers or header["number"] == headers[-1]["number"] + 1
        if end > len(data) or header["segment"] != number or not follows:
            rest_records = int(header["count"])
            break
        payload = data[offset + HEADER_BYTES : offset + HEADER_BYTES + int(header["payload_bytes"])]
        if check_payloads and zlib.crc32(payload) != header["payload_crc32"]:
            rest_records = int(header["count"])
            break
        headers.append(header)
        offset = end
    table = np.array(headers, JOURNAL_BLOCK) if headers else np.zeros(0, JOURNAL_BLOCK)
    return Segment(number, path, data, table, _offsets(table), offset, rest_records)


def index_of(headers: NDArray[np.void], number: int, size_bytes: int) -> bytes:
    """The contents of an index file: one block whose payload are the segment's headers."""
    block = Block(int(JournalStream.SEGMENT), headers, first_sequence=size_bytes, count=len(headers))
    return b"".join(encoded(block, 0, number))


def _indexed(directory: Path, number: int, size_bytes: int) -> NDArray[np.void] | None:
    """The headers out of the index, or None when there is none that fits the segment."""
    try:
        data = memoryview(index_path(directory, number).read_bytes())
    except OSError:
        return None
    header = header_at(data, 0)
    if header is None or header["first_sequence"] != size_bytes or header["segment"] != number:
        return None
    payload = data[HEADER_BYTES : HEADER_BYTES + int(header["payload_bytes"])]
    if zlib.crc32(payload) != header["payload_crc32"] or header["layout_hash"] != LAYOUT_HASH:
        return None
    return np.frombuffer(payload, JOURNAL_BLOCK)
