"""What the gateway answered: updates.ring consumed, counted, and remembered as the last sequence seen."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from braind.metrics import Metrics
from hft.layout.dtypes import ORDER_UPDATE
from hft.regions import Region, RingReader

UPDATES_A_ROUND = 1024


class Answers:
    """Reads one updates ring. `intents_generations`: our queues, anything else answers somebody before us."""

    def __init__(
        self, ring: Region, reader: RingReader, intents_generations: AbstractSet[int], metrics: Metrics
    ) -> None:
        self._records = ring.records(ORDER_UPDATE)
        self._reader = reader
        self._ours = intents_generations
        self._metrics = metrics
        self._lost = 0

    @property
    def sequence(self) -> int:
        """Last update consumed: the `updates_seq` of the next intent."""
        return int(self._reader.cursor)

    def consume(self) -> int:
        """Takes what is there, at most UPDATES_A_ROUND; returns how many."""
        count = self._reader.poll(UPDATES_A_ROUND)
        if self._reader.lost_records != self._lost:
            self._metrics.add_updates_lost(self._reader.lost_records - self._lost)
            self._lost = self._reader.lost_records
        if count == 0:
            return 0
        start = self._reader.start
        batch = self._records[start : start + count].copy()
        if not self._reader.validate():
            return 0
        self._reader.advance(count)
        for update in batch:
            if int(update["intents_generation"]) in self._ours:
                self._metrics.add_update(int(update["kind"]), int(update["reason"]))
            else:
                self._metrics.add_foreign_updates(1)
        return count
