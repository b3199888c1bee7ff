"""The feature kernels: one MarketEvent into one instrument's state, and the state into the feature row.

Time is event time (`exchange_ts_ns`) only, so a replay of the same records gives the same bytes. An average
over time weighs each value by how long it was in force ("previous point"; A. Eckner, "Algorithms for unevenly
spaced time series", 2012): with decay a = exp(-dt/tau), average' = a·average + (1-a)·value before the event.
The three horizons are a decade apart, so one exponential serves all: exp(-dt/1s) = exp(-dt/10s)^10.

A top counts only when it has two sides and bid < ask. Without one the state keeps what it knows, time goes on
and nothing is ready. An invalid book or a GAP starts the instrument anew.

The functions take the whole state and a slot rather than a row of it: making a view of a row costs Numba more
(reference counts, copied array headers) than most of the formulas.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from braind.compiled import compiled, int64
from braind.features.state import (
    ASK_ORDERS,
    ASK_PRICE,
    ASK_QUANTITY,
    BID_ORDERS,
    BID_PRICE,
    BID_QUANTITY,
    BUY_VOLUME_1S,
    BUY_VOLUME_10S,
    DEPTH_EWMA_10S,
    EVENT_GAP_NS,
    EVENTS,
    LAST_EVENT_TS_NS,
    MID,
    MID_CHANGES,
    MID_EWMA_1S,
    MID_EWMA_10S,
    MID_EWMA_100MS,
    MID_PATH,
    MID_WINDOW,
    MID_WINDOW_LENGTH,
    OFI_1S,
    OFI_100MS,
    RETURN_EWMA,
    SELL_VOLUME_1S,
    SELL_VOLUME_10S,
    TOP_UPDATES,
    TWO_SIDED,
    VARIANCE_1S,
    VARIANCE_10S,
    reset_slot,
)  # fmt: skip
from hft.layout.dtypes import BookValidity, EventFlags, EventKind, Side

_VALID, _PARTIAL = int(BookValidity.VALID), int(BookValidity.PARTIAL)
_EXECUTE, _EXECUTE_PRICED = int(EventKind.EXECUTE), int(EventKind.EXECUTE_PRICED)
_TRADE = int(EventKind.TRADE)
_NOT_PRINTABLE, _TOP_CHANGED = int(EventFlags.NOT_PRINTABLE), int(EventFlags.TOP_CHANGED)
_BUY, _SELL = int(Side.BUY), int(Side.SELL)

Values = NDArray[np.float64]
Clocks = NDArray[np.int64]

BASIS_POINTS = 1e4
RETURN_EWMA_WEIGHT = 1.0 / 16.0
# A decayed sum below this is zero: the tail of an exponential would otherwise end in slow denormal numbers.
NEGLIGIBLE = 1e-9
# Shares of "no opinion" in the trade imbalance, so that it fades with its memory instead of sticking at ±1.
TRADE_PRIOR_QUANTITY = 100.0
EVENT_GAP_SCALE_NS = 1e6


@compiled
def tenth_power(x: float) -> float:
    """x^10 in a fixed order of four products."""
    square = x * x
    fifth = square * square * x
    return fifth * fifth


@compiled
def decayed(sum_before: float, decay: float) -> float:
    """`sum_before`·`decay`, or 0 when negligible."""
    if abs(sum_before) < NEGLIGIBLE:
        return 0.0
    return sum_before * decay


@compiled
def pass_time(values: Values, clocks: Clocks, slot: int, ts_ns: int) -> None:
    """Moves the instrument's averages and decayed sums to `ts_ns`. Time that goes backwards stands still."""
    if clocks[slot, EVENTS] == 0:
        clocks[slot, LAST_EVENT_TS_NS] = ts_ns
    gap_ns = ts_ns - clocks[slot, LAST_EVENT_TS_NS]
    clocks[slot, EVENTS] += 1
    if gap_ns <= 0:
        values[slot, EVENT_GAP_NS] = 0.0
        return
    clocks[slot, LAST_EVENT_TS_NS] = ts_ns
    values[slot, EVENT_GAP_NS] = float(gap_ns)
    decay_10s = math.exp(-float(gap_ns) / 1e10)
    decay_1s = tenth_power(decay_10s)
    decay_100ms = tenth_power(decay_1s)
    mid = values[slot, MID]
    values[slot, MID_EWMA_100MS] = decay_100ms * values[slot, MID_EWMA_100MS] + (1.0 - decay_100ms) * mid
    values[slot, MID_EWMA_1S] = decay_1s * values[slot, MID_EWMA_1S] + (1.0 - decay_1s) * mid
    values[slot, MID_EWMA_10S] = decay_10s * values[slot, MID_EWMA_10S] + (1.0 - decay_10s) * mid
    depth = 0.5 * (values[slot, BID_QUANTITY] + values[slot, ASK_QUANTITY])
    values[slot, DEPTH_EWMA_10S] = decay_10s * values[slot, DEPTH_EWMA_10S] + (1.0 - decay_10s) * depth
    values[slot, VARIANCE_1S] = decayed(values[slot, VARIANCE_1S], decay_1s)
    values[slot, VARIANCE_10S] = decayed(values[slot, VARIANCE_10S], decay_10s)
    values[slot, OFI_100MS] = decayed(values[slot, OFI_100MS], decay_100ms)
    values[slot, OFI_1S] = decayed(values[slot, OFI_1S], decay_1s)
    values[slot, BUY_VOLUME_1S] = decayed(values[slot, BUY_VOLUME_1S], decay_1s)
    values[slot, SELL_VOLUME_1S] = decayed(values[slot, SELL_VOLUME_1S], decay_1s)
    values[slot, BUY_VOLUME_10S] = decayed(values[slot, BUY_VOLUME_10S], decay_10s)
    values[slot, SELL_VOLUME_10S] = decayed(values[slot, SELL_VOLUME_10S], decay_10s)


