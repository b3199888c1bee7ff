"""braind as a process with a configuration, a run directory and a notify socket of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from stopped import stands_still

from hft import stats
from hft.regions import monotonic_ns

BRAIND = Path(sys.executable).with_name("braind")
PATIENCE_S = 60.0
READY_S = 240.0  # the first one compiles everything
# Most tests here answer late or never, and want intents all the same.
NOBODY_ANSWERS = "braind.bench_strategy:AnsweredStrategy"


def wait_until(condition, what: str, patience_s: float = PATIENCE_S):
    deadline = time.monotonic() + patience_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {patience_s:g} s for {what}"
        time.sleep(0.005)
    return value


class Braind:
    """One braind process with a configuration and a notify socket of its own."""

    def __init__(self, run_directory: Path, model: Path, extra: str = "") -> None:
        self.directory = run_directory
        if "strategy =" not in extra:
            extra += f'\nstrategy = "{NOBODY_ANSWERS}"'
        config = run_directory / "hft.toml"
        config.write_text(
            f"""
[run]
directory = "{run_directory}"
huge_pages = "allow_small"
control_directory = "{run_directory}/control"
[feedd]
idle = "backoff"
[feedd.capacity]
instruments = 64
[feedd.feed]
line_a = "127.0.0.1:26477"
[braind]
idle = "backoff"
model = "{model}"
symbols = ["MADEUP", "OTHER"]
decision_interval_us = 0
score_threshold = 0.36
{extra}
"""
        )
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify_path = run_directory / f"notify.{id(self)}"
        self._notify.bind(str(notify_path))
        self._notify.setblocking(False)
        self._said: list[str] = []
        self.process = subprocess.Popen(
            [BRAIND, "--config", config],
            stderr=subprocess.PIPE,
            env={**os.environ, "NOTIFY_SOCKET": str(notify_path)},
            text=True,
        )

    def said(self, word: str) -> bool:
        try:
            while True:
                self._said += self._notify.recv(4096).decode().splitlines()
        except BlockingIOError:
            return word in self._said

    def wait_ready(self) -> Braind:
        wait_until(lambda: self.said("READY=1") or self.process.poll() is not None, "READY", READY_S)
        assert self.process.poll() is None, self.process.stderr.read()
        return self

    def value(self, name: str) -> int:
        return stats.read(str(self.directory / "braind" / "stats"))[name]

    def wait_for(self, name: str, least: int) -> int:
        wait_until(lambda: self.value(name) >= least, f"{name} to reach {least}, it is {self.value(name)}")
        return self.value(name)

    def freeze(self) -> None:
        """SIGSTOP; from here on it stands still."""
        self.process.send_signal(signal.SIGSTOP)
        wait_until(lambda: stands_still(self.process.pid), "braind to stand still")

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, list[dict]]:
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, [json.loads(line) for line in errors.splitlines()]

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
        self._notify.close()


def publish(feedd, events) -> None:
    events["publish_ts_ns"] = monotonic_ns()
    feedd.market_writer.publish_many(events)
