"""A real Prometheus scrapes the exporter, and its query language finds what people will ask for."""

from __future__ import annotations

import json
import math
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from exporter_harness import DEADLINE_S, Exporter, Suite, wait_until
from feedd_harness import Feed, Feedd

from hft.layout.dtypes import LoopState
from hft.regions import monotonic_ns
from watchd.exporter.fold import EDGES_NS

Series = list[dict[str, object]]


class Prometheus:
    """A server with storage of its own that scrapes `exporter` every second."""

    def __init__(self, directory: Path, exporter: Exporter) -> None:
        config = directory / "prometheus.yml"
        config.write_text(
            "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
            "scrape_configs:\n"
            "- job_name: hft\n"
            f"  static_configs: [{{targets: ['127.0.0.1:{exporter.port}']}}]\n"
        )
        self.log_path = directory / "prometheus.log"
        self.port = 0
        command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={directory / 'data'}",
                   "--web.listen-address=127.0.0.1:0", "--log.format=json"]  # fmt: skip
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_until(self._listens, "Prometheus listens")

    def _listens(self) -> bool:
        assert self.process.poll() is None, self.log_path.read_text()
        for line in self.log_path.read_text().splitlines():
            said = json.loads(line) if line.startswith("{") else {}
            if said.get("msg") == "Listening on":
                self.port = int(str(said["address"]).rpartition(":")[2])
        return self.port != 0

    def query(self, promql: str) -> Series:
        """The series of an instant query; none while Prometheus is still starting."""
        url = f"http://127.0.0.1:{self.port}/api/v1/query?" + urllib.parse.urlencode({"query": promql})
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                found: Series = json.load(answer)["data"]["result"]
                return found
        except urllib.error.URLError:
            return []

    def value(self, promql: str) -> float:
        """Of a query with one answer; NaN while it has another number of them."""
        found = self.query(promql)
        return float(found[0]["value"][1]) if len(found) == 1 else math.nan  # type: ignore[index]

    def check(self, promql: str, low: float, high: float | None = None) -> None:
        """One answer, from `low` to `high`. A scrape that came too late leaves none, or an `up` of 0, to the next."""
        end, high = time.monotonic() + DEADLINE_S, low if high is None else high
        while not low <= (value := self.value(promql)) <= high:
            assert time.monotonic() < end, f"{promql} is {value}, not from {low} to {high}"
            time.sleep(0.05)

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(DEADLINE_S)


@pytest.fixture
def make_prometheus(tmp_path: Path) -> Iterator[Callable[[Exporter], Prometheus]]:
    made: list[Prometheus] = []

    def make(exporter: Exporter) -> Prometheus:
        made.append(Prometheus(tmp_path, exporter))
        return made[-1]

    yield make
    for each in made:
        each.stop()


def test_queries_over_a_whole_suite_find_their_series(
    suite: Suite, make_exporter: Callable[..., Exporter], make_prometheus: Callable[[Exporter], Prometheus]
) -> None:
    suite.save_kill()
    suite.fence.open(8, 12345, monotonic_ns() + 600_000_000_000)
    prometheus = make_prometheus(make_exporter(suite.config))
    end = time.monotonic() + DEADLINE_S
    while not prometheus.query("rate(hft_loop_iterations_total{loop='brain'}[5s]) > 0"):
        assert time.monotonic() < end, "no rate after 30 s"
        suite.brain.round(1, 1, 0)
        for nanoseconds in (900, 4_000, 5_000, 40_000):
            suite.braind_stats.record(0, nanoseconds)
        time.sleep(0.2)
    prometheus.check("up{job='hft'}", 1)
    prometheus.check("hft_fence_open", 1)
    prometheus.check("hft_suite_state{state='disarmed'}", 1)
    prometheus.check(f"hft_loop_state{{loop='brain',state='{LoopState.READY.name.lower()}'}}", 1)
    prometheus.check("count(hft_last_kill_step_seconds)", 2)
    prometheus.check("min(hft_exporter_up)", 1)
    prometheus.check("time() - hft_suite_state_timestamp_seconds != bool 0", 1)
    prometheus.check("count(hft_braind_model_seconds_bucket)", len(EDGES_NS) + 1)
    # 900 of the four, exactly; 4000 ns too at 5 µs, 5000 ns lies between the exact edge and the edge.
    below = "hft_braind_model_seconds_bucket{{le='{}'}} / ignoring(le) hft_braind_model_seconds_count"
    prometheus.check(below.format("1e-06"), 0.25)
    prometheus.check(below.format("5e-06"), 0.5)
    prometheus.check(below.format("0.0001"), 1)
    prometheus.check("histogram_quantile(0.5, hft_braind_model_seconds_bucket)", 2e-6, 5e-6)


def test_a_scrape_of_a_real_feedd_is_taken_whole_and_its_death_is_seen(
    feedd: Feedd,
    feed: Feed,
    make_exporter: Callable[..., Exporter],
    make_prometheus: Callable[[Exporter], Prometheus],
) -> None:
    exporter = make_exporter(feedd.config)
    prometheus = make_prometheus(exporter)
    wait_until(lambda: prometheus.query("hft_daemon_alive{daemon='feedd'} == 1") != [], "feedd is seen")
    exposed = {name.partition("{")[0] for name in exporter.scrape()}

    def stored() -> set[str]:
        return {str(series["metric"]["__name__"]) for series in prometheus.query("{job='hft'}")}  # type: ignore[index]

    wait_until(lambda: exposed <= stored(), f"stored are {exposed}")
    feedd.kill()
    dead = "hft_daemon_alive{daemon='feedd'} == 0 and on() hft_feedd_huge_pages"
    wait_until(lambda: prometheus.query(dead) != [], "its death is seen, its figures stay")
