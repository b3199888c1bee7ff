"""The hot loop as one compiled function: poll → features → model → policy → shadow book → emit, no interpreter.

`make_decide` binds a compiled model and a strategy's policy, `make_step` the loop around them, which loop.py
calls again and again. `step` touches shared memory only through the extension's functions: it works in place
on a granted range up to each decision point, copies the record it decides on, validates, and only then lets
the model and the policy see it. A failed validation discards what was derived and starts the features anew.

Everything decided is a function of the records, their event time and the loop's inputs (inputs.py); clocks are
read for latencies only. Whatever is not in the records (a loss, an id nobody looked up) ends the call at its exact
place, so that the loop can tell it. With NUMBA_DISABLE_JIT=1 the same source runs interpreted.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from braind.compiled import compiled, compiled_over, int64
from braind.controls import FENCE_EPOCH, PROGRESS
from braind.counts import (
    Count,
    Counts,
    Histogram,
    StoppedFor,
    all_finite,
    note_bad,
    note_discarded,
    note_lost,
    note_push,
    note_veto,
)
from braind.features.ranges import EVERY_SLOT, WITHDRAWAL, collect_decisions
from braind.features.state import LAST_EVENT_TS_NS
from braind.model.inference import Infer
from braind.policy import ACTION, FLAGS, ORDER_ID, PRICE, QUANTITY, SIDE, TIME_IN_FORCE, Policy
from braind.shadow.admission import record, refusal
from braind.shadow.layout import EVENT_TS_NS, HELD, INSTRUMENT, KNOWN
from braind.shadow.watch import has_diverged, is_overdue
from hft.compiled import (
    histogram_record,
    intent_push,
    load_word,
    monotonic_ns,
    progress_round,
    ring_advance,
    ring_lag,
    ring_lost,
    ring_poll,
    ring_start_index,
    ring_validate,
)
from hft.layout.dtypes import IntentAction, VetoReason

GRANT_RECORDS_MAX = 256

# Outcomes of `take_until_decision`.
RANGE_ENDED, DECISION, UNRESOLVED_INSTRUMENT, DISCARDED = range(4)

_EVENTS, _DECISIONS = int(Count.EVENTS), int(Count.DECISIONS)
_RING_LOST_SEEN, _STOPPED_FOR = int(Count.RING_LOST_SEEN), int(Count.STOPPED_FOR)
_FOR_UNRESOLVED, _FOR_ANSWERS = int(StoppedFor.UNRESOLVED), int(StoppedFor.ANSWERS)
_DROPPED_HELD, _WITHDRAWALS = int(Count.DROPPED_HELD), int(Count.WITHDRAWALS)
_DROPPED_VETO, _DROPPED_CATCHING_UP = int(Count.DROPPED_VETO), int(Count.DROPPED_CATCHING_UP)
_BAD_INPUTS, _BAD_OUTPUTS = int(Count.BAD_INPUTS), int(Count.BAD_OUTPUTS)
_BAD_RUN, _VETOED, _UNSURE = int(Count.BAD_RUN), int(Count.VETOED), int(Count.UNSURE)
_LAST_INTENT_ID, _UPDATES_SEQ = int(Count.LAST_INTENT_ID), int(Count.UPDATES_SEQ)
_UNRESOLVED_ID, _UNRESOLVED_SEQ = int(Count.UNRESOLVED_ID), int(Count.UNRESOLVED_SEQ)
_TICK_TO_CONSUME, _FEATURES = int(Histogram.TICK_TO_CONSUME), int(Histogram.FEATURES)
_MODEL, _TICK_TO_DECISION = int(Histogram.MODEL), int(Histogram.TICK_TO_DECISION)
_TICK_TO_INTENT = int(Histogram.TICK_TO_INTENT)
_NEW, _REPLACE = int(IntentAction.NEW), int(IntentAction.REPLACE)
_SHADOW_DIVERGED = int(VetoReason.SHADOW_DIVERGED)


@compiled
def newest_event_ns(events: Any) -> int:
    """The largest event time of some records; 0 of none."""
    newest_ns: int = int64(0)
    for i in range(events.shape[0]):
        newest_ns = max(newest_ns, int64(events[i]["exchange_ts_ns"]))
    return newest_ns


@compiled
def take_until_decision(
    ring: int, events: Any, position: int, state: Any, gate: Any, scratch: Any, bound: Any
) -> tuple[int, int]:
    """Consumes granted `events` from `position` up to and including the next decision point.

    Returns (next position, outcome). On DECISION the record, its features and its slot are in `scratch`. The first
    record after a loss is a point for every instrument.
    """
    counts = bound.counts
    unsure = counts[_UNSURE] != 0
    if unsure:
        events = events[: position + 1]
    following, decided = collect_decisions(
        events, position, state.slot_of_instrument, state.values, state.clocks, state.tick,
        gate.warmup_top_updates, gate.accept_partial_books, gate.decision_interval_ns, bound.book.resting,
        scratch.selected, scratch.all_features, scratch.rows, scratch.event_index, scratch.slots, scratch.ready,
    )  # fmt: skip
    outcome = RANGE_ENDED
    if unsure and following > position:
        outcome = DECISION
        scratch.event[0] = events[position]
        scratch.slots[0], scratch.ready[0] = EVERY_SLOT, WITHDRAWAL
    elif decided > 0:
        outcome = DECISION
        scratch.event[0] = events[scratch.event_index[0]]
    elif following < events.shape[0]:
        outcome = UNRESOLVED_INSTRUMENT
        counts[_STOPPED_FOR] = _FOR_UNRESOLVED
        counts[_UNRESOLVED_ID] = int64(events[following]["instrument_id"])
        counts[_UNRESOLVED_SEQ] = int64(events[following]["sequence"])
    newest_ns = newest_event_ns(events[position:following])
    if ring_validate(ring) == 0:
        note_discarded(state, counts)
        return position, DISCARDED
    ring_advance(ring, following - position)
    counts[_EVENTS] += following - position
    if following > position:
        counts[_UNSURE] = 0
    # Event time never goes back here: it measures for how long something has been awaited.
    bound.book.words[EVENT_TS_NS] = max(bound.book.words[EVENT_TS_NS], newest_ns)
    for i in range(position, following):
        if scratch.latencies_ns[i] >= 0:
            histogram_record(bound.histograms[_TICK_TO_CONSUME], scratch.latencies_ns[i])
    return following, outcome


@compiled
def fill_intent(
    intent: Any,
    event: Any,
    scores: NDArray[np.float32],
    action: NDArray[np.int64],
    instrument_id: int,
    counts: Counts,
    market_generation: int,
    strategy_id: int,
) -> None:
    """Everything of the intent but its emission time. Its id, the last one given, is its order's where it makes one."""
    makes_order = action[ACTION] in (_NEW, _REPLACE)
    intent["intent_id"] = counts[_LAST_INTENT_ID]
    intent["market_seq"] = event["sequence"]
    intent["market_generation"] = market_generation
    intent["updates_seq"] = counts[_UPDATES_SEQ]
    intent["market_publish_ts_ns"] = event["publish_ts_ns"]
    intent["market_receive_ts_ns"] = event["receive_ts_ns"]
    intent["instrument_id"] = instrument_id
    intent["action"] = action[ACTION]
    intent["side"] = action[SIDE]
    intent["time_in_force"] = action[TIME_IN_FORCE]
    intent["flags"] = action[FLAGS]
    intent["price"] = action[PRICE]
    intent["quantity"] = action[QUANTITY]
    intent["order_id"] = counts[_LAST_INTENT_ID] if makes_order else action[ORDER_ID]
    intent["replaced_order_id"] = action[ORDER_ID] if action[ACTION] == _REPLACE else 0
    intent["score_down"] = scores[0]
    intent["score_flat"] = scores[1]
    intent["score_up"] = scores[2]
    intent["strategy_id"] = strategy_id


