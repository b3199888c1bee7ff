"""What the rounds of `hft bench ring` amount to: figures and targets. Pure.

Two things must not leak into a comparison: other work on the machine, which only ever adds, and the distance
of the two cores, which changes under a hypervisor that moves them (the same bare transfer took 44 ns in one
second and 220 in another on the development machine). So every round lies between two measurements of the
bare cache line, and all rows are judged on rounds of one distance: the nearest that every row met often
enough undisturbed, else the usual one. Of those, each row pools the quietest tenth (by their median).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

BARE = "bare cache line"
COMPILED = "ring → compiled"
BYTECODE = "ring → bytecode"
ICEORYX2 = "iceoryx2"
ZEROMQ_SPINNING = "ZeroMQ ipc, spinning"
ZEROMQ_BLOCKING = "ZeroMQ ipc, blocking"

QUIETEST_SHARE = 0.1
QUIET_ROUNDS_MIN = 3
SAME_DISTANCE = 1.5  # bare transfers within this factor of each other
DISTURBED = 20.0  # a median this many times a row's lowest is the scheduler's

Figures = dict[str, float | int]


@dataclass(frozen=True)
class Round:
    """Latencies in nanoseconds, and the bare transfer (median) right before and right after them."""

    latencies: NDArray[np.float64]
    bare_before_ns: float
    bare_after_ns: float

    @property
    def median(self) -> float:
        """The round's p50 in nanoseconds."""
        return float(np.median(self.latencies))

    def at(self, bare_ns: float) -> bool:
        """Whether the cores were that far apart from the round's beginning to its end."""
        low, high = bare_ns / SAME_DISTANCE, bare_ns * SAME_DISTANCE
        return low <= self.bare_before_ns <= high and low <= self.bare_after_ns <= high


@dataclass
class Row:
    """One way of handing a record over, with all its rounds."""

    name: str
    rounds: list[Round] = field(default_factory=list)

    def at(self, bare_ns: float) -> list[Round]:
        """The rounds at that distance."""
        return [one for one in self.rounds if one.at(bare_ns)]


def distance(rows: list[Row]) -> float | None:
    """The bare transfer in nanoseconds to judge at; None while no distance has enough quiet rounds of all."""
    bare = [one.bare_before_ns for row in rows for one in row.rounds]
    if not bare:
        return None
    for candidate in (min(bare), float(np.median(bare))):
        if all(_quiet_rounds(row, candidate) >= QUIET_ROUNDS_MIN for row in rows):
            return candidate
    return None


def _quiet_rounds(row: Row, bare_ns: float) -> int:
    lowest = min((one.median for one in row.rounds), default=0.0)
    return sum(one.median <= DISTURBED * lowest for one in row.at(bare_ns))


def figures(row: Row, bare_ns: float | None) -> Figures:
    """p50, p99, p999, max in nanoseconds over the quietest tenth at that distance (None: at any)."""
    rounds = row.rounds if bare_ns is None else row.at(bare_ns)
    used = max(min(QUIET_ROUNDS_MIN, len(rounds)), int(len(rounds) * QUIETEST_SHARE))
    quietest = sorted(rounds, key=lambda one: one.median)[:used]
    pool = np.concatenate([one.latencies for one in quietest])
    p50, p99, p999 = (float(q) for q in np.percentile(pool, [50, 99, 99.9]))
    return {
        "p50": p50, "p99": p99, "p999": p999, "max": float(pool.max()), "samples": len(pool),
        "rounds": len(row.rounds), "rounds_at_distance": len(rounds), "rounds_used": used,
        "p50_all_rounds": float(np.median([one.median for one in row.rounds])),
    }  # fmt: skip


@dataclass(frozen=True)
class Target:
    """A line of docs/TARGETS.md: what it is judged on, and whether the ratio keeps the limit."""

    text: str
    judged_on: str
    ratio: float | None
    limit: float
    at_most: bool
    possible: float | None = None  # the ratio of a ring that takes no longer than the bare cache line

    @property
    def met(self) -> bool:
        """A peer that could not be measured has not been beaten."""
        if self.ratio is None:
            return False
        return self.ratio <= self.limit if self.at_most else self.ratio >= self.limit


def targets(p50_ns: dict[str, float]) -> list[Target]:
    """The three ratios, from the medians of the rows that were measured; ZeroMQ's is that of its quicker way.

    Peers return to bytecode, so the ring is compared with them there.
    """

    def ratio(above: str, below: str) -> float | None:
        return p50_ns[above] / p50_ns[below] if above in p50_ns and below in p50_ns else None

    zeromq = min(
        (name for name in (ZEROMQ_SPINNING, ZEROMQ_BLOCKING) if name in p50_ns),
        key=lambda name: p50_ns[name],
        default=ZEROMQ_SPINNING,
    )
    return [
        Target("ring ≤ 5 × bare cache line", COMPILED, ratio(COMPILED, BARE), 5, at_most=True),
        Target(
            "ring ≥ 100 × faster than ZeroMQ ipc", BYTECODE, ratio(zeromq, BYTECODE), 100,
            at_most=False, possible=ratio(zeromq, BARE),
        ),
        Target(
            "ring ≥ 10 × faster than iceoryx2", BYTECODE, ratio(ICEORYX2, BYTECODE), 10,
            at_most=False, possible=ratio(ICEORYX2, BARE),
        ),
    ]  # fmt: skip
