"""paperd → feedd → braind with a recorder beside them, as real processes in a directory of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from hft import stats
from hft.demo.group import Group
from hft.demo.prepare import executable, free_udp_ports
from hft.regions import RegionError

PATIENCE_S = 120.0


def wait_until(condition, what: str):
    deadline = time.monotonic() + PATIENCE_S
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {PATIENCE_S:g} s for {what}"
        time.sleep(0.01)
    return value


class Suite:
    """Started piece by piece; everything is ended by `close`."""

    def __init__(
        self, directory: Path, shared: Path, day: Path, date: str, symbols: list[str], model: Path
    ) -> None:
        self.journal, self._shared, self._day = directory / "journal", shared, day
        self._ports = free_udp_ports(3)
        self._summary = directory / "paperd.json"
        line_a, line_b, request = (f"127.0.0.1:{port}" for port in self._ports)
        self.config = directory / "hft.toml"
        self.config.write_text(
            f"""
[run]
directory = "{shared}"
huge_pages = "allow_small"
control_directory = "{shared}/control"
[feedd]
idle = "backoff"
[feedd.capacity]
market_ring_records = 131072
updates_ring_records = 4096
orders = 1048576
levels = 524288
[feedd.feed]
line_a = "{line_a}"
line_b = "{line_b}"
request_server = "{request}"
trading_date = "{date}"
[braind]
idle = "backoff"
model = "{model}"
symbols = {json.dumps(symbols)}
score_threshold = 0.36
checkpoint_interval_records = 10000
"""
        )
        self.group = Group(directory)
        self._lives: dict[str, int] = {}

    def start(self, name: str, *extra: str) -> None:
        """feedd, braind or the recorder, ready."""
        commands = {
            "feedd": [executable("feedd"), "--config", str(self.config)],
            "braind": [executable("braind"), "--config", str(self.config)],
            "recorder": [
                executable("hft"), "record", "--config", str(self.config), "--directory", str(self.journal),
            ],
        }  # fmt: skip
        self._name = f"{name}{self._lives.setdefault(name, 0)}"
        self.group.start(self._name, [*commands[name], *extra])
        self.group.wait_ready(self._name, PATIENCE_S, lambda: None)

    def life(self, name: str) -> str:
        return f"{name}{self._lives[name]}"

    def end(self, name: str) -> None:
        assert self.group.stop(self.life(name), PATIENCE_S), self.group.daemons[self.life(name)].last_words()
        self._lives[name] += 1

    def kill(self, name: str) -> None:
        process = self.group.daemons[self.life(name)].process
        process.send_signal(signal.SIGKILL)
        process.wait()
        self._lives[name] += 1

    def play(self, speed: float, *extra: str) -> subprocess.Popen[bytes]:
        """The venue sends the day."""
        line_a, line_b, request = (f"127.0.0.1:{port}" for port in self._ports)
        return subprocess.Popen(
            [
                executable("paperd"), "replay", "--capture", str(self._day), "--speed", str(speed),
                "--line-a", line_a, "--line-b", line_b, "--request", request, "--json", str(self._summary), *extra,
            ],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip

    def value(self, daemon: str, name: str) -> int:
        try:
            return int(stats.read(str(self._shared / daemon / "stats"))[name])
        except (RegionError, KeyError):
            return 0

    def settled(self) -> None:
        """Everything that feedd published was read by braind, and all intents are answered."""

        def published() -> int:
            return self.value("feedd", "feedd_published_total")

        def read() -> bool:
            names = ("braind_events_consumed_total", "braind_ring_lost_total")
            return sum(self.value("braind", name) for name in names) >= of_the_day

        def answered() -> bool:
            kinds = (f'braind_updates_total{{kind="{kind}"}}' for kind in ("refused", "would_send"))
            answers = sum(self.value("braind", kind) for kind in kinds)
            return self.value("braind", "braind_intents_total") == answers

        wait_until(lambda: self.value("feedd", "feedd_end_of_session") == 1, "the day to end")
        before = published()  # perhaps of a moment before the end; ticks go on, and the next count has it all
        wait_until(lambda: published() > before, "a tick after the day")
        of_the_day = published()
        wait_until(lambda: read() and answered(), "braind to have read all of it, and its answers")
        time.sleep(0.3)

    def replay(self, *extra: str, journal: Path | None = None, **environment: str) -> tuple[int, dict, str]:
        """(exit code, document, text)"""
        out = self.journal.parent / "outcome.json"
        out.unlink(missing_ok=True)
        done = subprocess.run(
            [executable("braind"), "--replay", journal or self.journal, "--json", out, *extra],
            capture_output=True, text=True, check=False, timeout=240, env=os.environ | environment,
        )  # fmt: skip
        return done.returncode, json.loads(out.read_text()) if out.exists() else {}, done.stdout + done.stderr

    def close(self) -> None:
        self.group.stop_all()


def hft(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The people's command."""
    return subprocess.run(
        [Path(sys.executable).with_name("hft"), *map(str, arguments)],
        capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip


def busiest(day: Path, date: str, count: int) -> list[str]:
    """Symbols by how often the top of their book changes."""
    from hft.decode.capture_file import CaptureFile
    from hft.decode.decoder import Decoder
    from hft.layout.dtypes import EventFlags

    changes = np.zeros(1 << 16, np.int64)
    with CaptureFile(day) as file:
        for batch in Decoder(file, date).batches():
            touched = batch.events[(batch.events["flags"] & EventFlags.TOP_CHANGED) != 0]
            changes += np.bincount(touched["instrument_id"], minlength=len(changes))
            symbols = batch.symbols
    return [str(symbols[i]) for i in np.argsort(-changes, kind="stable")[:count] if changes[i]]
