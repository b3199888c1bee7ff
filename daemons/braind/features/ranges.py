"""Kernels over a granted range of ring records: features everywhere, or decision points only.

Both walk the same `follow` and so the same state. A range may be cut anywhere: state lives in arrays alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from braind.compiled import compiled, int64
from braind.features.kernels import update, write_features
from braind.features.state import (
    LAST_DECISION_TS_NS,
    LAST_EVENT_TS_NS,
    TOP_UPDATES,
    TWO_SIDED,
    UNRESOLVED,
    forget_ids,
    reset_slot,
)
from hft.layout.dtypes import BookValidity, EventFlags, EventKind, TradeState

_GAP, _SESSION = int(EventKind.GAP), int(EventKind.SESSION)
_ADD, _DIRECTORY = int(EventKind.ADD), int(EventKind.DIRECTORY)
_NEW_FEED_SESSION = ord("+")
_TOP_CHANGED = int(EventFlags.TOP_CHANGED)
_VALID, _PARTIAL = int(BookValidity.VALID), int(BookValidity.PARTIAL)
_TRADING, _UNKNOWN = int(TradeState.TRADING), int(TradeState.UNKNOWN)

# In the place of a slot: all of them.
EVERY_SLOT = -1
# A WITHDRAWAL: there is nothing to decide on, but orders of ours rest.
NO_POINT, WITHDRAWAL, DECISION = -1, 0, 1


@compiled
def voids_all(event: Any) -> bool:
    """Whether nothing that is known of any instrument holds after this record of the whole feed."""
    if event["instrument_id"] != 0:
        return False
    kind = event["kind"]
    return bool(kind == _GAP or (kind == _SESSION and event["code"] == _NEW_FEED_SESSION))


@compiled
def follow(
    event: Any,
    slot_of_instrument: NDArray[np.int32],
    values: NDArray[np.float64],
    clocks: NDArray[np.int64],
) -> int:
    """Takes one record into the state; returns the slot it belongs to, or a negative number.

    A GAP or a new feed session of the whole feed (instrument 0) makes every instrument start anew.
    """
    instrument_id = int64(event["instrument_id"])
    if instrument_id == 0:
        new_session = event["kind"] == _SESSION and event["code"] == _NEW_FEED_SESSION
        if voids_all(event):
            for each in range(values.shape[0]):
                reset_slot(values, clocks, each)
        if new_session:
            forget_ids(slot_of_instrument)
        return -1
    if instrument_id >= slot_of_instrument.shape[0]:
        return -1
    slot: int = int64(slot_of_instrument[instrument_id])
    if slot >= 0:
        update(values, clocks, slot, event)
    return slot


@compiled
def needs_symbol(event: Any, slot_of_instrument: NDArray[np.int32]) -> bool:
    """Whether the record is the first to name an instrument that nobody has looked up yet.

    Only records that carry the symbol (directory, added order) ask: the answer depends on the stream alone.
    """
    kind = event["kind"]
    if kind not in (_ADD, _DIRECTORY):
        return False
    instrument_id = int64(event["instrument_id"])
    if instrument_id >= slot_of_instrument.shape[0]:
        return False
    return bool(slot_of_instrument[instrument_id] == UNRESOLVED)


@compiled
def is_ready(clocks: NDArray[np.int64], slot: int, warmup_top_updates: int) -> bool:
    """Two-sided now, and enough tops seen since the last reset."""
    return bool(clocks[slot, TWO_SIDED] == 1 and clocks[slot, TOP_UPDATES] >= warmup_top_updates)


@compiled
def is_usable(event: Any, accept_partial_books: bool) -> bool:
    """Whether the record's book can be trusted, and its instrument trades."""
    usable = event["validity"] == _VALID or (accept_partial_books and event["validity"] == _PARTIAL)
    state = event["trade_state"]
    return bool(usable and (state == _TRADING or (accept_partial_books and state == _UNKNOWN)))