@compiled
def emit(
    producer: int, action: NDArray[np.int64], slot: int, scratch: Any, bound: Any, market_generation: int
) -> int:
    """Pushes the intent for an admitted action; returns its emission time."""
    intent, event = scratch.intent, scratch.event
    fill_intent(
        intent[0], event[0], scratch.scores, action, bound.book.rows[slot, INSTRUMENT], bound.counts,
        market_generation, bound.strategy_id,
    )  # fmt: skip
    if bound.controls[FENCE_EPOCH] != 0:
        intent[0]["epoch"] = load_word(bound.controls[FENCE_EPOCH])
    emit_ns: int = int64(monotonic_ns())
    intent[0]["emit_ts_ns"] = emit_ns
    result = intent_push(producer, intent.ctypes.data)
    # One that the queue refused stays in the shadow book until the loop has told it (`forget_dropped`): a replay, whose
    # queue refuses nothing, can not know it earlier.
    note_push(bound.counts, bound.drops, bound.counts[_LAST_INTENT_ID], result)
    return emit_ns


@compiled
def send(
    producer: int, wanted: int, slot: int, publish_ns: int, scratch: Any, bound: Any, market_generation: int
) -> None:
    """What the policy wants, action by action: each sees what the one before it has changed."""
    for k in range(wanted):
        action = scratch.actions[k]
        reason = refusal(bound.book, slot, action)
        bound.book.prevented[reason] += 1
        if reason != 0:
            continue
        bound.counts[_LAST_INTENT_ID] += 1
        record(bound.book, slot, action, bound.counts[_LAST_INTENT_ID])
        emit_ns = emit(producer, action, slot, scratch, bound, market_generation)
        histogram_record(bound.histograms[_TICK_TO_INTENT], max(int64(0), emit_ns - publish_ns))


