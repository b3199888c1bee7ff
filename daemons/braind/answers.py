"""updates.ring as braind reads it: batches out of the ring, and what was overwritten before it was read."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hft.layout.dtypes import ORDER_UPDATE
from hft.regions import Region, RingReader

UPDATES_A_ROUND = 1024
_NONE: NDArray[np.void] = np.zeros(0, ORDER_UPDATE)


class Taken(NamedTuple):
    """`updates` from number `first` on were consumed, after `lost` that were overwritten unread."""

    first: int
    updates: NDArray[np.void]
    lost: int


class Answers:
    """Reads one updates ring."""

    def __init__(self, ring: Region, reader: RingReader) -> None:
        self._records = ring.records(ORDER_UPDATE)
        self._reader = reader
        self._lost = 0

    @property
    def sequence(self) -> int:
        """Last update consumed: the `updates_seq` of the next intent."""
        return int(self._reader.cursor)

    @property
    def head(self) -> int:
        """Last update published."""
        return int(self._reader.head)

    def consume(self, updates_max: int = UPDATES_A_ROUND) -> Taken:
        """Takes what is there, at most `updates_max`; an input of the loop when anything was."""
        count = self._reader.poll(updates_max)
        first, lost = int(self._reader.cursor) + 1, self._reader.lost_records - self._lost
        self._lost += lost
        if count == 0:
            return Taken(first, _NONE, lost)
        start = self._reader.start
        batch = self._records[start : start + count].copy()
        if not self._reader.validate():
            return Taken(first, _NONE, lost)
        self._reader.advance(count)
        return Taken(first, batch, lost)