@compiled
def features_of_range(
    events: Any,
    slot_of_instrument: NDArray[np.int32],
    values: NDArray[np.float64],
    clocks: NDArray[np.int64],
    tick: NDArray[np.float64],
    warmup_top_updates: int,
    rows: NDArray[np.float64],
    ready: NDArray[np.bool_],
) -> None:
    """All features after each of n `events` into `rows` (n, 16); `ready[i]` says whether row i counts.

    Rows of records that are not followed or not ready are zero.
    """
    for i in range(events.shape[0]):
        slot = follow(events[i], slot_of_instrument, values, clocks)
        ready[i] = slot >= 0 and is_ready(clocks, slot, warmup_top_updates)
        if ready[i]:
            write_features(values, clocks, slot, tick[slot], rows, i)
        else:
            for j in range(rows.shape[1]):
                rows[i, j] = 0.0


@compiled
def point_of(
    event: Any,
    slot: int,
    clocks: NDArray[np.int64],
    warmup_top_updates: int,
    accept_partial_books: bool,
    decision_interval_ns: int,
    resting: NDArray[np.int64],
) -> int:
    """What a record that was just followed is to `collect_decisions`: NO_POINT, WITHDRAWAL or DECISION."""
    if slot < 0:
        return WITHDRAWAL if resting[resting.shape[0] - 1] > 0 and voids_all(event) else NO_POINT
    if not (is_usable(event, accept_partial_books) and is_ready(clocks, slot, warmup_top_updates)):
        return WITHDRAWAL if resting[slot] > 0 else NO_POINT
    if not event["flags"] & _TOP_CHANGED:
        return NO_POINT
    waited_ns = clocks[slot, LAST_EVENT_TS_NS] - clocks[slot, LAST_DECISION_TS_NS]
    return DECISION if waited_ns >= decision_interval_ns else NO_POINT


@compiled
def collect_decisions(
    events: Any,
    start: int,
    slot_of_instrument: NDArray[np.int32],
    values: NDArray[np.float64],
    clocks: NDArray[np.int64],
    tick: NDArray[np.float64],
    warmup_top_updates: int,
    accept_partial_books: bool,
    decision_interval_ns: int,
    resting: NDArray[np.int64],
    selection: NDArray[np.int64],
    row: NDArray[np.float64],
    rows: NDArray[np.float32],
    event_index: NDArray[np.int64],
    slots: NDArray[np.int64],
    ready: NDArray[np.int64],
) -> tuple[int, int]:
    """Follows `events[start:]` until `rows` is full or the range ends; returns (next record, decisions).

    Stops early, before a record that `needs_symbol`: then next < n although `rows` has room.
    Decision k uses record `event_index[k]` of instrument row `slots[k]`; `rows[k]` (float32) holds the
    features named by `selection` (indices into the registry). `row` is scratch (float64, (1, 16)). Conflation
    is a function of the stream: an instrument decides again once `decision_interval_ns` of event time passed.

    `resting` (slots + 1): own orders in the market by slot, and in all. Where there are some and the record leaves
    no market to have them in, it is a point too, with `ready[k]` WITHDRAWAL instead of DECISION and no features;
    `slots[k]` is EVERY_SLOT when that is so for all instruments.
    """
    count = 0
    for i in range(start, events.shape[0]):
        event = events[i]
        if needs_symbol(event, slot_of_instrument):
            return i, count
        slot = follow(event, slot_of_instrument, values, clocks)
        point = point_of(
            event, slot, clocks, warmup_top_updates, accept_partial_books, decision_interval_ns, resting
        )
        if point == NO_POINT:
            continue
        event_index[count], slots[count], ready[count] = i, max(slot, EVERY_SLOT), point
        if point == WITHDRAWAL:
            return i + 1, count + 1
        clocks[slot, LAST_DECISION_TS_NS] = clocks[slot, LAST_EVENT_TS_NS]
        write_features(values, clocks, slot, tick[slot], row, 0)
        for j in range(selection.shape[0]):
            rows[count, j] = row[0, selection[j]]
        count += 1
        if count == rows.shape[0]:
            return i + 1, count
    return events.shape[0], count
