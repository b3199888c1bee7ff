"""feedd's decoder on a capture: batches of normalized events, in bounded memory.

    with CaptureFile(path) as file:
        decoder = Decoder(file, date=None)
        for batch in decoder.batches():
            batch.events["price"], batch.message_numbers, batch.symbols
        decoder.counts()

Packet captures go through feedd's sequencer as a feed joined live, all datagrams as one line, so duplicates
of line B fall out and what no packet carries becomes GAP events. Their `feed_sequence` is MoldUDP64's own and
their `receive_ts_ns` the capture's stamp (UTC); in a plain file it is the message number + 1 and 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hft import _native
from hft.decode.capture_file import CaptureFile
from hft.decode.datagrams import Datagrams
from hft.decode.dates import date_from_name
from hft.decode.errors import UnknownDateError
from hft.decode.pcap import BrokenCapture, frames, is_packet_capture
from hft.layout.dtypes import BOARD_ENTRY, MARKET_EVENT

INSTRUMENTS = 65536
"""Every stock locate there can be."""
ORDERS = 1 << 24
LEVELS = 1 << 22
_PACKETS_A_BATCH = 4096
_MIDNIGHT_UNKNOWN = 0


@dataclass(frozen=True)
class Batch:
    """Events in order, and what they came from.

    `events` MARKET_EVENT[n], `message_numbers` uint64[n] (from 0, of the message an event came from),
    `symbols` U16[instruments] by instrument id (empty where the feed has not named it yet).
    """

    events: NDArray[np.void]
    message_numbers: NDArray[np.uint64]
    symbols: NDArray[np.str_]


class Decoder:
    """Decodes `file` once. `date` YYYY-MM-DD; None = from the name, then from the packets' stamps.

    Raises UnknownDateError, at construction for a plain file, with the first batch for a packet capture.
    """

    def __init__(self, file: CaptureFile, date: str | None = None) -> None:
        self._file = file
        self._datagrams = Datagrams()
        self.packets = is_packet_capture(file.peek(4))
        self.date = date or date_from_name(file.path)
        if self.date is None and not self.packets:
            raise UnknownDateError(
                file.path, "no trading date in its name (such as 20191230): say --date YYYY-MM-DD"
            )
        midnight = _native.new_york_midnight_utc_ns(self.date) if self.date else _MIDNIGHT_UNKNOWN
        self._native = _native.CaptureDecoder(midnight, INSTRUMENTS, ORDERS, LEVELS)
        self.problems: list[str] = []
        self._symbol_bytes = self._native.symbols()
        self._symbols = _text_of(self._symbol_bytes)

    def batches(self) -> Iterator[Batch]:
        """The events in order. Afterwards `problems` says, one line each, what was wrong with the capture."""
        if self.packets:
            yield from self._packet_batches()
        else:
            while chunk := self._file.chunk():
                self._native.feed_stream(chunk)
                yield self._take()
        cut_bytes = self._native.finish()
        yield self._take()
        self._note_problems(cut_bytes)

    def counts(self) -> dict[str, object]:
        """{"messages", "by_type", "malformed"}; packet captures add "packets"."""
        made: dict[str, object] = self._native.counts()
        if self.packets:
            made["packets"] = self._native.packet_counts() | {"skipped_frames": dict(self._datagrams.skipped)}
        return made

    def book_problems(self) -> dict[str, int]:
        """Order messages that did not fit the books, by reason; a capture that starts mid-session has some."""
        return self._native.book_problems()

    def board(self) -> NDArray[np.void]:
        """BOARD_ENTRY[n]: the last depth snapshot of every instrument that the capture named."""
        return self._native.board().view(BOARD_ENTRY)[:, 0]

    def _packet_batches(self) -> Iterator[Batch]:
        fed = 0
        try:
            for frame in frames(self._file):
                payload = self._datagrams.payload(frame)
                if payload is None:
                    continue
                if self.date is None:
                    self._date_from_stamp(frame.capture_ts_ns)
                self._native.feed_packet(payload, frame.capture_ts_ns)
                fed += 1
                if fed % _PACKETS_A_BATCH == 0:
                    yield self._take()
        except BrokenCapture as broken:
            self.problems.append(str(broken))

    def _date_from_stamp(self, capture_ts_ns: int) -> None:
        if capture_ts_ns == 0:
            raise UnknownDateError(self._file.path, "its packets carry no time: say --date YYYY-MM-DD")
        self.date = _native.new_york_date(capture_ts_ns)
        self._native.set_midnight_utc_ns(_native.new_york_midnight_utc_ns(self.date))

    def _take(self) -> Batch:
        rows, numbers = self._native.take_events()
        symbol_bytes = self._native.symbols()
        if not np.array_equal(symbol_bytes, self._symbol_bytes):
            self._symbol_bytes, self._symbols = symbol_bytes, _text_of(symbol_bytes)
        return Batch(rows.view(MARKET_EVENT)[:, 0], numbers, self._symbols)

    def _note_problems(self, cut_bytes: int) -> None:
        if self._file.problem:
            self.problems.append(self._file.problem)
        if cut_bytes:
            self.problems.append(f"cut off inside a message at offset {self._native.offset}")
        if self._native.first_problem:
            place, reason = self._native.first_problem
            where = f"in packet {place}" if self.packets else f"at offset {place}"
            self.problems.append(f"malformed input, the first {where}: {reason}")


def _text_of(symbols: NDArray[np.uint8]) -> NDArray[np.str_]:
    return np.char.decode(symbols.view("S16")[:, 0], "latin-1")
