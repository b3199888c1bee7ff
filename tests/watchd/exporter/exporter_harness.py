"""The exporter as a process, a whole suite's regions and files to read, and scrapes as dictionaries."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import CollectorRegistry

from hft.config import Config, load
from hft.layout.dtypes import LoopState, RegionKind, VetoReason, dtype
from hft.regions import FenceWriter, ProgressWriter, Region
from hft.stats import StatsBuilder, StatsWriter
from watchd.exporter.collector import SuiteCollector
from watchd.exporter.sources import Sources
from watchd.state_file import StateFile, StateRecord
from watchd.states import SuiteState

DEADLINE_S = 30.0
Series = dict[str, float]


def series(text: str) -> Series:
    """`name{key="value"}` with sorted keys -> value. Two lines of one series fail."""
    out: Series = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f'{key}="{value}"' for key, value in sorted(sample.labels.items()))
            name = f"{sample.name}{{{labels}}}" if labels else sample.name
            assert name not in out, name
            out[name] = sample.value
    return out


class Suite:
    """`run` and `state` directories with everything in them; the writers are open for tests to write more."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.run, self.state = directory, directory / "run", directory / "state"
        for path in (
            self.run,
            self.state,
            *(self.run / name for name in ("feedd", "braind", "watchd", "operator")),
        ):
            path.mkdir()
        self.config = directory / "hft.toml"
        self.config.write_text(
            f'[run]\ndirectory = "{self.run}"\nhuge_pages = "allow_small"\n'
            f'[feedd.feed]\nline_a = "127.0.0.1:26477"\n[watchd]\nstate_directory = "{self.state}"\n'
            f'[watchd.exporter]\ndoctor_report = "{directory}/doctor.json"\n'
        )
        self.fence_region = self._adopt("watchd/fence", RegionKind.FENCE, "Fence")
        self.fence = FenceWriter(self.fence_region)
        self.veto = self._adopt("operator/veto", RegionKind.VETO, "VetoNote")
        self.limits = self._adopt("watchd/limits", RegionKind.LIMITS, "Limits")
        self.positions = self._create(
            "feedd/gateway.positions", RegionKind.GATEWAY_POSITIONS, "GatewayPosition", 16
        )
        self.board = self._create("feedd/market.board", RegionKind.MARKET_BOARD, "BoardEntry", 16)
        self.gateway = self._create("feedd/gateway.state", RegionKind.GATEWAY_STATE, "GatewayState")
        self.intents = self._create("braind/intents.ring", RegionKind.INTENTS_RING, "OrderIntent", 16)
        feedd = self._create("feedd/progress", RegionKind.PROGRESS, "LoopProgress", 2)
        brain = self._create("braind/progress", RegionKind.PROGRESS, "LoopProgress", 1)
        self.market, self.gateway_loop = ProgressWriter(feedd, 0), ProgressWriter(feedd, 1)
        self.brain = ProgressWriter(brain, 0)
        self.brain.enter(int(LoopState.READY))
        self.feedd_stats = self.stats("feedd", [("counter", "feedd_packets_total", "packets", 'line="a"')])
        self.braind_stats = self.stats("braind", [("histogram", "braind_model_ns", "ns", "")])
        self.save_state()

    def _adopt(self, name: str, kind: int, record: str) -> Region:
        return Region.adopt(str(self.run / name), int(kind), dtype(record).itemsize)

    def _create(self, name: str, kind: int, record: str, capacity: int = 1) -> Region:
        return Region.create(str(self.run / name), int(kind), capacity, dtype(record).itemsize)

    def stats(self, daemon: str, declared: list[tuple[str, str, str, str]]) -> StatsWriter:
        """A stats region of (kind, name, unit, labels)."""
        (self.run / daemon).mkdir(exist_ok=True)
        builder = StatsBuilder()
        for kind, name, unit, labels in declared:
            getattr(builder, kind)(name, unit, 0, labels)
        return builder.create(str(self.run / daemon / "stats"))

    def save_state(self, **changes: object) -> None:
        record = StateRecord(
            state=SuiteState.DISARMED, reason="disarmed", detail="", by="ada", uid=0,
            at="2026-11-24T15:00:00.250000+00:00", epoch=7, open_orders=0,
        )  # fmt: skip
        StateFile(self.state).save(replace(record, **changes))  # type: ignore[arg-type]

    def save_kill(self, **changes: object) -> None:
        report = {"reason": "loop_silent", "detail": "brain", "by": "watchd", "uid": 0, "epoch": 7,
                  "at": "2026-11-24T16:00:00+00:00", "fence_was_open": True, "open_orders": 0, "drained": True,
                  "steps_us": {"braind_signalled": 40, "braind_dead": 1500}}  # fmt: skip
        (self.state / "last_kill.json").write_text(json.dumps(report | changes))

    def save_doctor(self, **changes: object) -> None:
        checks = [{"id": "memory_swap", "severity": "fatal", "state": "failed"},
                  {"id": "clock_source", "severity": "fatal", "state": "passed"},
                  {"id": "power_governor", "severity": "warning", "state": "hidden"},
                  {"id": "nic_up", "severity": "fatal", "state": "not_asked"}]  # fmt: skip
        report = {"at": "2026-11-24T16:00:00+00:00", "profile": "isolated", "fit": False, "checks": checks}
        (self.directory / "doctor.json").write_text(json.dumps(report | changes))

    def veto_by_operator(self) -> None:
        self.veto.records(dtype("VetoNote"))["set_ts_ns"] = 1_700_000_000_250_000_000
        self.veto.set_veto(int(VetoReason.OPERATOR))

    def write_gateway(self, **words: int) -> None:
        for name, value in words.items():
            self.gateway.records(dtype("GatewayState"))[name] = value


