"""Counters, gauges and log-linear histograms of a daemon, read from its stats region.

``read(path)`` takes one value after another with atomic loads: values are exact, the set of them is not one
moment. Writers are in C++ (feedd/stats.hpp) or use :class:`StatsBuilder` and :class:`StatsWriter`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hft._native import (
    HISTOGRAM_HEADER_WORDS,
    Region,
    StatsBuilder,
    StatsWriter,
    histogram_bucket_floor,
    load_words,
)
from hft.layout.dtypes import RegionKind, StatKind, dtype

__all__ = ["Histogram", "StatsBuilder", "StatsReader", "StatsWriter", "read"]


@dataclass(frozen=True)
class Histogram:
    """A copy of one histogram: 16 linear buckets an octave, so a percentile is at most 1/16 too high."""

    count: int
    sum: int
    max: int
    unit: str
    buckets: NDArray[np.uint64] = field(repr=False)

    @property
    def mean(self) -> float:
        """Exact mean of the recorded values; 0.0 when there are none."""
        return self.sum / self.count if self.count else 0.0

    def percentile(self, q: float) -> int:
        """Largest value of the bucket that holds the q-th percentile (q in 0 … 100); 0 when empty.

        Never above the exact maximum, which q = 100 returns. Raises ValueError for q outside 0 … 100.
        """
        if not 0.0 <= q <= 100.0:
            raise ValueError(f"a percentile is between 0 and 100, not {q}")
        total = int(self.buckets.sum())
        if total == 0:
            return 0
        if q == 100.0:
            return self.max
        rank = max(1, int(np.ceil(total * q / 100.0)))
        index = int(np.searchsorted(np.cumsum(self.buckets), rank))
        if index + 1 == len(self.buckets):
            return self.max
        return min(histogram_bucket_floor(index + 1) - 1, self.max)


class StatsReader:
    """One mapped stats region; ``read()`` as often as wanted. ``retired`` says when to open it again."""

    def __init__(self, path: str) -> None:
        """Raises RegionError, or RegionMissing when nobody wrote it yet."""
        self._region = Region.open(path, int(RegionKind.STATS))
        self._descriptors = [
            (
                _name(row), _text(row["unit"]), int(row["kind"]),
                int(row["value_offset_bytes"]), int(row["value_words"]),
            )
            for row in self._region.records(dtype("StatDescriptor"))
        ]  # fmt: skip

    @property
    def retired(self) -> bool:
        return self._region.retired

    @property
    def generation(self) -> int:
        return self._region.generation

    def units(self) -> dict[str, str]:
        """The unit of every value, by its name."""
        return {name: unit for name, unit, *_ in self._descriptors}

    def read(self) -> dict[str, int | Histogram]:
        """Every value by its Prometheus name, with its labels: ``name`` or ``name{key="value"}``."""
        out: dict[str, int | Histogram] = {}
        for name, unit, kind, offset, count in self._descriptors:
            words = load_words(self._region, offset, count)
            if kind == StatKind.HISTOGRAM:
                out[name] = Histogram(
                    int(words[0]), int(words[1]), int(words[2]), unit, words[HISTOGRAM_HEADER_WORDS:]
                )
            else:
                out[name] = int(words[0])
        return out


def _text(padded: NDArray[np.uint8]) -> str:
    return padded.tobytes().rstrip(b"\0").decode("ascii")


def _name(row: np.void) -> str:
    labels = _text(row["labels"])
    return f"{_text(row['name'])}{{{labels}}}" if labels else _text(row["name"])


def read(path: str) -> dict[str, int | Histogram]:
    """Opens a stats region and reads it once. Raises RegionError."""
    return StatsReader(path).read()
