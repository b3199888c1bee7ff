"""One block: header and checksums. The layout is JournalBlock of schema/replay.fbs."""

from __future__ import annotations

import time
import zlib
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hft._native import LAYOUT_HASH, monotonic_ns
from hft.layout.dtypes import (
    JOURNAL_BLOCK,
    JOURNAL_END,
    JOURNAL_LOSS,
    LOOP_INPUT,
    MARKET_EVENT,
    ORDER_INTENT,
    ORDER_UPDATE,
    SYMBOL_FACT,
    JournalStream,
)

MAGIC: Final = int.from_bytes(b"HFTJBLK1", "little")
HEADER_BYTES: Final = JOURNAL_BLOCK.itemsize
_HEADER_CRC_AT: Final = JOURNAL_BLOCK.fields["header_crc32"][1]  # type: ignore[index]

# Streams of records, and what their records are. The others are documents.
RECORDS: Final[dict[int, np.dtype[np.void]]] = {
    int(JournalStream.PASS): JOURNAL_END,
    int(JournalStream.LOST): JOURNAL_LOSS,
    int(JournalStream.SYMBOLS): SYMBOL_FACT,
    int(JournalStream.MARKET): MARKET_EVENT,
    int(JournalStream.UPDATES): ORDER_UPDATE,
    int(JournalStream.INTENTS): ORDER_INTENT,
    int(JournalStream.INPUTS): LOOP_INPUT,
}
# Those that come from a ring: their records are numbered.
RINGS: Final = (JournalStream.MARKET, JournalStream.UPDATES, JournalStream.INTENTS, JournalStream.INPUTS)


@dataclass(frozen=True)
class Block:
    """What is to be written. `payload`: bytes, or a contiguous array whose bytes are meant."""

    stream: int
    payload: bytes | NDArray[Any]
    generation: int = 0
    first_sequence: int = 0
    count: int = 1
    written_ns: tuple[int, int] | None = None  # (monotonic, wall) of a block that is copied; None = now

    @property
    def payload_bytes(self) -> int:
        return self.payload.nbytes if isinstance(self.payload, np.ndarray) else len(self.payload)

    @property
    def size_bytes(self) -> int:
        """In the file, with header and padding."""
        return HEADER_BYTES + padded(self.payload_bytes)


def padded(size_bytes: int) -> int:
    """Up to whole words."""
    return -(-size_bytes // 8) * 8


def encoded(block: Block, number: int, segment: int) -> list[memoryview]:
    """The block's bytes in order, as parts for writev."""
    payload = _bytes_of(block.payload)
    header = np.zeros(1, JOURNAL_BLOCK)
    one, raw = header[0], _bytes_of(header)
    one["magic"], one["layout_hash"], one["number"] = MAGIC, LAYOUT_HASH, number
    one["generation"], one["first_sequence"] = block.generation, block.first_sequence
    one["count"], one["payload_bytes"] = block.count, payload.nbytes
    one["segment"], one["stream"] = segment, block.stream
    one["monotonic_ns"], one["wall_ns"] = block.written_ns or (monotonic_ns(), time.time_ns())
    one["payload_crc32"] = zlib.crc32(payload)
    one["header_crc32"] = zlib.crc32(raw)
    parts = [raw, payload]
    if rest := padded(payload.nbytes) - payload.nbytes:
        parts.append(memoryview(bytes(rest)))
    return parts


def _bytes_of(payload: bytes | NDArray[Any]) -> memoryview:
    """Without a copy where the array is contiguous."""
    if isinstance(payload, bytes):
        return memoryview(payload)
    return np.ascontiguousarray(payload).reshape(-1).view(np.uint8).data


def header_at(data: memoryview, offset: int) -> np.void | None:
    """The header at `offset` if a sound one is there, whatever layout it names."""
    raw = data[offset : offset + HEADER_BYTES]
    if len(raw) < HEADER_BYTES:
        return None
    header = np.frombuffer(raw, JOURNAL_BLOCK)[0]
    if header["magic"] != MAGIC:
        return None
    blank = bytearray(raw)
    blank[_HEADER_CRC_AT : _HEADER_CRC_AT + 4] = bytes(4)
    return header if zlib.crc32(blank) == header["header_crc32"] else None
