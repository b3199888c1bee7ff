"""A journal of `hft record` as `hft decode` sees a capture: the same batches, counts and problems.

`message_numbers` are the feed's own, from 0 (`feed_sequence` - 1): a recorded replay of a capture gives the numbers
that the capture itself gives. Generations of market.ring follow each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from hft.decode.decoder import INSTRUMENTS, Batch
from hft.journal.reader import Journal
from hft.layout.dtypes import SYMBOL_FACT, JournalStream

_MARKET = int(JournalStream.MARKET)


class JournalDecoder:
    """Has what hft.decode.decoder.Decoder has. Raises JournalError as it reads."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._by_type = np.zeros(256, np.int64)
        self._first_ts_ns = 0
        self.problems: list[str] = []

    @property
    def date(self) -> str:
        """Of the first event that has a time, UTC."""
        return datetime.fromtimestamp(self._first_ts_ns / 1e9, UTC).date().isoformat()

    def batches(self) -> Iterator[Batch]:
        """The market records in order. Afterwards `problems` says, one line each, what is missing."""
        for generation in self._journal.generations(_MARKET):
            symbols = Symbols(self._journal, generation)
            for events in self._journal.records(_MARKET, generation):
                self._count(events)
                numbers = np.maximum(events["feed_sequence"], 1) - np.uint64(1)
                yield Batch(events, numbers, symbols.at(int(events["sequence"][-1])))
        self.problems += problems_of(self._journal, _MARKET)

    def counts(self) -> dict[str, object]:
        """{"messages", "by_type", "malformed"}: what feedd decoded, as far as it was recorded."""
        by_type = {chr(code): int(count) for code, count in enumerate(self._by_type) if code and count}
        return {"messages": sum(by_type.values()), "by_type": by_type, "malformed": {}}

    def book_problems(self) -> dict[str, int]:
        """None that a journal would know of: each record says itself whether its book is valid."""
        return {}

    def _count(self, events: NDArray[np.void]) -> None:
        self._by_type += np.bincount(events["message_type"], minlength=256)
        if not self._first_ts_ns and (timed := events["exchange_ts_ns"][events["exchange_ts_ns"] > 0]).size:
            self._first_ts_ns = int(timed[0])


def problems_of(journal: Journal, stream: int) -> list[str]:
    """What of a stream is missing, a line each."""
    problems = [f"the recorder lost {loss}" for loss in journal.losses() if loss.stream == stream]
    problems += journal.damage()
    if journal.torn_bytes:
        problems.append(f"torn tail: {journal.torn_bytes} bytes with {journal.torn_records} records dropped")
    return problems


class Symbols:
    """Names by instrument id in one generation, as the recorder found them on the board."""

    def __init__(self, journal: Journal, generation: int) -> None:
        parts = [block.records() for block in journal.blocks(JournalStream.SYMBOLS, generation)]
        facts = np.concatenate(parts) if parts else np.zeros(0, SYMBOL_FACT)
        self._facts = np.unique(facts[np.argsort(facts["sequence"], kind="stable")])
        self._facts = self._facts[np.argsort(self._facts["sequence"], kind="stable")]
        self._names: NDArray[np.str_] = np.zeros(INSTRUMENTS, "U16")
        self._used = 0
        # An id has its first name from the start: records may come before the board's entry.
        self._take(self._facts[np.unique(self._facts["instrument_id"], return_index=True)[1]])

    def at(self, sequence: int) -> NDArray[np.str_]:
        """U16[instruments] after that record."""
        due = int(np.searchsorted(self._facts["sequence"], sequence, side="right"))
        if due > self._used:
            self._names = self._names.copy()  # the one given out before stays as it was
            self._take(self._facts[self._used : due])
            self._used = due
        return self._names

    def _take(self, facts: NDArray[np.void]) -> None:
        text = np.char.decode(np.ascontiguousarray(facts["symbol"]).view("S16")[:, 0], "latin-1")
        self._names[facts["instrument_id"]] = np.char.rstrip(text)