@compiled
def aggressor(values: Values, clocks: Clocks, slot: int, event: Any) -> int:
    """Who took liquidity: `Side.BUY`, `Side.SELL` or 0.

    An execution names its resting order, so the other side was the taker. A trade against a hidden order says
    nothing (ITCH has always 'B' there): the quote rule decides (C. Lee, M. Ready, Journal of Finance, 1991).
    """
    kind = event["kind"]
    if kind in (_EXECUTE, _EXECUTE_PRICED):
        if event["flags"] & _NOT_PRINTABLE:
            return 0
        if event["side"] == _SELL:
            return _BUY
        return _SELL if event["side"] == _BUY else 0
    if kind == _TRADE and clocks[slot, TWO_SIDED] == 1:
        price = float(event["price"])
        if price > values[slot, MID]:
            return _BUY
        return _SELL if price < values[slot, MID] else 0
    return 0


@compiled
def add_trade(values: Values, clocks: Clocks, slot: int, event: Any) -> None:
    """Adds a signed trade to the decayed volumes."""
    taker = aggressor(values, clocks, slot, event)
    quantity = float(event["quantity"])
    if taker == _BUY:
        values[slot, BUY_VOLUME_1S] += quantity
        values[slot, BUY_VOLUME_10S] += quantity
    elif taker == _SELL:
        values[slot, SELL_VOLUME_1S] += quantity
        values[slot, SELL_VOLUME_10S] += quantity


@compiled
def add_mid_change(values: Values, clocks: Clocks, slot: int, mid: float) -> None:
    """Return averages and the Kaufman window for a mid that differs from the one before."""
    before = values[slot, MID]
    return_bps = (mid - before) / before * BASIS_POINTS
    values[slot, RETURN_EWMA] += RETURN_EWMA_WEIGHT * (return_bps - values[slot, RETURN_EWMA])
    values[slot, VARIANCE_1S] += return_bps * return_bps
    values[slot, VARIANCE_10S] += return_bps * return_bps
    place = clocks[slot, MID_CHANGES] % MID_WINDOW_LENGTH
    if clocks[slot, MID_CHANGES] >= MID_WINDOW_LENGTH:  # the oldest change leaves the window
        following = values[slot, MID_WINDOW + (place + 1) % MID_WINDOW_LENGTH]
        values[slot, MID_PATH] -= abs(following - values[slot, MID_WINDOW + place])
    values[slot, MID_WINDOW + place] = before
    values[slot, MID_PATH] += abs(mid - before)
    clocks[slot, MID_CHANGES] += 1


@compiled
def order_flow(
    values: Values, slot: int, bid_price: float, ask_price: float, bid_quantity: float, ask_quantity: float
) -> float:
    """Net shares of one top change (Cont, Kukanov, Stoikov, J. Financial Econometrics, 2014, eq. 2)."""
    flow = 0.0
    if bid_price >= values[slot, BID_PRICE]:
        flow += bid_quantity
    if bid_price <= values[slot, BID_PRICE]:
        flow -= values[slot, BID_QUANTITY]
    if ask_price <= values[slot, ASK_PRICE]:
        flow -= ask_quantity
    if ask_price >= values[slot, ASK_PRICE]:
        flow += values[slot, ASK_QUANTITY]
    return flow


