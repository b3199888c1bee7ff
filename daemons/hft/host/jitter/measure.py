"""Gaps between two readings of the clock, by core, and what the kernel says it did there meanwhile."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import numpy as np

from hft._native import CoreGaps, measure_gaps
from hft.host.tree import Hidden, Tree
from hft.stats import Histogram


@dataclass(frozen=True)
class CoreJitter:
    """One core. `gaps`: all, in ns; `interruptions`: those of at least the threshold; `causes`: interrupts by name."""

    core: int
    duration_ns: int
    gaps: Histogram
    interruptions: int
    interrupted_ns: int
    longest_at_ns: int
    causes: dict[str, int] = field(default_factory=dict)

    @property
    def stolen_ppm(self) -> float:
        """The interruptions' share of the time, in millionths."""
        return self.interrupted_ns * 1e6 / self.duration_ns if self.duration_ns else 0.0

    @property
    def per_second(self) -> float:
        return self.interruptions * 1e9 / self.duration_ns if self.duration_ns else 0.0


class CoreUnusable(Exception):
    """A thread could not be put on `core`."""

    def __init__(self, core: int, problem: str) -> None:
        super().__init__(f"core {core}: {problem}")
        self.core = core


def measure(cores: list[int], duration_s: float, threshold_ns: int, tree: Tree) -> list[CoreJitter]:
    """All cores at once. Raises CoreUnusable, before it measures anything that would not count."""
    before = interrupts(tree)
    gaps = measure_gaps(cores, int(duration_s * 1e9), threshold_ns)
    after = interrupts(tree)
    for each in gaps:
        if each.error:
            raise CoreUnusable(each.core, os.strerror(each.error).lower())
    return [_jitter(each, _difference(before, after, each.core)) for each in gaps]


def _jitter(gaps: CoreGaps, causes: dict[str, int]) -> CoreJitter:
    buckets = np.array(gaps.buckets, np.uint64)
    histogram = Histogram(gaps.gaps, gaps.duration_ns, gaps.longest_ns, "ns", buckets)
    return CoreJitter(
        gaps.core,
        gaps.duration_ns,
        histogram,
        gaps.interruptions,
        gaps.interrupted_ns,
        gaps.longest_at_ns,
        causes,
    )


def interrupts(tree: Tree) -> dict[int, dict[str, int]]:
    """/proc/interrupts by core: counts by a short name (``LOC``, ``24 eth0-rx-0``); nothing where it is hidden."""
    try:
        lines = tree.text("/proc/interrupts").splitlines()
    except Hidden:
        return {}
    cores = [int(word.removeprefix("CPU")) for word in lines[0].split()] if lines else []
    counts: dict[int, dict[str, int]] = {core: {} for core in cores}
    for line in lines[1:]:
        label, _, rest = line.partition(":")
        words = rest.split()
        if len(words) < len(cores):  # ERR and MIS are one number for all
            continue
        label = label.strip()
        name = f"{label} {words[-1]}" if label.isdecimal() else label
        for core, word in zip(cores, words, strict=False):
            counts[core][name] = int(word) if word.isdecimal() else 0
    return counts


def _difference(
    before: dict[int, dict[str, int]], after: dict[int, dict[str, int]], core: int
) -> dict[str, int]:
    """What was counted in between, the most frequent first."""
    earlier = before.get(core, {})
    counted = {name: count - earlier.get(name, 0) for name, count in after.get(core, {}).items()}
    return dict(sorted(((n, c) for n, c in counted.items() if c > 0), key=lambda item: -item[1]))
