"""The arrays of the shadow book. All int64; the orders of an instrument are a list through `NEXT`.

    rows[slot]     | instrument, position, worst case, own best prices … | first order ──┐
    rows[slots]    the orders of instruments that braind does not follow, or not yet     │
    orders[place]  | order id, side, price, leaves, state …              | next ◄────────┘

`rows`, `orders` and `words` are what a decision depends on: they are in every checkpoint. `row_of_instrument` and
`resting` follow from them. The counters only count.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hft.layout.dtypes import OrderState, RefusalReason, UpdateKind

# rows. INSTRUMENT 0: no instrument is known for this slot yet. KNOWN: its position was read. TARGET: position as if
# every intent were filled. OPEN_*: worst case. BEST_*: own, 0 = none. QUIET: nothing is on its way.
INSTRUMENT, KNOWN, POSITION, POSITION_SEQ, TARGET, OPEN_BUY, OPEN_SELL, BEST_BID, BEST_ASK = range(9)
ORDERS, QUIET, TICK, FIRST = 9, 10, 11, 12
ROW_WORDS = 16

# orders. REQUEST: id of our cancel or replace that the gateway has not answered, 0 = none. REPLACES: the order whose
# place it is to take. SINCE_*: event time and updates_seq since which something is awaited, SINCE_TS_NS < 0 = nothing.
# SEQ: the last update that is in it.
ORDER_ID, GENERATION, ORDER_INSTRUMENT, SIDE, PRICE, LEAVES, STATE, REQUEST, REPLACES = range(9)
TIME_IN_FORCE, SINCE_TS_NS, SINCE_SEQ, SEQ, NEXT = 9, 10, 11, 12, 13
ORDER_WORDS = 16
END = -1
NOT_AWAITED = -1

# States of an order are the gateway's, and before those: emitted, not answered by the gateway yet.
SENT, LIVE, CANCELING = int(OrderState.SENT), int(OrderState.LIVE), int(OrderState.CANCELING)
REPLACING, UNKNOWN = int(OrderState.REPLACING), int(OrderState.UNKNOWN)
DEAD, ASKED = int(OrderState.DEAD), 16

# words. HELD: bits below. WATERMARK, HORIZON: of the last rebuild; updates up to the former are in the tables that were
# read, those up to the latter may be. UNREAD: rows whose position has yet to be read. DIVERGED: since the last rebuild.
HELD, OWN_GENERATION, FREE, LIVE_ORDERS, EVENT_TS_NS, UPDATES_SEQ, WATERMARK, HORIZON = range(8)
UNREAD, DIVERGED, SESSION = 8, 9, 10
WORDS = 16

# Why decisions are held back.
NOT_REBUILT, NOT_RECONCILED, SESSION_DOWN = 1, 2, 4

# limits
POSITION_MAX, DIVERGENCES_MAX, ANSWER_NS_MAX = range(3)


class Prevented(IntEnum):
    """Why an action of the policy did not become an intent."""

    NONE = 0
    MALFORMED = 1
    TABLE_FULL = 2
    DUPLICATE = 3  # same side and price as an order of ours that may be open
    WOULD_CROSS = 4  # would meet an order of ours on the other side
    POSITION_LIMIT = 5
    UNKNOWN_ORDER = 6  # cancel, replace: no such order of ours
    ORDER_BUSY = 7  # cancel, replace: one is on its way, or the order is not confirmed
    NO_CHANGE = 8  # replace by the same price and quantity


class Divergence(IntEnum):
    """How a confirmation contradicted the belief."""

    FILL_OF_DEAD = 0
    UNKNOWN_ORDER = 1
    CONTRADICTION = 2  # an answer that this order can not get in its state
    LEAVES = 3
    POSITION = 4
    OPEN_QUANTITY = 5
    OVERDUE = 6  # an answer that does not come


class ShadowBook(NamedTuple):
    """See the module's text. `limits` is fixed for the life of the process."""

    rows: NDArray[np.int64]
    orders: NDArray[np.int64]
    words: NDArray[np.int64]
    row_of_instrument: NDArray[np.int32]
    resting: NDArray[
        np.int64
    ]  # by slot: own orders of the day that nobody has asked to cancel yet; last: of all
    limits: NDArray[np.int64]
    prevented: NDArray[np.int64]
    diverged: NDArray[np.int64]
    updates_by_kind: NDArray[np.int64]
    refusals_by_reason: NDArray[np.int64]
    counted: NDArray[np.int64]  # ANSWERED, FOREIGN, REBUILDS

    @classmethod
    def allocated(
        cls, slots: int, instruments_max: int, capacity: int, limits: tuple[int, int, int]
    ) -> ShadowBook:
        """An empty book. `limits`: position, divergences, nanoseconds of event time for an answer."""
        book = cls(
            np.zeros((slots + 1, ROW_WORDS), np.int64),
            np.zeros((capacity, ORDER_WORDS), np.int64),
            np.zeros(WORDS, np.int64),
            np.zeros(instruments_max, np.int32),
            np.zeros(slots + 1, np.int64),
            np.array(limits, np.int64),
            np.zeros(len(Prevented), np.int64),
            np.zeros(len(Divergence), np.int64),
            np.zeros(len(UpdateKind), np.int64),
            np.zeros(len(RefusalReason), np.int64),
            np.zeros(3, np.int64),
        )
        book.clear(0, 0)
        return book

    def clear(self, own_generation: int, held: int) -> None:
        """Nothing is known, no instrument named. `held`: why decisions are held back from now on."""
        self.rows[:] = 0
        self.rows[:, FIRST] = END
        self.rows[:, QUIET] = 1
        self.words[:] = 0
        self.words[OWN_GENERATION], self.words[HELD] = own_generation, held
        self.orders[:] = 0
        self.orders[:, NEXT] = np.arange(1, len(self.orders) + 1)
        self.orders[-1, NEXT] = END
        self.row_of_instrument[:] = len(self.rows) - 1
        self.resting[:] = 0

    def forget_counts(self) -> None:
        """Figures only."""
        for figures in (
            self.prevented,
            self.diverged,
            self.updates_by_kind,
            self.refusals_by_reason,
            self.counted,
        ):
            figures[:] = 0


# counted
ANSWERED, FOREIGN, REBUILDS = range(3)
