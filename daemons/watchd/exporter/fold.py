"""Log-linear histograms of shared memory, folded to the buckets that Prometheus stores.

A stats region counts in 976 fine buckets (16 an octave); Prometheus gets 24, in 1-2-5 steps: 100 ns … 5 s for
times, 1 … 50,000,000 for anything else. Nothing is interpolated. A fine bucket goes below an edge only when all its
values are at or below it, so each count is exact at the last fine boundary up to the edge, at most 1/16 below it:
``le="5e-06"`` counts what took up to 4863 ns. Too few in a bucket is the safe error, a latency never looks better
than it was. `exact_edges` are those boundaries; docs/METRICS.md lists them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from prometheus_client.utils import floatToGoString

from hft._native import HISTOGRAM_HEADER_WORDS, histogram_bucket, histogram_bucket_floor

FINE_BUCKETS: Final = histogram_bucket(2**64 - 1) + 1
HISTOGRAM_WORDS: Final = HISTOGRAM_HEADER_WORDS + FINE_BUCKETS
# In stored units: nanoseconds, or whatever the histogram counts.
EDGES_NS: Final = tuple(step * 10**decade for decade in range(2, 10) for step in (1, 2, 5))
EDGES: Final = tuple(step * 10**decade for decade in range(8) for step in (1, 2, 5))


@dataclass(frozen=True, slots=True)
class Folded:
    """`buckets`: (le, cumulative count) in rising order, +Inf last; `total` and `maximum` in the base unit."""

    buckets: tuple[tuple[str, int], ...]
    total: float
    maximum: float


def _fine_below(edge: int) -> int:
    """How many fine buckets hold nothing above `edge`."""
    index = histogram_bucket(edge)
    return index + 1 if histogram_bucket_floor(index + 1) - 1 == edge else index


def exact_edges(edges: tuple[int, ...]) -> tuple[int, ...]:
    """The largest value counted at each edge."""
    return tuple(histogram_bucket_floor(_fine_below(edge)) - 1 for edge in edges)


def _le(edge: float) -> str:
    """As Prometheus writes numbers."""
    return str(floatToGoString(edge))  # type: ignore[no-untyped-call]


_CUTS = {edges: np.array([_fine_below(edge) for edge in edges]) for edges in (EDGES_NS, EDGES)}
_LE = {
    (edges, divisor): tuple(_le(edge / divisor) for edge in edges)
    for edges, divisor in ((EDGES_NS, 1_000_000_000), (EDGES, 1))
}


def fold(words: NDArray[np.uint64], divisor: int) -> Folded:
    """`words` as in the region: count, sum, max, fine buckets. `divisor`: 10⁹ for nanoseconds, else 1.

    The count is the sum of the buckets, not the count word: words are read one after the other while the owner
    writes, and a histogram whose buckets disagree with its count is none. Raises ValueError when the words can not
    be a histogram.
    """
    if len(words) != HISTOGRAM_WORDS:
        raise ValueError(f"a histogram of {len(words)} words, {HISTOGRAM_WORDS} expected")
    fine = words[HISTOGRAM_HEADER_WORDS:]
    if float(fine.sum(dtype=np.float64)) >= 2.0**63:
        raise ValueError("a histogram with more entries than can ever have been counted")
    edges = EDGES if divisor == 1 else EDGES_NS
    cumulative = np.concatenate(([0], np.cumsum(fine, dtype=np.uint64)))
    counts = [int(count) for count in cumulative[_CUTS[edges]]]
    buckets = (*zip(_LE[edges, divisor], counts, strict=True), ("+Inf", int(cumulative[-1])))
    return Folded(buckets, int(words[1]) / divisor, int(words[2]) / divisor)
