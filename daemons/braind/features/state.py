"""What the kernels remember: one flat row of float64 and one of int64 per instrument.

    values[slot]  | last top (7) | averages, decayed sums (14) | last event gap | window of past mids (32) |
    clocks[slot]  | last event time | event, top and mid-change counts | last decision time | two-sided now |

Times are int64 nanoseconds since the epoch, which float64 can not hold exactly; everything else is float64.
A row of zeros is "knows nothing": that is how it is born and what a reset makes of it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from braind.compiled import compiled

MID, BID_PRICE, ASK_PRICE, BID_QUANTITY, ASK_QUANTITY, BID_ORDERS, ASK_ORDERS = range(7)
MID_EWMA_100MS, MID_EWMA_1S, MID_EWMA_10S = 7, 8, 9
RETURN_EWMA = 10
VARIANCE_1S, VARIANCE_10S = 11, 12
DEPTH_EWMA_10S = 13
OFI_100MS, OFI_1S = 14, 15
BUY_VOLUME_1S, SELL_VOLUME_1S, BUY_VOLUME_10S, SELL_VOLUME_10S = 16, 17, 18, 19
MID_PATH = 20
EVENT_GAP_NS = 21
MID_WINDOW = 22
MID_WINDOW_LENGTH = 32
VALUES = MID_WINDOW + MID_WINDOW_LENGTH

LAST_EVENT_TS_NS, EVENTS, TOP_UPDATES, MID_CHANGES, LAST_DECISION_TS_NS, TWO_SIDED = range(6)
CLOCKS = 8

# Entries of slot_of_instrument that are no slot. UNRESOLVED: nobody has asked yet which symbol this id is.
NOT_FOLLOWED, UNRESOLVED = -1, -2


class FeatureState(NamedTuple):
    """State of all followed instruments, and which ring ids they have.

    `slot_of_instrument`: int32, index = instrument id, value = row, `NOT_FOLLOWED` or `UNRESOLVED`; ids
    beyond its length are not followed. Id 0 is the feed itself: entry 0 is `UNRESOLVED` when ids are looked
    up as they appear, and a new feed session then forgets them all.
    `values`: float64 (slots, VALUES). `clocks`: int64 (slots, CLOCKS).
    `tick`: float64 (slots,), one cent in the instrument's price units.
    """

    slot_of_instrument: NDArray[np.int32]
    values: NDArray[np.float64]
    clocks: NDArray[np.int64]
    tick: NDArray[np.float64]

    @classmethod
    def unresolved(cls, slots: int, instruments_max: int) -> FeatureState:
        """`slots` rows whose instrument ids are looked up as they appear in the stream."""
        state = cls.following([], instruments_max)
        state.slot_of_instrument[:] = UNRESOLVED
        return cls(
            state.slot_of_instrument,
            np.zeros((slots, VALUES)),
            np.zeros((slots, CLOCKS), np.int64),
            np.ones(slots),
        )

    @classmethod
    def following(
        cls, instrument_ids: list[int], instruments_max: int, tick_price_units: float = 100.0
    ) -> FeatureState:
        """Rows for `instrument_ids`, in order. Raises ValueError for an id that is 0, repeated or too big."""
        slot_of_instrument = np.full(instruments_max, NOT_FOLLOWED, np.int32)
        for slot, instrument_id in enumerate(instrument_ids):
            if not 0 < instrument_id < instruments_max:
                raise ValueError(f"instrument id {instrument_id} is outside 1 … {instruments_max - 1}")
            if slot_of_instrument[instrument_id] != NOT_FOLLOWED:
                raise ValueError(f"instrument id {instrument_id} is followed twice")
            slot_of_instrument[instrument_id] = slot
        slots = len(instrument_ids)
        return cls(
            slot_of_instrument,
            np.zeros((slots, VALUES)),
            np.zeros((slots, CLOCKS), np.int64),
            np.full(slots, tick_price_units),
        )

    def name(self, instrument_id: int, slot: int, price_decimals: int) -> None:
        """Says which row an id has (`NOT_FOLLOWED`: none); prices are value x 10^`price_decimals`."""
        self.slot_of_instrument[instrument_id] = slot
        if slot != NOT_FOLLOWED:
            self.tick[slot] = 10.0 ** (price_decimals - 2)

    def forget_ids(self) -> None:
        """All ids must be looked up again, where they are looked up at all."""
        forget_ids(self.slot_of_instrument)

    def reset(self) -> None:
        """Back to knowing nothing, for every instrument (records were lost, or a new feed generation)."""
        self.values[:] = 0.0
        self.clocks[:] = 0


@compiled
def forget_ids(slot_of_instrument: NDArray[np.int32]) -> None:
    """See FeatureState.forget_ids."""
    if slot_of_instrument[0] == UNRESOLVED:
        for i in range(slot_of_instrument.shape[0]):
            slot_of_instrument[i] = UNRESOLVED


@compiled
def reset_slot(values: NDArray[np.float64], clocks: NDArray[np.int64], slot: int) -> None:
    """Zeroes one instrument's rows."""
    for i in range(values.shape[1]):
        values[slot, i] = 0.0
    for i in range(clocks.shape[1]):
        clocks[slot, i] = 0