@compiled
def held_back(sequence: int, slot: int, decide_after_seq: int, bound: Any) -> bool:
    """Whether a decision point must not become one.

    braind is still catching up, has vetoed itself, or does not know what it has at the venue.
    """
    counts, book = bound.counts, bound.book
    if sequence <= decide_after_seq:
        counts[_DROPPED_CATCHING_UP] += 1
        return True
    # Without a session no answer can come: what is awaited is awaited anew when there is one.
    late = book.words[HELD] == 0 and is_overdue(book, slot)
    if counts[_VETOED] == 0 and (has_diverged(book) or late):
        note_veto(counts, _SHADOW_DIVERGED)
    if counts[_VETOED] != 0:
        counts[_DROPPED_VETO] += 1
        return True
    if book.words[HELD] != 0 or book.rows[slot, KNOWN] == 0:
        counts[_DROPPED_HELD] += 1
        return True
    return False


# (now_ns, slot, scratch, bound) -> how many of scratch.actions are wanted
Decide = Callable[[int, int, Any, Any], int]


@cache
def make_ask(policy: Policy) -> Callable[..., int]:
    """The policy asked, bound to one strategy."""

    @compiled_over(policy)
    def ask(now_ns: int, slot: int, ready: bool, scratch: Any, bound: Any) -> int:
        actions = scratch.actions
        for k in range(actions.shape[0]):
            for i in range(actions.shape[1]):
                actions[k, i] = 0
        wanted = policy(
            scratch.scores,
            ready,
            scratch.event[0],
            now_ns,
            bound.own,
            slot,
            bound.parameters,
            bound.book,
            actions,
        )
        return min(int(wanted), int(actions.shape[0]))

    return ask


@cache
def make_decide(infer: Infer, policy: Policy) -> Decide:
    """Features → model → policy for one decision, bound to one model and one strategy."""
    ask = make_ask(policy)

    @compiled_over(infer, ask)
    def decide(now_ns: int, slot: int, scratch: Any, bound: Any) -> int:
        counts = bound.counts
        if not all_finite(scratch.rows[0]):
            note_bad(counts, _BAD_INPUTS)
            return 0
        start_ns = int64(monotonic_ns())
        error = infer(bound.handles, bound.shape, scratch.rows, scratch.scores)
        histogram_record(bound.histograms[_MODEL], int64(monotonic_ns()) - start_ns)
        if error != 0 or not all_finite(scratch.scores):
            note_bad(counts, _BAD_OUTPUTS)
            return 0
        counts[_BAD_RUN] = 0
        return ask(now_ns, slot, True, scratch, bound)

    return decide


@cache
def make_withdraw(policy: Policy) -> Callable[..., None]:
    """The policy asked where there is nothing to decide on, but orders of ours rest."""
    ask = make_ask(policy)

    @compiled_over(ask)
    def withdraw(
        producer: int, market_generation: int, slot: int, gate: Any, scratch: Any, bound: Any
    ) -> None:
        sequence = int64(scratch.event[0]["sequence"])
        if bound.book.resting[slot] == 0 or held_back(sequence, slot, gate.decide_after_seq, bound):
            return
        bound.counts[_WITHDRAWALS] += 1
        for i in range(scratch.scores.shape[0]):
            scratch.scores[i] = 0.0
        wanted = ask(bound.book.words[EVENT_TS_NS], slot, False, scratch, bound)
        publish_ns = int64(scratch.event[0]["publish_ts_ns"])
        send(producer, wanted, slot, publish_ns, scratch, bound, market_generation)

    return withdraw


