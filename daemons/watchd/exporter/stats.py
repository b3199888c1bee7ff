"""A daemon's stats region: every counter, gauge and histogram it declared, whether or not anybody documented it.

Descriptors are written at birth and taken once per generation; values are loaded atomically, one after the other,
at each scrape. A descriptor that makes no sense is left out and counted, its neighbours are not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hft.layout.dtypes import StatKind, dtype
from hft.regions import Region, RegionError, load_words
from watchd.exporter.fold import HISTOGRAM_WORDS, fold
from watchd.exporter.names import NANOSECONDS, Labels, maximum_name, metric_name, parse_labels
from watchd.exporter.readings import Reading, Type

DESCRIPTORS_MAX: Final = 1024
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_WORDS = {int(StatKind.COUNTER): 1, int(StatKind.GAUGE): 1, int(StatKind.HISTOGRAM): HISTOGRAM_WORDS}
_TYPES = {
    int(StatKind.COUNTER): Type.COUNTER,
    int(StatKind.GAUGE): Type.GAUGE,
    int(StatKind.HISTOGRAM): Type.HISTOGRAM,
}


@dataclass(frozen=True, slots=True)
class Statistic:
    """One declared value: where it is, and as what it is exposed."""

    name: str
    type: Type
    labels: Labels
    divisor: int
    offset_bytes: int
    words: int
    fallback_help: str


class StatsReader:
    """Reads the stats of one daemon; descriptors are remembered as long as the region is the same."""

    def __init__(self, daemon: str) -> None:
        self._daemon = daemon
        self._region: Region | None = None
        self._statistics: list[Statistic] = []
        self._unusable = 0

    def read(self, region: Region) -> tuple[list[Reading], int]:
        """Readings, and how many declared values were unusable."""
        if region is not self._region:
            self._statistics, self._unusable = descriptors(region, self._daemon)
            self._region = region
        readings: list[Reading] = []
        unusable = self._unusable
        for statistic in self._statistics:
            try:
                readings += _value(statistic, load_words(region, statistic.offset_bytes, statistic.words))
            except (RegionError, ValueError):
                unusable += 1
        return readings, unusable


def descriptors(region: Region, daemon: str) -> tuple[list[Statistic], int]:
    """What a region declares, and how many of its descriptors are garbage (those beyond DESCRIPTORS_MAX too)."""
    rows = region.records(dtype("StatDescriptor"))
    statistics: list[Statistic] = []
    for row in rows[:DESCRIPTORS_MAX]:
        try:
            statistics.append(_statistic(row, daemon))
        except ValueError:  # UnicodeDecodeError is one
            continue
    return statistics, len(rows) - len(statistics)


def _statistic(row: np.void, daemon: str) -> Statistic:
    name, unit, kind = _text(row["name"]), _text(row["unit"]), int(row["kind"])
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a metric's name")
    if int(row["value_words"]) != _WORDS.get(kind):
        raise ValueError(f"{name}: kind {kind} of {row['value_words']} words")
    exposed = metric_name(daemon, name, unit, kind)
    what = f"{_TYPES[kind].value.capitalize()} {name} of {daemon}" + (f" in {unit}" if unit else "")
    return Statistic(
        exposed.name,
        _TYPES[kind],
        parse_labels(_text(row["labels"])),
        exposed.divisor,
        int(row["value_offset_bytes"]),
        _WORDS[kind],
        f"{what}; docs/METRICS.md does not know it.",
    )


def _value(statistic: Statistic, words: NDArray[np.uint64]) -> list[Reading]:
    name, labels, text = statistic.name, statistic.labels, statistic.fallback_help
    if statistic.type is not Type.HISTOGRAM:
        return [Reading(name, statistic.type, int(words[0]) / statistic.divisor, labels, text)]
    folded = fold(words, NANOSECONDS if statistic.divisor != 1 else 1)
    text_of_maximum = f"Largest value in {name} since its daemon started."
    largest = Reading(maximum_name(name), Type.GAUGE, folded.maximum, labels, text_of_maximum)
    return [Reading(name, statistic.type, folded, labels, text), largest]


def _text(padded: NDArray[np.uint8]) -> str:
    """Raises ValueError for what is not NUL-padded printable ASCII."""
    text = padded.tobytes().split(b"\0", 1)[0].decode("ascii")
    if not text.isprintable():
        raise ValueError(f"{text!r} is not printable")
    return text
