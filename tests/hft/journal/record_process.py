"""`hft record` as a process with a configuration and a notify socket of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from hft import stats

HFT = Path(sys.executable).with_name("hft")
PATIENCE_S = 60.0


def wait_until(condition, what: str):
    deadline = time.monotonic() + PATIENCE_S
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {PATIENCE_S:g} s for {what}"
        time.sleep(0.005)
    return value


class Recording:
    """One `hft record` process."""

    def __init__(self, run_directory: Path, out: Path, *extra: str) -> None:
        self.run_directory, self.out = run_directory, out
        config = run_directory / "recorder.toml"
        config.write_text(
            f'[run]\ndirectory = "{run_directory}"\nhuge_pages = "allow_small"\n'
            '[feedd.feed]\nline_a = "127.0.0.1:26477"\n'
        )
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = run_directory / f"notify.{id(self)}"
        self._notify.bind(str(path))
        self._notify.setblocking(False)
        self._said: list[str] = []
        self.process = subprocess.Popen(
            [HFT, "record", "--config", config, "--directory", out, *extra],
            stderr=subprocess.PIPE, text=True, env={**os.environ, "NOTIFY_SOCKET": str(path)},
        )  # fmt: skip

    def said(self) -> list[str]:
        try:
            while True:
                self._said += self._notify.recv(4096).decode().splitlines()
        except BlockingIOError:
            return self._said

    def ready(self):
        wait_until(lambda: "READY=1" in self.said() or self.process.poll() is not None, "READY")
        assert self.process.poll() is None, self.process.stderr.read()
        return self

    def wait_for(self, name: str, least: int) -> None:
        path = str(self.run_directory / "recorder" / "stats")
        wait_until(lambda: stats.read(path)[name] >= least, f"{name} {least}, {stats.read(path)[name]}")

    def end(self, number: int | None = signal.SIGTERM) -> tuple[int, list[dict]]:
        if number is not None:
            self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, [json.loads(x) for x in errors.splitlines() if x.startswith("{")]

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
        self._notify.close()
