"""What the gateway answered: updates.ring consumed, counted, and remembered as the last sequence seen."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import NamedTuple, Protocol

from hft.layout.dtypes import ORDER_UPDATE
from hft.regions import Region, RingReader

UPDATES_A_ROUND = 1024


class AnswerCounts(Protocol):
    """Where answers are counted: braind's metrics, or a replay's."""

    def add_update(self, kind: int, reason: int) -> None: ...
    def add_foreign_updates(self, count: int) -> None: ...
    def add_updates_lost(self, count: int) -> None: ...


class Taken(NamedTuple):
    """`updates` from `first` on were consumed, after `lost` that were overwritten unread."""

    first: int
    updates: int
    lost: int


class Answers:
    """Reads one updates ring. `intents_generations`: our queues, anything else answers somebody before us."""

    def __init__(
        self, ring: Region, reader: RingReader, intents_generations: AbstractSet[int], counts: AnswerCounts
    ) -> None:
        self._records = ring.records(ORDER_UPDATE)
        self._reader = reader
        self._ours = intents_generations
        self._counts = counts
        self._lost = 0

    @property
    def sequence(self) -> int:
        """Last update consumed: the `updates_seq` of the next intent."""
        return int(self._reader.cursor)

    def consume(self, updates_max: int = UPDATES_A_ROUND) -> Taken:
        """Takes what is there, at most `updates_max`; an input of the loop when anything was."""
        count = self._reader.poll(updates_max)
        first, lost = int(self._reader.cursor) + 1, self._reader.lost_records - self._lost
        if lost:
            self._counts.add_updates_lost(lost)
            self._lost = self._reader.lost_records
        if count == 0:
            return Taken(first, 0, lost)
        start = self._reader.start
        batch = self._records[start : start + count].copy()
        if not self._reader.validate():
            return Taken(first, 0, lost)
        self._reader.advance(count)
        for update in batch:
            if int(update["intents_generation"]) in self._ours:
                self._counts.add_update(int(update["kind"]), int(update["reason"]))
            else:
                self._counts.add_foreign_updates(1)
        return Taken(first, count, lost)