@compiled
def set_top(values: Values, clocks: Clocks, slot: int, event: Any) -> None:
    """Takes over the top of book after the event; an empty side, a locked or crossed top ends readiness."""
    bid_price, ask_price = float(event["bid_price"]), float(event["ask_price"])
    bid_quantity, ask_quantity = float(event["bid_quantity"]), float(event["ask_quantity"])
    if bid_quantity <= 0.0 or ask_quantity <= 0.0 or bid_price <= 0.0 or bid_price >= ask_price:
        clocks[slot, TWO_SIDED] = 0
        return
    mid = 0.5 * (bid_price + ask_price)
    if clocks[slot, TOP_UPDATES] == 0:
        values[slot, MID_EWMA_100MS], values[slot, MID_EWMA_1S], values[slot, MID_EWMA_10S] = mid, mid, mid
        values[slot, DEPTH_EWMA_10S] = 0.5 * (bid_quantity + ask_quantity)
    else:
        if mid != values[slot, MID]:
            add_mid_change(values, clocks, slot, mid)
        if clocks[slot, TWO_SIDED] == 1:
            flow = order_flow(values, slot, bid_price, ask_price, bid_quantity, ask_quantity)
            values[slot, OFI_100MS] += flow
            values[slot, OFI_1S] += flow
    values[slot, MID] = mid
    values[slot, BID_PRICE], values[slot, ASK_PRICE] = bid_price, ask_price
    values[slot, BID_QUANTITY], values[slot, ASK_QUANTITY] = bid_quantity, ask_quantity
    values[slot, BID_ORDERS] = float(event["bid_orders"])
    values[slot, ASK_ORDERS] = float(event["ask_orders"])
    clocks[slot, TOP_UPDATES] += 1
    clocks[slot, TWO_SIDED] = 1


@compiled
def update(values: Values, clocks: Clocks, slot: int, event: Any) -> None:
    """One MarketEvent of this instrument into its state rows."""
    validity = event["validity"]
    if validity not in (_VALID, _PARTIAL):
        reset_slot(values, clocks, slot)
        return
    pass_time(values, clocks, slot, int64(event["exchange_ts_ns"]))
    add_trade(values, clocks, slot, event)
    if event["flags"] & _TOP_CHANGED:
        set_top(values, clocks, slot, event)


@compiled
def imbalance(a: float, b: float, prior: float) -> float:
    """(a - b) / (a + b + prior), 0 when nothing is there; in [-1, 1]."""
    total = a + b + prior
    return (a - b) / total if total > 0.0 else 0.0


@compiled
def efficiency_ratio(values: Values, clocks: Clocks, slot: int) -> float:
    """Net move over path of the last 32 mid changes (Kaufman, Trading Systems and Methods), in [0, 1]."""
    if values[slot, MID_PATH] <= 0.0:
        return 0.0
    changes = clocks[slot, MID_CHANGES]
    oldest = changes % MID_WINDOW_LENGTH if changes >= MID_WINDOW_LENGTH else 0
    ratio: float = abs(values[slot, MID] - values[slot, MID_WINDOW + oldest]) / values[slot, MID_PATH]
    return ratio


@compiled
def write_features(values: Values, clocks: Clocks, slot: int, tick: float, rows: Values, place: int) -> None:
    """All features in registry order into `rows[place]` (float64, 16). The state must hold a top."""
    mid = values[slot, MID]
    bid_quantity, ask_quantity = values[slot, BID_QUANTITY], values[slot, ASK_QUANTITY]
    depth = values[slot, DEPTH_EWMA_10S]
    gap_ns = values[slot, EVENT_GAP_NS]
    spread = values[slot, ASK_PRICE] - values[slot, BID_PRICE]
    queue_imbalance = imbalance(bid_quantity, ask_quantity, 0.0)
    rows[place, 0] = (mid - values[slot, MID_EWMA_100MS]) / mid * BASIS_POINTS
    rows[place, 1] = (mid - values[slot, MID_EWMA_1S]) / mid * BASIS_POINTS
    rows[place, 2] = (mid - values[slot, MID_EWMA_10S]) / mid * BASIS_POINTS
    rows[place, 3] = values[slot, RETURN_EWMA]
    rows[place, 4] = math.sqrt(values[slot, VARIANCE_1S])
    rows[place, 5] = math.sqrt(values[slot, VARIANCE_10S])
    rows[place, 6] = efficiency_ratio(values, clocks, slot)
    rows[place, 7] = 0.5 * spread * queue_imbalance / tick  # = microprice - mid, without its cancellation
    rows[place, 8] = queue_imbalance
    rows[place, 9] = imbalance(values[slot, BID_ORDERS], values[slot, ASK_ORDERS], 0.0)
    rows[place, 10] = values[slot, OFI_100MS] / depth
    rows[place, 11] = values[slot, OFI_1S] / depth
    rows[place, 12] = imbalance(
        values[slot, BUY_VOLUME_1S], values[slot, SELL_VOLUME_1S], TRADE_PRIOR_QUANTITY
    )
    rows[place, 13] = imbalance(
        values[slot, BUY_VOLUME_10S], values[slot, SELL_VOLUME_10S], TRADE_PRIOR_QUANTITY
    )
    rows[place, 14] = spread / tick
    rows[place, 15] = gap_ns / (gap_ns + EVENT_GAP_SCALE_NS)
