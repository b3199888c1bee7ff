"""Resets, readiness, decision points, and that a range may be cut anywhere."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from braind.features.ranges import collect_decisions, features_of_range
from braind.features.registry import FEATURE_NAMES, FEATURES, selection
from braind.features.state import NOT_FOLLOWED, UNRESOLVED, FeatureState
from hft.layout.dtypes import MARKET_EVENT, BookValidity, EventFlags, EventKind, TradeState

WARMUP = 3
SELECTED = selection(FEATURE_NAMES)


def tops(count: int, instrument_id: int = 1, step_ns: int = 1_000_000) -> np.ndarray:
    events = np.zeros(count, MARKET_EVENT)
    events["instrument_id"], events["kind"] = instrument_id, EventKind.ADD
    events["flags"], events["validity"] = EventFlags.TOP_CHANGED, BookValidity.VALID
    events["trade_state"] = TradeState.TRADING
    events["exchange_ts_ns"] = 10**18 + np.arange(count) * step_ns
    events["bid_price"], events["ask_price"] = 9_900 + 100 * (np.arange(count) % 2), 10_100
    events["bid_quantity"], events["ask_quantity"] = 100, 200
    events["bid_orders"] = events["ask_orders"] = 1
    return events


def ready_of(events: np.ndarray, state: FeatureState) -> np.ndarray:
    rows, ready = np.zeros((len(events), len(FEATURES))), np.zeros(len(events), np.bool_)
    features_of_range(
        events, state.slot_of_instrument, state.values, state.clocks, state.tick, WARMUP, rows, ready
    )
    return ready


def decide(events, state, start=0, rows_max=64, accept_partial=False, interval_ns=0):
    """(next record, indices of the records decided on, their rows)."""
    rows = np.zeros((rows_max, len(FEATURE_NAMES)), np.float32)
    index, slots, ready = (np.zeros(rows_max, np.int64) for _ in range(3))
    nothing_rests = np.zeros(len(state.values) + 1, np.int64)
    following, count = collect_decisions(
        events, start, state.slot_of_instrument, state.values, state.clocks, state.tick, WARMUP,
        accept_partial, interval_ns, nothing_rests, SELECTED, np.zeros((1, len(FEATURES))), rows, index, slots, ready,
    )  # fmt: skip
    return following, index[:count].tolist(), rows[:count]


def test_an_instrument_is_ready_after_its_warm_up_tops():
    assert ready_of(tops(5), FeatureState.following([1], 8)).tolist() == [False, False, True, True, True]


def test_an_invalid_record_starts_its_instrument_anew_and_no_other():
    events = np.concatenate([tops(3, 1), tops(3, 2), tops(2, 1), tops(2, 2)])
    events["validity"][6] = BookValidity.INVALID_GAP
    assert ready_of(events, FeatureState.following([1, 2], 8))[6:].tolist() == [False, False, True, True]


@pytest.mark.parametrize(
    ("kind", "code", "survives"),
    [(EventKind.GAP, 0, False), (EventKind.SESSION, ord("+"), False), (EventKind.SESSION, ord("!"), True),
     (EventKind.TICK, 0, True)],
)  # fmt: skip
def test_a_gap_or_a_new_session_starts_every_instrument_anew(kind, code, survives):
    events = np.concatenate([tops(3, 1), tops(3, 2), tops(1, 0), tops(1, 1), tops(1, 2)])
    events["kind"][6], events["code"][6] = kind, code
    assert ready_of(events, FeatureState.following([1, 2], 8))[7:].tolist() == [survives, survives]


@pytest.mark.parametrize(
    ("field", "value"),
    [("bid_quantity", 0), ("ask_quantity", 0), ("bid_price", 10_100), ("bid_price", 10_200)],
)
def test_a_top_that_is_empty_locked_or_crossed_is_not_ready_but_forgets_nothing(field, value):
    events = tops(5)
    events[field][3] = value
    assert ready_of(events, FeatureState.following([1], 8)).tolist() == [False, False, True, False, True]


def test_ids_beyond_the_map_and_instruments_not_followed_are_passed_over():
    events = np.concatenate([tops(4, 7), tops(4, 4_000_000_000), tops(4, 1)])
    state = FeatureState.following([1], 8)
    assert ready_of(events, state).tolist() == [False] * 8 + [False, False, True, True]


def test_time_that_goes_backwards_stands_still():
    events = tops(6)
    events["exchange_ts_ns"][4] -= np.uint64(10**10)
    state = FeatureState.following([1], 8)
    ready_of(events, state)
    assert np.isfinite(state.values).all()
    assert int(events["exchange_ts_ns"][5]) == state.clocks[0, 0]


@pytest.mark.parametrize(
    ("field", "value", "accepts_partial", "decides"),
    [
        ("flags", 0, False, False),
        ("validity", BookValidity.PARTIAL, False, False),
        ("validity", BookValidity.PARTIAL, True, True),
        ("trade_state", TradeState.HALTED, True, False),
        ("trade_state", TradeState.PAUSED, False, False),
        ("trade_state", TradeState.QUOTATION_ONLY, False, False),
        ("trade_state", TradeState.UNKNOWN, False, False),
        ("trade_state", TradeState.UNKNOWN, True, True),
    ],
)
def test_a_record_is_a_decision_point_only_when_the_book_may_be_traded(
    field, value, accepts_partial, decides
):
    events = tops(5)
    events[field][4] = value
    _, decided, _ = decide(events, FeatureState.following([1], 8), accept_partial=accepts_partial)
    assert decided == ([2, 3, 4] if decides else [2, 3])


def test_an_instrument_decides_again_after_the_interval_of_event_time():
    events = tops(9, step_ns=1_000_000)
    _, decided, _ = decide(events, FeatureState.following([1], 8), interval_ns=3_000_000)
    assert decided == [2, 5, 8]


def test_the_kernel_stops_behind_the_decision_that_fills_the_rows():
    assert decide(tops(9), FeatureState.following([1], 8), rows_max=2)[:2] == (4, [2, 3])


def test_the_kernel_stops_before_the_first_record_that_names_an_unknown_instrument():
    events = np.concatenate([tops(3, 1), tops(3, 2)])
    events["kind"][3] = EventKind.DELETE
    state = FeatureState.unresolved(1, 8)
    assert decide(events, state)[0] == 0
    state.slot_of_instrument[1] = NOT_FOLLOWED
    assert decide(events, state)[0] == 4, "a record that carries no symbol does not ask"


def test_a_new_session_forgets_ids_where_they_are_looked_up():
    events = tops(1, 0)
    events["kind"], events["code"] = EventKind.SESSION, ord("+")
    looked_up, fixed = FeatureState.unresolved(1, 8), FeatureState.following([1], 8)
    looked_up.slot_of_instrument[1] = 0
    for state in (looked_up, fixed):
        decide(events, state)
    assert (looked_up.slot_of_instrument[1], fixed.slot_of_instrument[1]) == (UNRESOLVED, 0)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    cuts=st.lists(st.integers(0, 400), max_size=20),
    rows_max=st.integers(1, 30),
)
def test_any_partition_of_the_stream_gives_the_same_state_and_decisions(stream, seed, cuts, rows_max):
    events = stream(seed, 400, instruments=3)
    whole, parts = FeatureState.following([1, 2, 3], 8), FeatureState.following([1, 2, 3], 8)
    _, expected, expected_rows = decide(events, whole, rows_max=len(events), interval_ns=100_000)
    decided, rows = [], []
    for first, last in zip([0, *sorted(cuts)], [*sorted(cuts), len(events)], strict=True):
        at = first
        while at < last:
            at_before = at
            at, found, found_rows = decide(events[:last], parts, at, rows_max, interval_ns=100_000)
            decided += found
            rows.append(found_rows)
            assert at > at_before
    assert decided == expected
    assert b"".join(r.tobytes() for r in rows) == expected_rows.tobytes()
    assert parts.values.tobytes() == whole.values.tobytes()
    assert parts.clocks.tobytes() == whole.clocks.tobytes()


@pytest.mark.parametrize("ids", [[0], [8], [1, 1]])
def test_ids_that_can_not_be_followed_are_refused(ids):
    with pytest.raises(ValueError, match="instrument id"):
        FeatureState.following(ids, 8)
