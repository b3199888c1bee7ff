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
from braind.shadow.reconciler import Rebuilt
from hft.layout.dtypes import LOOP_INPUT, LOOP_ORDER, InputKind, RegionKind
from hft.regions import Region, RingWriter, monotonic_ns

_MAPPED, _ANSWERS, _NAMED = int(InputKind.MAPPED), int(InputKind.ANSWERS), int(InputKind.NAMED)
_GIVEN_UP, _LOST, _DISCARDED = int(InputKind.GIVEN_UP), int(InputKind.LOST), int(InputKind.DISCARDED)
_DROPPED, _MARK = int(InputKind.DROPPED), int(InputKind.MARK)
_UNMAPPED, _STOPPED = int(InputKind.UNMAPPED), int(InputKind.STOPPED)
_REBUILT, _ORDER = int(InputKind.REBUILT), int(InputKind.ORDER)
_POSITION, _RECONCILED = int(InputKind.POSITION), int(InputKind.RECONCILED)
_EVENTS, _LAST_INTENT_ID = int(Count.EVENTS), int(Count.LAST_INTENT_ID)
_BAD_RUN, _VETOED = int(Count.BAD_RUN), int(Count.VETOED)


def _at(name: str, unit_bytes: int) -> int:
    """Where a field is in the record, in units of that many bytes."""
    return int(LOOP_INPUT.fields[name][1]) // unit_bytes  # type: ignore[index]


_PUBLISH_TS_NS, _MARKET_SEQ = _at("publish_ts_ns", 8), _at("market_seq", 8)
_FIRST, _COUNT_OF, _LOST_BEFORE = _at("first", 8), _at("count", 8), _at("lost", 8)
_LAST_INTENT_ID_AT, _EVENTS_AT = _at("last_intent_id", 8), _at("events", 8)
_INSTRUMENT_ID, _SLOT, _BAD_RUN_AT = _at("instrument_id", 4), _at("slot", 4), _at("bad_run", 4)
_SYMBOL, _SYMBOL_BYTES = _at("symbol", 1), LOOP_INPUT["symbol"].itemsize
_KIND, _VETOED_AT = _at("kind", 1), _at("vetoed", 1)
_PUSH_RESULT, _PRICE_DECIMALS = _at("push_result", 1), _at("price_decimals", 1)
# What a LoopOrder has and a LoopInput has not.
_OF_ORDERS = [name for name in LOOP_ORDER.names or () if name not in (LOOP_INPUT.names or ())]


