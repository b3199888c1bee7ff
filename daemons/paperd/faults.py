"""Injected network faults: what a line does to every packet, drawn once from a seed.

Everything about data packets is decided before sending, so the same seed gives the same faults however the
machine is loaded. Heartbeats and end-of-session packets are drawn as they come, from a stream of their own.
"""

from dataclasses import dataclass
from random import Random
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

SENT, DUPLICATE, REORDERED, LOST, SILENCED = range(5)
"""Fates of a line's entries; from LOST on, nothing leaves."""

Window = tuple[int, int]
"""Start and length in ns, from the start of sending."""


@dataclass(frozen=True)
class LineFaults:
    """One line's faults. Chances are a packet's, from 0 to 1.

    A reordered packet is held until 1 to `reorder_depth` later packets have left; a duplicate follows
    within `reorder_depth` packets. `skew_ns` delays the whole line. In a silence nothing leaves the line.
    """

    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    reorder_depth: int = 4
    skew_ns: int = 0
    silences: tuple[Window, ...] = ()


class LinePlan(NamedTuple):
    """What a line does, in order: packet number, fate, and when it is due from the start of sending."""

    packet: npt.NDArray[np.int64]
    fate: npt.NDArray[np.uint8]
    due_ns: npt.NDArray[np.int64]


def plan_line(due_ns: npt.NDArray[np.int64], faults: LineFaults, seed: int, line: int) -> LinePlan:
    """A line's plan for packets due at `due_ns` int64[n]; `line` tells the lines' draws apart."""
    random = np.random.Generator(np.random.PCG64([seed, line]))
    n = len(due_ns)
    lost = random.random(n) < faults.loss
    reordered = (random.random(n) < faults.reorder) & ~lost
    duplicated = np.flatnonzero((random.random(n) < faults.duplicate) & ~lost)
    held = random.integers(1, faults.reorder_depth + 1, n)
    copy_held = random.integers(0, faults.reorder_depth + 1, n)
    place = np.arange(n) + np.where(reordered, held + 0.5, 0.0)
    packet = np.concatenate([np.arange(n), duplicated])
    fate = np.where(lost, LOST, np.where(reordered, REORDERED, SENT))
    fate = np.concatenate([fate, np.full(len(duplicated), DUPLICATE)]).astype(np.uint8)
    order = np.argsort(
        np.concatenate([place, place[duplicated] + copy_held[duplicated] + 0.25]), kind="stable"
    )
    packet, fate = packet[order], fate[order]
    entry_due_ns = np.maximum.accumulate(due_ns[packet]) + faults.skew_ns
    for start_ns, length_ns in faults.silences:
        fate[(entry_due_ns >= start_ns) & (entry_due_ns < start_ns + length_ns) & (fate != LOST)] = SILENCED
    return LinePlan(packet, fate, entry_due_ns)


class PacketDice:
    """Fates of packets that no plan holds: control packets of a line, retransmissions."""

    def __init__(self, loss: float, silences: tuple[Window, ...], seed: int, stream: str) -> None:
        self._loss = loss
        self._silences = silences
        self._random = Random(f"{seed} {stream}")

    def fate(self, elapsed_ns: int) -> int:
        """SENT, LOST or SILENCED; `elapsed_ns` is negative before sending starts."""
        lost = self._random.random() < self._loss
        if any(start <= elapsed_ns < start + length for start, length in self._silences):
            return SILENCED
        return LOST if lost else SENT
