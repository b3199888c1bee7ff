"""A journal of `hft record` as `hft decode` sees a capture: the same batches, counts and problems.

`message_numbers` are the feed's own, from 0 (`feed_sequence` - 1): a recorded replay of a capture gives the numbers
that the capture itself gives. Generations of market.ring follow each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from hft.decode.decoder import Batch
from hft.journal.reader import Journal
from hft.journal.symbols import InstrumentNames
from hft.layout.dtypes import JournalStream

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
            symbols = InstrumentNames(self._journal, generation)
            for events in self._journal.records(_MARKET, generation):
                self._count(events)
                numbers = np.maximum(events["feed_sequence"], 1) - np.uint64(1)
                yield Batch(events, numbers, symbols.at(int(events["sequence"][-1])))
        self._note_problems()

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

    def _note_problems(self) -> None:
        self.problems += [
            f"the recorder lost {loss}" for loss in self._journal.losses() if loss.stream == _MARKET
        ]
        self.problems += self._journal.damage()
        if self._journal.torn_bytes:
            self.problems.append(
                f"torn tail: {self._journal.torn_bytes} bytes with {self._journal.torn_records} records dropped"
            )
