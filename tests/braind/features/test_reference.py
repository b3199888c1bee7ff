"""Every feature against a second implementation that keeps the whole history and sums it up from scratch."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from braind.features.ranges import features_of_range
from braind.features.registry import FEATURE_NAMES
from braind.features.state import FeatureState
from hft.layout.dtypes import BookValidity, EventFlags, EventKind, Side

WARMUP = 5
TICK = 100.0


@dataclass
class History:
    """All that happened to one instrument since its last reset."""

    tops: list = field(default_factory=list)  # (t, bid, ask, bid_q, ask_q, bid_n, ask_n)
    flows: list = field(default_factory=list)  # (t, shares)
    trades: list = field(default_factory=list)  # (t, +1 or -1, shares)
    two_sided: bool = False
    now: float = 0.0
    gap: float = 0.0
    seen: int = 0


def take(history: History, event) -> History:
    if event["validity"] not in (BookValidity.VALID, BookValidity.PARTIAL):
        return History()
    t = int(event["exchange_ts_ns"])
    history.gap = max(0, t - history.now) if history.seen else 0
    history.now = max(history.now, t) if history.seen else t
    history.seen += 1
    sign = trade_sign(history, event)
    if sign:
        history.trades.append((history.now, sign, int(event["quantity"])))
    if event["flags"] & EventFlags.TOP_CHANGED:
        take_top(history, event)
    return history


def trade_sign(history: History, event) -> int:
    if event["kind"] in (EventKind.EXECUTE, EventKind.EXECUTE_PRICED):
        if event["flags"] & EventFlags.NOT_PRINTABLE:
            return 0
        return {Side.SELL: 1, Side.BUY: -1}.get(event["side"], 0)
    if event["kind"] == EventKind.TRADE and history.two_sided:
        _, bid, ask, *_ = history.tops[-1]
        return int(np.sign(int(event["price"]) - (bid + ask) / 2))
    return 0


def take_top(history: History, event) -> None:
    names = ("bid_price", "ask_price", "bid_quantity", "ask_quantity", "bid_orders", "ask_orders")
    bid, ask, bid_q, ask_q, bid_n, ask_n = (int(event[name]) for name in names)
    if bid_q == 0 or ask_q == 0 or bid >= ask:
        history.two_sided = False
        return
    if history.two_sided:
        _, bid0, ask0, bid_q0, ask_q0, *_ = history.tops[-1]
        flow = (bid >= bid0) * bid_q - (bid <= bid0) * bid_q0 - (ask <= ask0) * ask_q + (ask >= ask0) * ask_q0
        history.flows.append((history.now, flow))
    history.tops.append((history.now, bid, ask, bid_q, ask_q, bid_n, ask_n))
    history.two_sided = True


def time_average(points, now: float, tau: float) -> float:
    """Exponentially weighted mean of a step function whose first value has been there for ever."""
    total = points[0][1] * math.exp(-(now - points[0][0]) / tau)
    for (t, value), (end, _) in zip(points, [*points[1:], (now, 0)], strict=True):
        total += value * (math.exp(-(now - end) / tau) - math.exp(-(now - t) / tau))
    return total


def decayed_sum(points, now: float, tau: float) -> float:
    return sum(value * math.exp(-(now - t) / tau) for t, value in points)


def expected_row(h: History) -> list[float]:
    now = h.now
    mids = [(t, (bid + ask) / 2) for t, bid, ask, *_ in h.tops]
    depths = [(t, (bid_q + ask_q) / 2) for t, _, _, bid_q, ask_q, *_ in h.tops]
    _, bid, ask, bid_q, ask_q, bid_n, ask_n = h.tops[-1]
    mid = mids[-1][1]
    moves = [(t, a, b) for (_, a), (t, b) in pairwise(mids) if a != b]
    returns = [(t, (b - a) / a * 1e4) for t, a, b in moves]
    return_ewma = 0.0
    for _, value in returns:
        return_ewma = 15 / 16 * return_ewma + value / 16
    window = moves[-32:]
    path = sum(abs(b - a) for _, a, b in window)
    bought = [(t, q) for t, sign, q in h.trades if sign > 0]
    sold = [(t, q) for t, sign, q in h.trades if sign < 0]

    def trade_imbalance(tau: float) -> float:
        b, s = decayed_sum(bought, now, tau), decayed_sum(sold, now, tau)
        return (b - s) / (b + s + 100)

    depth = time_average(depths, now, 1e10)
    return [
        *((mid - time_average(mids, now, tau)) / mid * 1e4 for tau in (1e8, 1e9, 1e10)),
        return_ewma,
        *(math.sqrt(decayed_sum([(t, r * r) for t, r in returns], now, tau)) for tau in (1e9, 1e10)),
        abs(window[-1][2] - window[0][1]) / path if window else 0.0,
        ((ask * bid_q + bid * ask_q) / (bid_q + ask_q) - mid) / TICK,
        (bid_q - ask_q) / (bid_q + ask_q),
        (bid_n - ask_n) / (bid_n + ask_n),
        *(decayed_sum(h.flows, now, tau) / depth for tau in (1e8, 1e9)),
        *(trade_imbalance(tau) for tau in (1e9, 1e10)),
        (ask - bid) / TICK,
        h.gap / (h.gap + 1e6),
    ]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), trouble=st.sampled_from([0.0, 0.03, 0.2]))
def test_every_feature_equals_its_definition_summed_from_scratch(stream, seed, trouble):
    events = stream(seed, 300, instruments=2, trouble=trouble)
    state = FeatureState.following([1, 2], 16, TICK)
    rows, ready = np.zeros((len(events), len(FEATURE_NAMES))), np.zeros(len(events), np.bool_)
    features_of_range(
        events, state.slot_of_instrument, state.values, state.clocks, state.tick, WARMUP, rows, ready
    )
    histories = {1: History(), 2: History()}
    for i, event in enumerate(events):
        if event["kind"] == EventKind.GAP:
            histories = {1: History(), 2: History()}
        if event["instrument_id"] == 0:
            assert not ready[i]
            continue
        history = take(histories[int(event["instrument_id"])], event)
        histories[int(event["instrument_id"])] = history
        assert ready[i] == (history.two_sided and len(history.tops) >= WARMUP), i
        if ready[i]:
            np.testing.assert_allclose(
                rows[i], expected_row(history), rtol=1e-7, atol=1e-6, err_msg=f"record {i}"
            )
        assert np.isfinite(rows[i]).all()


@pytest.mark.parametrize("name", FEATURE_NAMES)
def test_every_feature_moves_on_a_lively_stream(stream, name):
    events = stream(7, 2000, instruments=2, trouble=0.0)
    state = FeatureState.following([1, 2], 16, TICK)
    rows, ready = np.zeros((len(events), len(FEATURE_NAMES))), np.zeros(len(events), np.bool_)
    features_of_range(
        events, state.slot_of_instrument, state.values, state.clocks, state.tick, WARMUP, rows, ready
    )
    assert len(np.unique(rows[ready][:, FEATURE_NAMES.index(name)])) > 3