class Inputs:
    """The writer of `braind/inputs.ring`. `at` below: the last market record that was consumed."""

    def __init__(self, path: str, capacity_records: int, require_huge_pages: bool, counts: Counts) -> None:
        """Raises RegionError."""
        self._region = Region.create(
            path, int(RegionKind.INPUTS_RING), capacity_records, LOOP_INPUT.itemsize, require_huge_pages
        )
        self._writer = RingWriter(self._region)
        self._counts = counts
        self._records: NDArray[np.void] = np.zeros(1, LOOP_INPUT)
        self._blank: NDArray[np.void] = np.zeros(1, LOOP_INPUT)
        self._blank["slot"] = NOT_FOLLOWED
        # The record by words, halves and bytes: a fifth of the time of its fields by name.
        raw, blank = memoryview(self._records.view(np.uint8)), memoryview(self._blank.view(np.uint8))  # type: ignore[arg-type]
        self._words, self._halves, self._bytes = raw.cast("Q"), raw.cast("I"), raw
        self._slots, self._blank_words = raw.cast("i"), blank.cast("Q")
        self._order: NDArray[np.void] = self._records.view(LOOP_ORDER)

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
        self._words[_FIRST] = feed.head_at_start
        self._tell()

    def answers(self, at: int, taken: Taken) -> None:
        """Updates were consumed."""
        self._begin(_ANSWERS, at)
        self._words[_FIRST], self._words[_COUNT_OF] = taken.first, len(taken.updates)
        self._words[_LOST_BEFORE] = taken.lost
        self._tell()

    def rebuilt(self, at: int, rebuilt: Rebuilt) -> None:
        """The shadow book starts anew from the gateway's orders, which follow."""
        self._begin(_REBUILT, at)
        self._words[_FIRST], self._words[_COUNT_OF] = rebuilt.watermark, len(rebuilt.orders)
        self._words[_LOST_BEFORE] = rebuilt.horizon
        self._bytes[_PUSH_RESULT] = rebuilt.session
        self._tell()
        for order in rebuilt.orders:
            self._begin(_ORDER, at)
            self._slots[_SLOT] = 0
            for name in (*_OF_ORDERS, "instrument_id"):
                self._order[name] = order[name]
            self._tell()

    def position(self, at: int, instrument_id: int, slot: int, position: int, updates_seq: int) -> None:
        """The gateway's position of a followed instrument."""
        self._begin(_POSITION, at)
        self._words[_FIRST], self._words[_COUNT_OF] = updates_seq, position & (2**64 - 1)
        self._halves[_INSTRUMENT_ID], self._slots[_SLOT] = instrument_id, slot
        self._tell()

    def reconciled(self, at: int) -> None:
        """The gateway has settled everything of earlier lives."""
        self._begin(_RECONCILED, at)
        self._tell()

    def settled(self, at: int, settled: Settled) -> None:
        """An instrument id was looked up, or given up."""
        self._begin(_NAMED if settled.symbol else _GIVEN_UP, at)
        self._halves[_INSTRUMENT_ID] = settled.instrument_id
        self._slots[_SLOT] = settled.slot
        self._bytes[_PRICE_DECIMALS] = settled.price_decimals
        symbol = settled.symbol.encode("ascii", "replace")[:_SYMBOL_BYTES]
        self._bytes[_SYMBOL : _SYMBOL + len(symbol)] = symbol
        self._tell()

    def lost(self, at: int, records: int) -> None:
        """`records` after `at` were overwritten before they were read."""
        self._begin(_LOST, at)
        self._words[_FIRST], self._words[_COUNT_OF] = at + 1, records
        self._tell()

    def discarded(self, at: int) -> None:
        """A granted range was overwritten while it was used."""
        self._begin(_DISCARDED, at)
        self._tell()

    def dropped(self, at: int, run: NDArray[np.int64]) -> None:
        """The queue refused intents of consecutive ids (a row of counts.DROP_RUNS)."""
        self._begin(_DROPPED, at)
        self._words[_FIRST], self._words[_COUNT_OF] = int(run[DROP_FIRST_ID]), int(run[DROP_COUNT])
        self._bytes[_PUSH_RESULT] = int(run[DROP_RESULT])
        self._tell()

    def mark(self, at: int) -> None:
        """Nothing happened, and all inputs up to here are told."""
        self._begin(_MARK, at)
        self._tell()

    def unmapped(self, at: int) -> None:
        """The feed ended and was read to its end."""
        self._begin(_UNMAPPED, at)
        self._tell()
        for name in ("market_generation", "updates_generation", "intents_generation"):
            self._blank[name] = 0

    def stopped(self, at: int) -> None:
        """The loop ended; the ring is written no more."""
        self._begin(_STOPPED, at)
        self._tell()
        self._region.retire()

    def _begin(self, kind: int, at: int) -> None:
        words, counts = self._words, self._counts
        words[:] = self._blank_words
        words[_MARKET_SEQ] = at
        words[_LAST_INTENT_ID_AT] = counts.item(_LAST_INTENT_ID)
        words[_EVENTS_AT] = counts.item(_EVENTS)
        self._halves[_BAD_RUN_AT] = counts.item(_BAD_RUN)
        self._bytes[_VETOED_AT] = counts.item(_VETOED)
        self._bytes[_KIND] = kind

    def _tell(self) -> None:
        self._words[_PUBLISH_TS_NS] = monotonic_ns()
        self._writer.publish(self._records)
