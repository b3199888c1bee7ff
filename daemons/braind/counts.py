"""The loop's private counters and the histograms it records into, and how each outcome is counted.

Counters are plain int64 words of braind's own memory; loop.py copies them into the stats region.
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from braind.compiled import compiled
from braind.features.state import forget_ids, reset_slot
from hft.layout.dtypes import VetoReason
from hft.regions import FULL, PUSHED

# So many decisions in a row without a finite answer, and the model has lost its mind: no more intents.
BAD_DECISIONS_IN_A_ROW_MAX = 16

Counts = NDArray[np.int64]

# What the queue refused since the loop last told: runs of consecutive intent ids with one answer. A round ends when
# there are DROP_RUNS_MAX of them; the decision that brought the last one may add what it still wants.
DROP_FIRST_ID, DROP_COUNT, DROP_RESULT = range(3)
DROP_RUNS_MAX = 64


class Count(IntEnum):
    """Indices of the counters."""

    EVENTS = 0
    DECISIONS = 1
    INTENTS = 2
    DROPPED_FULL = 3
    DROPPED_WRONG_GENERATION = 4
    DROPPED_VETO = 5
    DROPPED_CATCHING_UP = 6
    BAD_INPUTS = 7
    BAD_OUTPUTS = 8
    BAD_RUN = 9
    VETOED = 10
    DISCARDED_RANGES = 11
    FEATURE_RESETS = 12
    LOST = 13
    LAST_INTENT_ID = 14
    UPDATES_SEQ = 15
    DROPPED_HELD = 16
    WITHDRAWALS = 17
    UNSURE = 18  # records are missing, and what rests was not withdrawn yet
    # From here on: what one call of `step` has to tell the loop.
    STOPPED_FOR = 19
    UNRESOLVED_ID = 20
    UNRESOLVED_SEQ = 21
    LOST_NOW = 22
    RING_LOST_SEEN = 23
    DROP_RUNS = 24


class StoppedFor(IntEnum):
    """Why `step` came back early; what the loop does about it is an input of the next call."""

    NOTHING = 0
    UNRESOLVED = 1
    LOST = 2
    DISCARDED = 3
    DROPS = 4
    VETOED = 5
    ANSWERS = 6  # updates wait; a replay never stops for them


class Histogram(IntEnum):
    """Indices of the histograms' addresses."""

    TICK_TO_CONSUME = 0
    FEATURES = 1
    MODEL = 2
    TICK_TO_DECISION = 3
    TICK_TO_INTENT = 4


# Numba takes plain integers, not enum members, as indices of compiled code.
_INTENTS, _DROPPED_FULL = int(Count.INTENTS), int(Count.DROPPED_FULL)
_DROPPED_WRONG_GENERATION = int(Count.DROPPED_WRONG_GENERATION)
_BAD_RUN, _VETOED, _FEATURE_RESETS = int(Count.BAD_RUN), int(Count.VETOED), int(Count.FEATURE_RESETS)
_LOST, _LOST_NOW, _DISCARDED_RANGES = int(Count.LOST), int(Count.LOST_NOW), int(Count.DISCARDED_RANGES)
_UNSURE = int(Count.UNSURE)
_STOPPED_FOR, _DROP_RUNS = int(Count.STOPPED_FOR), int(Count.DROP_RUNS)
_FOR_LOST, _FOR_DISCARDED = int(StoppedFor.LOST), int(StoppedFor.DISCARDED)
_FOR_DROPS, _FOR_VETOED = int(StoppedFor.DROPS), int(StoppedFor.VETOED)
_NUMBERS_NOT_FINITE = int(VetoReason.NUMBERS_NOT_FINITE)


@compiled
def all_finite(values: NDArray[np.float32]) -> bool:
    """Whether no element of a flat array is NaN or infinite."""
    for i in range(values.shape[0]):  # noqa: SIM110 - compiled code has no generators
        if not math.isfinite(values[i]):
            return False
    return True


@compiled
def note_veto(counts: Counts, reason: int) -> None:
    """Braind says no from here on; the first VetoReason stays."""
    if counts[_VETOED] == 0:
        counts[_VETOED] = reason
        counts[_STOPPED_FOR] = _FOR_VETOED


@compiled
def note_bad(counts: Counts, which: int) -> None:
    """Counts a decision dropped for its numbers; a run of them vetoes for good."""
    counts[which] += 1
    counts[_BAD_RUN] += 1
    if counts[_BAD_RUN] >= BAD_DECISIONS_IN_A_ROW_MAX:
        note_veto(counts, _NUMBERS_NOT_FINITE)


@compiled
def note_push(counts: Counts, drops: NDArray[np.int64], intent_id: int, result: int) -> None:
    """Counts what the queue said to an intent; a refusal also goes into `drops`, int64 (n, 3)."""
    if result == PUSHED:
        counts[_INTENTS] += 1
        return
    counts[_DROPPED_FULL if result == FULL else _DROPPED_WRONG_GENERATION] += 1
    last = counts[_DROP_RUNS] - 1
    if (
        last >= 0
        and drops[last, DROP_RESULT] == result
        and drops[last, DROP_FIRST_ID] + drops[last, DROP_COUNT] == intent_id
    ):
        drops[last, DROP_COUNT] += 1
        return
    drops[last + 1, DROP_FIRST_ID], drops[last + 1, DROP_COUNT] = intent_id, 1
    drops[last + 1, DROP_RESULT] = result
    counts[_DROP_RUNS] = last + 2
    if counts[_DROP_RUNS] >= DROP_RUNS_MAX:
        counts[_STOPPED_FOR] = _FOR_DROPS


@compiled
def start_over(state: Any, counts: Counts) -> None:
    """Records are missing from what is known: features start anew, and ids, which may have changed, too.

    With the next record consumed the policies are asked about whatever rests, as after a gap of the feed.
    """
    counts[_FEATURE_RESETS] += 1
    counts[_UNSURE] = 1
    forget_ids(state.slot_of_instrument)
    for slot in range(state.values.shape[0]):
        reset_slot(state.values, state.clocks, slot)


@compiled
def note_lost(state: Any, counts: Counts, records: int) -> None:
    """`records` were overwritten before they were read."""
    counts[_LOST] += records
    counts[_LOST_NOW] = records
    counts[_STOPPED_FOR] = _FOR_LOST
    start_over(state, counts)


@compiled
def note_discarded(state: Any, counts: Counts) -> None:
    """A granted range was overwritten while it was used: what came of it is void."""
    counts[_DISCARDED_RANGES] += 1
    counts[_STOPPED_FOR] = _FOR_DISCARDED
    start_over(state, counts)
