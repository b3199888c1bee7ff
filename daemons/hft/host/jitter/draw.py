"""Jitter for people: one line a core, and where its interruptions lie; for programs, JSON."""

from __future__ import annotations

import math
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from hft._native import histogram_bucket_floor
from hft.host.jitter.measure import CoreJitter
from hft.host.jitter.peers import PeerResult

BAR_WIDTH = 40
CAUSES = 4


def print_jitter(
    results: list[CoreJitter],
    roles: dict[int, str],
    threshold_ns: int,
    others: list[PeerResult],
    console: Console,
) -> None:
    """`roles`: what the plan uses a core for."""
    console.print(_summary(results, roles, threshold_ns, others))
    for other in others:
        if other.problem:
            console.print(Text(f"{other.tool}: {other.problem}", "yellow"))
    for result in results:
        console.print(Text(f"\ncore {result.core}: interruptions of {_time(threshold_ns)} and more", "bold"))
        for line in bars(result, threshold_ns):
            console.print(Text(line))
        causes = ", ".join(f"{name} {count}" for name, count in list(result.causes.items())[:CAUSES])
        console.print(Text(f"interrupts meanwhile: {causes or 'none counted'}", "dim"))


def _summary(
    results: list[CoreJitter], roles: dict[int, str], threshold_ns: int, others: list[PeerResult]
) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("core", justify="right")
    table.add_column("for")
    measured = [other for other in others if not other.problem]
    for title in (
        "usual gap", f"≥ {_time(threshold_ns)} a second", "stolen", "longest", "at",
        *(f"longest, {other.tool}" for other in measured),
    ):  # fmt: skip
        table.add_column(title, justify="right")
    for result in results:
        table.add_row(
            str(result.core), roles.get(result.core, ""), _time(result.gaps.percentile(50)), f"{result.per_second:.1f}",
            f"{result.stolen_ppm:.0f} ppm", _time(result.gaps.max), f"{result.longest_at_ns / 1e9:.1f} s",
            *(_time(other.longest_us.get(result.core, 0.0) * 1e3) for other in measured),
        )  # fmt: skip
    return table


def bars(result: CoreJitter, threshold_ns: int) -> list[str]:
    """A line for each doubling of time that has interruptions; bars grow with the logarithm of the count."""
    counts = octaves(result, threshold_ns)
    if not counts:
        return ["  none"]
    full = math.log10(max(counts.values())) + 1
    lengths = {
        start: math.ceil(BAR_WIDTH * (math.log10(count) + 1) / full) for start, count in counts.items()
    }
    return [
        f"  {_time(start):>8} … {_time(2 * start):>8} {count:>9} {'█' * lengths[start]}"
        for start, count in counts.items()
    ]


def octaves(result: CoreJitter, threshold_ns: int) -> dict[int, int]:
    """Gaps by the power of two (ns) that they reach; whole fine buckets: up to 1/16 above the threshold is left out."""
    counts: dict[int, int] = {}
    for index in range(len(result.gaps.buckets)):
        count = int(result.gaps.buckets[index])
        if count and histogram_bucket_floor(index) >= threshold_ns:
            start = 1 << (max(1, histogram_bucket_floor(index)).bit_length() - 1)
            counts[start] = counts.get(start, 0) + count
    return counts


def document(
    results: list[CoreJitter], roles: dict[int, str], threshold_ns: int, others: list[PeerResult]
) -> dict[str, Any]:
    return {
        "threshold_ns": threshold_ns,
        "cores": [
            {
                "core": result.core,
                "role": roles.get(result.core, ""),
                "duration_ns": result.duration_ns,
                "gaps": result.gaps.count,
                "usual_gap_ns": result.gaps.percentile(50),
                "interruptions": result.interruptions,
                "interrupted_ns": result.interrupted_ns,
                "longest_ns": result.gaps.max,
                "longest_at_ns": result.longest_at_ns,
                "interrupts": result.causes,
                "histogram_ns": {
                    str(histogram_bucket_floor(index)): int(result.gaps.buckets[index])
                    for index in range(len(result.gaps.buckets))
                    if result.gaps.buckets[index]
                },
            }
            for result in results
        ],
        "peers": [
            {"tool": other.tool, "longest_us": other.longest_us, "problem": other.problem} for other in others
        ],
    }


def _time(nanoseconds: float) -> str:
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if nanoseconds >= size:
            return f"{nanoseconds / size:.3g} {unit}"
    return f"{nanoseconds:.0f} ns"
