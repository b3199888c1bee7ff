"""When an instrument's next event comes, and which way its order flow leans, for compiled code.

Arrivals: a self-exciting (Hawkes) process with exponential kernel an instrument. Each event raises the
intensity by BRANCHING / DECAY_NS, which dies off within DECAY_NS, so that an event brings BRANCHING more on
average. Gaps are drawn exactly (Dassios and Zhao, "Exact simulation of Hawkes process with exponentially
decaying intensity", 2013), without thinning.

Pressure: the planted signal; its law is stated in `paperd.day`.
"""

import math

import numpy as np
import numpy.typing as npt

from paperd.compiled import compiled
from paperd.day.random_stream import exponential, normal, uniform
from paperd.day.state import Instrument, Tape

BRANCHING = 0.6
DECAY_NS = 10e6
LAG_SHARE = 0.25
"""The lagged pressure follows the pressure with this share of its time constant."""


@compiled
def next_event(instrument: Instrument, tape: Tape, now_ns: int) -> int:
    """Draw the time of the event after the one at `now_ns` (or after the opening)."""
    gap_ns = exponential(tape) / (instrument.baseline_per_ns * _season(instrument, now_ns))
    excitation = instrument.excitation_per_ns
    remaining = 1.0 - exponential(tape) / (excitation * DECAY_NS) if excitation > 0.0 else 0.0
    if remaining > 0.0:
        gap_ns = min(gap_ns, -math.log(remaining) * DECAY_NS)
    instrument.excitation_per_ns = excitation * math.exp(-gap_ns / DECAY_NS)
    instrument.last_event_ns = now_ns
    return now_ns + 1 + int(gap_ns)


@compiled
def excite(instrument: Instrument) -> None:
    """An event has happened."""
    instrument.excitation_per_ns += BRANCHING / DECAY_NS


@compiled
def _season(instrument: Instrument, now_ns: int) -> float:
    """Busy near the open and the close, quiet at noon; mean 1 over the session."""
    if instrument.season_length_ns <= 0.0:
        return 1.0
    position = 2.0 * (now_ns - instrument.season_open_ns) / instrument.season_length_ns - 1.0
    return float(0.7 + 0.9 * min(position * position, 1.0))


@compiled
def advance_pressure(instrument: Instrument, tape: Tape, now_ns: int) -> None:
    """Ornstein-Uhlenbeck step of exact length, and its exponentially lagged follower."""
    if instrument.strength == 0.0:
        return
    elapsed = (now_ns - instrument.last_event_ns) / instrument.pressure_time_ns
    keep = math.exp(-elapsed)
    pressure = instrument.pressure * keep + math.sqrt(1.0 - keep * keep) * normal(tape)
    follow = 1.0 - math.exp(-elapsed / LAG_SHARE)
    instrument.lagged_pressure += follow * (pressure - instrument.lagged_pressure)
    instrument.pressure = pressure


@compiled
def leans_to_bid(tape: Tape, lean: float) -> bool:
    """True with chance (1 + lean) / 2."""
    return uniform(tape) < 0.5 + 0.5 * lean


@compiled
def sift_root(heap: npt.NDArray[np.int32], due_ns: npt.NDArray[np.int64]) -> None:
    """Restore a binary min-heap of instrument numbers after the root's `due_ns` has moved later."""
    size = len(heap)
    root = heap[0]
    place = 0
    while True:
        child = 2 * place + 1
        if child >= size:
            break
        if child + 1 < size and due_ns[heap[child + 1]] < due_ns[heap[child]]:
            child += 1
        if due_ns[heap[child]] >= due_ns[root]:
            break
        heap[place] = heap[child]
        place = child
    heap[place] = root
