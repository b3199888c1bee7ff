"""The loop's private counters and the histograms it records into, and how each outcome is counted.

Counters are plain int64 words of braind's own memory; loop.py copies them into the stats region.
"""

from __future__ import annotations

import math
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from braind.compiled import compiled
from braind.features.state import reset_slot
from hft.regions import FULL, PUSHED

# So many decisions in a row without a finite answer, and the model has lost its mind: no more intents.
BAD_DECISIONS_IN_A_ROW_MAX = 16

Counts = NDArray[np.int64]


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
    UNRESOLVED_ID = 16
    UNRESOLVED_SEQ = 17


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


@compiled
def all_finite(values: NDArray[np.float32]) -> bool:
    """Whether no element of a flat array is NaN or infinite."""
    for i in range(values.shape[0]):  # noqa: SIM110 - compiled code has no generators
        if not math.isfinite(values[i]):
            return False
    return True


@compiled
def note_bad(counts: Counts, which: int) -> None:
    """Counts a decision dropped for its numbers; a run of them vetoes for good."""
    counts[which] += 1
    counts[_BAD_RUN] += 1
    if counts[_BAD_RUN] >= BAD_DECISIONS_IN_A_ROW_MAX:
        counts[_VETOED] = 1


@compiled
def note_push(counts: Counts, result: int) -> None:
    """Counts what the queue said to an intent."""
    if result == PUSHED:
        counts[_INTENTS] += 1
    elif result == FULL:
        counts[_DROPPED_FULL] += 1
    else:
        counts[_DROPPED_WRONG_GENERATION] += 1


@compiled
def reset_features(values: NDArray[np.float64], clocks: NDArray[np.int64], counts: Counts) -> None:
    """Every instrument starts anew because records are missing from what it knows."""
    counts[_FEATURE_RESETS] += 1
    for slot in range(values.shape[0]):
        reset_slot(values, clocks, slot)
