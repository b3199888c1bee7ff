"""One scrape: every source once, what they gave as metric families, and the exporter's account of itself.

Scrapes are taken one at a time (sources keep their maps and what they saw last); a slow client is not waited for,
because the text is complete before the first byte is sent.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from importlib.metadata import version
from typing import Final

from prometheus_client.core import InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from hft._native import LAYOUT_HASH
from hft.regions import RegionError
from watchd.exporter.control import Now
from watchd.exporter.help_texts import HELP_TEXTS
from watchd.exporter.readings import Families, Reading, counter, gauge
from watchd.exporter.sources import MISSING, Outcome, Source, Sources

# What bytes that nobody vouches for make our readers raise. Anything else is a mistake of ours and fails the scrape.
GARBAGE: Final = (RegionError, OSError, ValueError)


class SuiteCollector(Collector):
    """For a CollectorRegistry of its own. `tell(source, problem)` is called when a source's problem changes."""

    def __init__(self, sources: Sources, tell: Callable[[str, str], None]) -> None:
        self._sources = sources
        self._tell = tell
        self._lock = threading.Lock()
        self._scrapes = 0
        self._errors: dict[str, int] = {}
        self._problems: dict[str, str] = {}

    def describe(self) -> Iterable[Metric]:
        """Nothing: what there is depends on who runs, and registering must not scrape."""
        return ()

    def collect(self) -> Iterable[Metric]:
        with self._lock:
            return self._scrape()

    def _scrape(self) -> list[Metric]:
        started_ns = time.perf_counter_ns()
        self._scrapes += 1
        now = Now.read()
        families = Families(HELP_TEXTS)
        own: list[Reading] = []
        for source in self._sources.all():
            outcome, there = self._ask(source, now)
            for reading in outcome.readings:
                families.add(reading)
            if there or source.expected:
                own.append(gauge("hft_exporter_up", float(there and not outcome.problem), source=source.name))
                own.append(
                    counter("hft_exporter_errors_total", self._errors.get(source.name, 0), source=source.name)
                )
        metrics = families.metrics()
        own.append(counter("hft_exporter_scrapes_total", self._scrapes))
        own.append(gauge("hft_exporter_dropped_series", families.dropped))
        own.append(gauge("hft_exporter_scrape_duration_seconds", (time.perf_counter_ns() - started_ns) / 1e9))
        account = Families(HELP_TEXTS)
        for reading in own:
            account.add(reading)
        return [_build_info(), *metrics, *account.metrics()]

    def _ask(self, source: Source, now: Now) -> tuple[Outcome, bool]:
        """What the source gave, and whether it is there at all."""
        try:
            outcome, there = source.read(now), True
        except MISSING:
            outcome, there = Outcome(), False
        except GARBAGE as error:
            outcome, there = Outcome(problem=str(error) or type(error).__name__), True
        if outcome.problem:
            self._errors[source.name] = self._errors.get(source.name, 0) + 1
        if outcome.problem != self._problems.get(source.name, ""):
            self._problems[source.name] = outcome.problem
            self._tell(source.name, outcome.problem)
        return outcome, there


def _build_info() -> Metric:
    facts = {"version": version("hft-suite"), "layout": f"0x{LAYOUT_HASH:016x}"}
    return InfoMetricFamily("hft_build", HELP_TEXTS["hft_build_info"], value=facts)