class Scraper:
    """The collector in this process; `problems` is what it told, in order."""

    def __init__(self, config: Path | Config) -> None:
        self.problems: list[tuple[str, str]] = []
        self._registry = CollectorRegistry()
        sources = Sources(load(config) if isinstance(config, Path) else config)
        self._registry.register(SuiteCollector(sources, lambda *told: self.problems.append(told)))

    def text(self) -> str:
        from prometheus_client.exposition import generate_latest

        return generate_latest(self._registry).decode()

    def scrape(self) -> Series:
        return series(self.text())


class Exporter:
    """`watchd exporter` as a process on a free port of 127.0.0.1."""

    def __init__(
        self, config: Path, *arguments: str, listen: str = "127.0.0.1:0", prefix: tuple[str, ...] = ()
    ) -> None:
        self.command = [*prefix, *COMMAND, "--config", str(config), "--listen", listen, *arguments]
        self.log_path = config.with_name(f"exporter.{id(self)}.log")
        self.process: subprocess.Popen[bytes] | None = None
        self.address, self.port = "", 0

    def start(self, **environment: str) -> Exporter:
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(self.command, stderr=log, env=os.environ | environment)
        wait_until(lambda: self.ended() or bool(self.logged("started")), "the exporter starts")
        assert not self.ended(), self.log_path.read_text()
        self.address, _, port = str(self.logged("started")[0]["listen"]).partition(":")
        self.port = int(port)
        return self

    def ended(self) -> bool:
        assert self.process is not None
        return self.process.poll() is not None

    def logged(self, event: str) -> list[dict[str, object]]:
        lines = [json.loads(line) for line in self.log_path.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == event]

    def get(self, path: str = "/metrics", **headers: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection(self.address, self.port, timeout=DEADLINE_S)
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        body = response.read().decode()
        connection.close()
        return response.status, body

    def scrape(self) -> Series:
        status, body = self.get()
        assert status == 200, body
        return series(body)

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(DEADLINE_S)

    def kill(self) -> None:
        if self.process is not None and not self.ended():
            self.process.kill()
            self.process.wait(DEADLINE_S)


COMMAND = (sys.executable, "-m", "watchd.exporter.main")


def run_exporter(*arguments: object) -> subprocess.CompletedProcess[str]:
    """One that ends by itself."""
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)


def wait_until(condition: Callable[[], bool], what: str, deadline_s: float = DEADLINE_S) -> None:
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, f"not within {deadline_s} s: {what}"
        time.sleep(0.01)


def check_metrics(text: str) -> str:
    """What `promtool check metrics` has to say: nothing when all is well."""
    done = subprocess.run(
        ["promtool", "check", "metrics"],
        input=text,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    return done.stdout + done.stderr + (f"exit code {done.returncode}" if done.returncode else "")
