"""What the loop takes in besides the records: told in `braind/inputs.ring`, one record an input (schema/replay.fbs).

The records of market.ring alone do not say what braind did: how reading the two rings interleaved, which id was
found to be which symbol, what was lost, what the queue refused. Each of these happens between two compiled rounds,
after one market record and before the next, and is told here with the number of the former. A replay does the
same things at the same places (braind/replay). The ring waits for nobody: a recorder that is too slow loses.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from braind.answers import Taken
from braind.counts import DROP_COUNT, DROP_FIRST_ID, DROP_RESULT, Count, Counts
from braind.features.state import NOT_FOLLOWED
from braind.feed import Feed
from braind.instruments import Settled
from hft.layout.dtypes import LOOP_INPUT, InputKind, RegionKind
from hft.regions import Region, RingWriter, monotonic_ns

_MAPPED, _ANSWERS, _NAMED = int(InputKind.MAPPED), int(InputKind.ANSWERS), int(InputKind.NAMED)
_GIVEN_UP, _LOST, _DISCARDED = int(InputKind.GIVEN_UP), int(InputKind.LOST), int(InputKind.DISCARDED)
_DROPPED, _MARK = int(InputKind.DROPPED), int(InputKind.MARK)
_UNMAPPED, _STOPPED = int(InputKind.UNMAPPED), int(InputKind.STOPPED)
_EVENTS, _LAST_INTENT_ID = int(Count.EVENTS), int(Count.LAST_INTENT_ID)
_BAD_RUN, _VETOED = int(Count.BAD_RUN), int(Count.VETOED)


class Inputs:
    """The writer of `braind/inputs.ring`. `at` below: the last market record that was consumed."""

    def __init__(self, path: str, capacity_records: int, require_huge_pages: bool, counts: Counts) -> None:
        """Raises RegionError."""
        self._region = Region.create(
            path, int(RegionKind.INPUTS_RING), capacity_records, LOOP_INPUT.itemsize, require_huge_pages
        )
        self._writer = RingWriter(self._region)
        self._counts = counts
        self._blank = np.zeros(1, LOOP_INPUT)
        self._records: NDArray[np.void] = np.zeros(1, LOOP_INPUT)
        self._record = self._records[0]

    @property
    def generation(self) -> int:
        """One life of braind."""
        return int(self._region.generation)

    @property
    def sequence(self) -> int:
        """The last input told."""
        return int(self._writer.sequence)

    def mapped(self, feed: Feed) -> None:
        """Everything starts anew with this feed."""
        self._blank["market_generation"] = feed.ring.generation
        self._blank["updates_generation"] = feed.updates.generation
        self._blank["intents_generation"] = feed.intents.generation
        self._begin(_MAPPED, 0)
        self._record["first"] = feed.head_at_start
        self._tell()

    def answers(self, at: int, taken: Taken) -> None:
        """Updates were consumed."""
        self._begin(_ANSWERS, at)
        self._record["first"], self._record["count"], self._record["lost"] = taken
        self._tell()

    def settled(self, at: int, settled: Settled) -> None:
        """An instrument id was looked up, or given up."""
        self._begin(_NAMED if settled.symbol else _GIVEN_UP, at)
        self._record["instrument_id"] = settled.instrument_id
        self._record["slot"] = settled.slot
        self._record["price_decimals"] = settled.price_decimals
        symbol = np.frombuffer(settled.symbol.encode("ascii", "replace")[:16], np.uint8)
        self._record["symbol"][: len(symbol)] = symbol
        self._tell()

    def lost(self, at: int, records: int) -> None:
        """`records` after `at` were overwritten before they were read."""
        self._begin(_LOST, at)
        self._record["first"], self._record["count"] = at + 1, records
        self._tell()

    def discarded(self, at: int) -> None:
        """A granted range was overwritten while it was used."""
        self._begin(_DISCARDED, at)
        self._tell()

    def dropped(self, at: int, run: NDArray[np.int64]) -> None:
        """The queue refused intents of consecutive ids (a row of counts.DROP_RUNS)."""
        self._begin(_DROPPED, at)
        self._record["first"], self._record["count"] = run[DROP_FIRST_ID], run[DROP_COUNT]
        self._record["push_result"] = run[DROP_RESULT]
        self._tell()

    def mark(self, at: int) -> None:
        """Nothing happened, and all inputs up to here are told."""
        self._begin(_MARK, at)
        self._tell()

    def unmapped(self, at: int) -> None:
        """The feed ended and was read to its end."""
        self._begin(_UNMAPPED, at)
        self._tell()
        self._blank[:] = 0

    def stopped(self, at: int) -> None:
        """The loop ended; the ring is written no more."""
        self._begin(_STOPPED, at)
        self._tell()
        self._region.retire()

    def _begin(self, kind: int, at: int) -> None:
        self._records[:] = self._blank
        record, counts = self._record, self._counts
        record["kind"], record["market_seq"] = kind, at
        record["slot"] = NOT_FOLLOWED
        record["last_intent_id"] = counts[_LAST_INTENT_ID]
        record["events"] = counts[_EVENTS]
        record["bad_run"], record["vetoed"] = counts[_BAD_RUN], counts[_VETOED]

    def _tell(self) -> None:
        self._record["publish_ts_ns"] = monotonic_ns()
        self._writer.publish(self._records)