# (producer, market generation, when the range was taken, state, gate, scratch, bound) -> None
Act = Callable[[int, int, int, Any, Any, Any, Any], None]


@cache
def make_act(infer: Infer, policy: Policy) -> Act:
    """What follows a decision point: hold back, or decide, and emit."""
    decide, withdraw = make_decide(infer, policy), make_withdraw(policy)

    @compiled_over(decide, withdraw)
    def act(
        producer: int, market_generation: int, taken_ns: int, state: Any, gate: Any, scratch: Any, bound: Any
    ) -> None:
        histograms, slot = bound.histograms, scratch.slots[0]
        if slot == EVERY_SLOT:
            for each in range(state.values.shape[0]):
                withdraw(producer, market_generation, each, gate, scratch, bound)
            return
        if scratch.ready[0] == 0:
            withdraw(producer, market_generation, slot, gate, scratch, bound)
            return
        bound.counts[_DECISIONS] += 1
        histogram_record(histograms[_FEATURES], int64(monotonic_ns()) - taken_ns)
        if held_back(int64(scratch.event[0]["sequence"]), slot, gate.decide_after_seq, bound):
            return
        wanted = decide(state.clocks[slot, LAST_EVENT_TS_NS], slot, scratch, bound)
        publish_ns = int64(scratch.event[0]["publish_ts_ns"])
        histogram_record(histograms[_TICK_TO_DECISION], max(int64(0), int64(monotonic_ns()) - publish_ns))
        send(producer, wanted, slot, publish_ns, scratch, bound, market_generation)

    return act


@compiled
def poll(ring: int, records: Any, state: Any, gate: Any, scratch: Any, bound: Any) -> tuple[int, int, int]:
    """Asks for the next range, or notes what was lost; returns (first index, records, when taken).

    Latencies go to `scratch.latencies_ns`; -1 for records that were published before braind was there.
    """
    counts = bound.counts
    count = ring_poll(ring, GRANT_RECORDS_MAX)
    if bound.controls[PROGRESS] != 0:
        # The head is the writer's line: it is looked at only when there is more than this grant.
        lag = count if count < GRANT_RECORDS_MAX else int64(ring_lag(ring))
        progress_round(bound.controls[PROGRESS], counts[_EVENTS], counts[_DECISIONS], lag)
    lost: int = int64(ring_lost(ring))
    if lost != counts[_RING_LOST_SEEN]:
        note_lost(state, counts, lost - counts[_RING_LOST_SEEN])
        counts[_RING_LOST_SEEN] = lost
    start = ring_start_index(ring)
    taken_ns: int = int64(monotonic_ns()) if count > 0 else int64(0)
    for i in range(count):
        latency_ns = max(int64(0), taken_ns - int64(records[start + i]["publish_ts_ns"]))
        joined = int64(records[start + i]["sequence"]) > gate.decide_after_seq
        scratch.latencies_ns[i] = latency_ns if joined else -1
    return start, count, taken_ns


@cache
def make_step(act: Act) -> Callable[..., int]:
    """The loop's compiled body; brain.Brain holds its arguments together."""

    @compiled_over(act)
    def step(
        ring: int, updates: int, producer: int, records: Any, market_generation: int,
        state: Any, gate: Any, scratch: Any, bound: Any, polls_max: int, records_max: int,
    ) -> int:  # fmt: skip
        consumed = 0
        empty_polls = 0
        counts = bound.counts
        counts[_STOPPED_FOR] = 0
        while consumed < records_max and empty_polls < polls_max and counts[_STOPPED_FOR] == 0:
            start, count, taken_ns = poll(ring, records, state, gate, scratch, bound)
            events = records[start : start + count]
            if count == 0:
                empty_polls += 1
            position = 0
            while position < count and counts[_STOPPED_FOR] == 0:
                following, outcome = take_until_decision(ring, events, position, state, gate, scratch, bound)
                consumed += following - position
                position = following
                if outcome == DECISION:
                    act(producer, market_generation, taken_ns, state, gate, scratch, bound)
                    taken_ns = int64(monotonic_ns())
            if updates != 0 and counts[_STOPPED_FOR] == 0 and int64(ring_lag(updates)) > 0:
                counts[_STOPPED_FOR] = _FOR_ANSWERS
        return consumed

    return step
