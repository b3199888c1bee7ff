"""Readings (name, labels, value) to metric families: one type and one help text a name, no doubles, a bound.

A scrape that Prometheus would refuse as a whole because of one bad line is worth less than one without that line:
whatever does not fit is left out and counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from watchd.exporter.fold import Folded
from watchd.exporter.names import Labels

# A whole suite has about 700 (tests/watchd/exporter/test_suite.py); a run-away region must not fill Prometheus.
SERIES_MAX: Final = 5000


class Type(Enum):
    """Of a metric family."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Reading:
    """One series; a histogram counts as one per bucket and two. `fallback_help`: for what the table does not know."""

    name: str
    type: Type
    value: float | Folded
    labels: Labels = ()
    fallback_help: str = ""

    @property
    def series(self) -> int:
        return len(self.value.buckets) + 2 if isinstance(self.value, Folded) else 1


def gauge(name: str, value: float, **labels: str) -> Reading:
    return Reading(name, Type.GAUGE, value, tuple(labels.items()))


def counter(name: str, value: float, **labels: str) -> Reading:
    return Reading(name, Type.COUNTER, value, tuple(labels.items()))


def one_hot(name: str, label: str, values: Iterable[str], now: str, **labels: str) -> list[Reading]:
    """A series per possible value, 1 for the one that holds; a value that is not possible holds as ``unknown``."""
    values = (*values, "unknown")
    now = now if now in values else "unknown"
    return [gauge(name, float(value == now), **labels, **{label: value}) for value in values]


@dataclass
class Families:
    """What is exposed in one scrape, in the order of arrival. `dropped` counts series that did not fit."""

    help_texts: Mapping[str, str]
    series_max: int = SERIES_MAX
    dropped: int = 0
    series: int = 0
    _families: dict[str, Metric] = field(default_factory=dict)
    _owners: dict[str, str] = field(default_factory=dict)  # exposed sample name -> its family
    _seen: set[tuple[str, Labels]] = field(default_factory=set)

    def add(self, reading: Reading) -> bool:
        """False: left out and counted."""
        key = (reading.name, tuple(sorted(reading.labels)))
        fits = self.series + reading.series <= self.series_max
        if not fits or key in self._seen or not self._claim(reading):
            self.dropped += reading.series
            return False
        self._seen.add(key)
        self.series += reading.series
        self._append(reading)
        return True

    def metrics(self) -> list[Metric]:
        return list(self._families.values())

    def _claim(self, reading: Reading) -> bool:
        """Whether the sample names of this reading are its family's, or nobody's yet."""
        suffixes = ("", "_bucket", "_count", "_sum") if reading.type is Type.HISTOGRAM else ("",)
        names = [reading.name + suffix for suffix in suffixes]
        owner = f"{reading.type.value} {reading.name}"
        if any(self._owners.get(name, owner) != owner for name in names):
            return False
        self._owners.update(dict.fromkeys(names, owner))
        return True

    def _append(self, reading: Reading) -> None:
        family = self._families.get(reading.name)
        if family is None:
            text = self.help_texts.get(reading.name) or reading.fallback_help or reading.name
            family = self._families[reading.name] = _FAMILY[reading.type](reading.name, text)
        labels = dict(reading.labels)
        if isinstance(reading.value, Folded):
            for le, count in reading.value.buckets:
                family.add_sample(f"{reading.name}_bucket", labels | {"le": le}, count)
            family.add_sample(f"{reading.name}_count", labels, reading.value.buckets[-1][1])
            family.add_sample(f"{reading.name}_sum", labels, reading.value.total)
        else:
            family.add_sample(reading.name, labels, reading.value)


_FAMILY = {
    Type.COUNTER: CounterMetricFamily,
    Type.GAUGE: GaugeMetricFamily,
    Type.HISTOGRAM: HistogramMetricFamily,
}
