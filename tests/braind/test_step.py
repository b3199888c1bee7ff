"""The compiled loop over real rings: what it decides, what it counts, what it drops."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from braind_circle import without_clocks
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from braind.counts import BAD_DECISIONS_IN_A_ROW_MAX, DROP_RUNS_MAX, Count, StoppedFor, note_push
from braind.features.state import UNRESOLVED
from braind.policy import ACTIONS_MAX
from braind.step import DISCARDED, take_until_decision
from hft import stats
from hft.compiled import ring_poll, ring_start_index
from hft.layout.dtypes import EventKind, IntentAction, Side, TimeInForce
from hft.regions import FULL, read_gateway_state


def test_an_intent_says_what_it_was_decided_on(circle, stream):
    one, events = circle(), stream(3, 2000, trouble=0.0)
    events["publish_ts_ns"] = np.arange(1, 2001)
    one.publish(events)
    one.step()
    intents = one.intents()
    assert len(intents) == one.count(Count.INTENTS) > 20
    assert {Side.BUY, Side.SELL} == set(intents["side"].tolist())
    assert intents["intent_id"].tolist() == list(range(1, len(intents) + 1)) == intents["order_id"].tolist()
    asked = events[intents["market_seq"].astype(int) - 1]
    buys = intents["side"] == Side.BUY
    assert (intents["price"] == np.where(buys, asked["ask_price"], asked["bid_price"])).all()
    assert (intents["instrument_id"] == asked["instrument_id"]).all()
    assert (intents["market_publish_ts_ns"] == asked["publish_ts_ns"]).all()
    assert (intents["market_generation"] == one.ring.generation).all()
    assert set(intents["action"]) == {IntentAction.NEW}
    assert set(intents["time_in_force"]) == {TimeInForce.IOC}
    scores = np.stack([intents[f"score_{name}"] for name in ("down", "flat", "up")])
    np.testing.assert_allclose(scores.sum(0), 1.0, atol=1e-5)
    assert (np.where(buys, scores[2], scores[0]) >= np.float32(0.36)).all()


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    seed=st.integers(0, 2**32 - 1),
    cuts=st.lists(st.integers(0, 1500), max_size=12),
    limit=st.integers(1, 700),
)
def test_lag_changes_nothing_any_partition_gives_the_same_intents(circle, stream, seed, cuts, limit):
    events = stream(seed, 1500)
    whole, parts = circle(), circle()
    whole.publish(events)
    whole.step()
    for first, last in zip([0, *sorted(cuts)], [*sorted(cuts), len(events)], strict=True):
        parts.publish(events[first:last])
        while parts.reader.lag_records:
            parts.step(records_max=limit)
    assert without_clocks(parts.intents()).tobytes() == without_clocks(whole.intents()).tobytes()
    assert parts.brain.state.values.tobytes() == whole.brain.state.values.tobytes()


@pytest.mark.parametrize("trouble", [0.0, 0.05])
def test_interpreted_and_compiled_loops_give_the_same_bytes(package_directory, stream, tmp_path, trouble):
    events = stream(11, 1500, trouble=trouble)
    np.save(tmp_path / "events.npy", events.view(np.uint64))
    program = Path(__file__).with_name("braind_circle.py")
    said = []
    for disable_jit, chunk in (("0", "500"), ("1", "123")):
        done = subprocess.run(
            [sys.executable, program, package_directory, tmp_path / "events.npy", chunk],
            env={**os.environ, "NUMBA_DISABLE_JIT": disable_jit},
            capture_output=True, text=True, check=True, timeout=120,
        )  # fmt: skip
        said.append(done.stdout)
    assert said[0] == said[1]
    assert int(said[0].split()[0]) > 5, "there were intents to compare"


def test_a_lapped_reader_loses_exactly_what_it_says_and_starts_its_features_anew(circle, stream):
    one, events = circle(ring_records=1024), stream(5, 5000, trouble=0.0)
    one.publish(events[:500])
    one.step()
    one.publish(events[500:])
    resets = one.count(Count.FEATURE_RESETS)
    one.step()
    assert one.count(Count.LOST) == one.reader.lost_records > 3000
    assert one.count(Count.EVENTS) + one.count(Count.LOST) + one.reader.lag_records == 5000
    assert one.count(Count.FEATURE_RESETS) == resets + 1


def test_published_is_consumed_plus_lost_plus_unread_at_every_moment(circle, stream):
    one, published = circle(ring_records=1024), 0
    random = np.random.default_rng(2)
    for _ in range(60):
        count = int(random.choice([1, 100, 700, 3000]))
        one.publish(stream(published, count, trouble=0.0))
        published += count
        one.step(records_max=int(random.choice([1, 300, 5000])))
        assert published == one.count(Count.EVENTS) + one.count(Count.LOST) + one.reader.lag_records
    assert one.count(Count.LOST) > 0


def test_inputs_that_are_not_finite_drop_the_decision_and_a_run_of_them_vetoes_for_good(circle, stream):
    one, events = circle(instruments=1), stream(1, 300, instruments=1, trouble=0.0)
    one.publish(events[:200])
    one.step()
    before = one.count(Count.DECISIONS)
    assert one.count(Count.BAD_INPUTS) == one.count(Count.VETOED) == 0
    one.brain.state.values[:, 10] = np.inf  # the EWMA of returns, which nothing but a reset clears
    one.publish(events[200:])
    one.step()
    after = one.count(Count.DECISIONS) - before
    assert after > BAD_DECISIONS_IN_A_ROW_MAX
    assert one.count(Count.BAD_INPUTS) == BAD_DECISIONS_IN_A_ROW_MAX
    assert one.count(Count.DROPPED_VETO) == after - BAD_DECISIONS_IN_A_ROW_MAX
    one.intents()
    one.brain.state.reset()
    one.publish(stream(1, 500, instruments=1, trouble=0.0))
    one.step()
    assert len(one.intents()) == 0, "a veto holds until the process is restarted"


def test_a_single_bad_input_is_counted_and_forgiven(circle, stream):
    one, events = circle(instruments=1), stream(1, 300, instruments=1, trouble=0.0)
    one.publish(events[:200])
    one.step()
    one.brain.state.values[:, 10] = np.nan
    at = 200 + int(np.argmax((events["flags"][200:] & 1) == 1))
    one.publish(events[200 : at + 1])
    one.step()
    one.brain.state.values[:, 10] = 0.0
    one.publish(events[at + 1 :])
    one.step()
    assert one.count(Count.BAD_INPUTS) == 1
    assert one.count(Count.VETOED) == one.count(Count.BAD_RUN) == 0


def test_a_full_queue_drops_intents_by_count_and_never_waits(circle, stream):
    one = circle(intents_records=16)
    one.publish(stream(3, 2000, trouble=0.0))
    one.step()
    assert one.count(Count.INTENTS) == len(one.intents()) == 16
    assert one.count(Count.DROPPED_FULL) > 5
    assert one.drops == [(17, one.count(Count.DROPPED_FULL), FULL)]


def test_dropped_intents_are_told_in_runs_and_the_round_ends_when_there_is_no_room_for_another(
    circle, stream
):
    one = circle(intents_records=16)
    events, taken = stream(3, 8000, trouble=0.0), []
    for first in range(0, 4000, 50):
        one.publish(events[first : first + 50])
        one.step()
        if first % 400 == 0:
            taken.append(one.intents())
    taken = np.concatenate([*taken, one.intents()])
    dropped = {intent for first, count, _ in one.drops for intent in range(first, first + count)}
    assert set(taken["intent_id"].tolist()) | dropped == set(range(1, one.count(Count.LAST_INTENT_ID) + 1))
    assert len(taken) + len(dropped) == one.count(Count.LAST_INTENT_ID)
    one.brain.counts[Count.DROP_RUNS] = DROP_RUNS_MAX - 1
    one.brain.drops[:] = 0
    one.publish(events[4000:])
    one.brain.step(one.market, 1, 1 << 20)
    assert one.count(Count.STOPPED_FOR) == StoppedFor.DROPS
    assert one.reader.lag_records > 0


def test_what_one_record_may_want_still_has_room_when_the_table_of_drops_is_full(circle):
    brain = circle(instruments=3).brain
    for run in range(DROP_RUNS_MAX + 3 * ACTIONS_MAX - 1):  # not consecutive: a run each
        note_push(brain.counts, brain.drops, 2 * run + 1, FULL)
        told = brain.counts[Count.STOPPED_FOR] == StoppedFor.DROPS
        assert told == (run + 1 >= DROP_RUNS_MAX)
    runs = brain.drops[: brain.counts[Count.DROP_RUNS]]
    assert runs[:, 0].tolist() == list(range(1, 2 * len(runs), 2))
    assert DROP_RUNS_MAX < len(runs) <= len(brain.drops)


def test_a_loss_ends_the_round_where_it_happened_and_ids_are_looked_up_again(circle, stream):
    one, events = circle(ring_records=1024), stream(5, 5000, trouble=0.0)
    events["kind"] = EventKind.ADD
    one.brain.state.slot_of_instrument[0] = UNRESOLVED  # as where ids are looked up
    one.publish(events[:500])
    one.brain.step(one.market, 1, 1 << 20)
    one.publish(events[500:])
    one.brain.step(one.market, 100, 1 << 20)
    assert one.count(Count.STOPPED_FOR) == StoppedFor.LOST
    assert one.reader.cursor == 500 + one.count(Count.LOST_NOW)
    assert one.count(Count.EVENTS) == 500
    assert (one.brain.state.slot_of_instrument == UNRESOLVED).all()
    one.brain.step(one.market, 1, 1 << 20)
    assert one.count(Count.STOPPED_FOR) == StoppedFor.UNRESOLVED


def test_a_queue_of_another_generation_drops_intents_by_count(circle, stream):
    one = circle(attached=False)
    one.publish(stream(3, 2000, trouble=0.0))
    one.step()
    assert one.count(Count.INTENTS) == 0
    assert one.count(Count.DROPPED_WRONG_GENERATION) > 20
    assert read_gateway_state(one.gateway)["intents_cursor"] == 0


def test_what_was_published_before_it_joined_warms_up_but_is_not_decided_on(circle, stream):
    one, events = circle(), stream(3, 2000, trouble=0.0)
    one.brain.start_anew(decide_after_seq=1500)
    one.publish(events)
    one.step()
    intents = one.intents()
    assert one.count(Count.DROPPED_CATCHING_UP) > 100
    assert len(intents) > 5
    assert intents["market_seq"].min() > 1500
    assert stats.read(one.stats.path)["tick_to_consume"].count == 500


def test_rehearsing_leaves_no_trace(circle, stream, shm_directory):
    one, events = circle(), stream(3, 1000, trouble=0.0)
    one.publish(events)
    one.brain.rehearse(one.market)
    one.brain.start_anew(0)
    assert not one.brain.counts.any()
    assert not one.brain.state.values.any()
    assert all(value.count == 0 for value in stats.read(one.stats.path).values())


def test_latencies_are_recorded_for_every_record_decision_and_intent(circle, stream):
    one = circle()
    one.publish(stream(3, 1000, trouble=0.0))
    one.step()
    values = {name: value.count for name, value in stats.read(one.stats.path).items()}
    decisions = one.count(Count.DECISIONS)
    assert values == {
        "tick_to_consume": 1000, "features": decisions, "model": decisions, "tick_to_decision": decisions,
        "tick_to_intent": one.count(Count.INTENTS),
    }  # fmt: skip


def test_a_gap_in_the_stream_stops_decisions_until_the_features_are_warm_again(circle, stream):
    one, events = circle(instruments=1), stream(3, 400, instruments=1, trouble=0.0)
    events["kind"][200], events["instrument_id"][200], events["flags"][200] = EventKind.GAP, 0, 0
    one.publish(events[:200])
    one.step()
    before = one.count(Count.DECISIONS)
    tops_after = np.flatnonzero((events["flags"][200:] & 1) == 1)
    one.publish(events[200 : 200 + int(tops_after[20])])
    one.step()
    assert one.count(Count.DECISIONS) == before > 50
    one.publish(events[200 + int(tops_after[20]) :])
    one.step()
    assert one.count(Count.DECISIONS) > before


def test_a_range_overwritten_while_it_was_used_is_discarded_with_all_that_came_of_it(circle, stream):
    one, events = circle(ring_records=1024), stream(5, 3000, trouble=0.0)
    one.publish(events[:800])
    one.step()
    one.publish(events[800:1000])
    assert ring_poll(one.reader.address, 200) == 200
    start = ring_start_index(one.reader.address)
    granted = one.market.records[start : start + 200]
    one.publish(events[1000:3000])
    brain, before = one.brain, one.count(Count.EVENTS)
    assert brain.state.values.any()
    following, outcome = take_until_decision(
        one.reader.address, granted, 0, brain.state, brain.gate, brain._scratch, brain._bound
    )
    assert (following, outcome) == (0, DISCARDED)
    assert not brain.state.values.any()
    assert one.count(Count.DISCARDED_RANGES) == 1
    assert one.count(Count.EVENTS) == before
    one.step()
    assert one.count(Count.EVENTS) + one.count(Count.LOST) + one.reader.lag_records == 3000
