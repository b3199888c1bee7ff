"""A group of daemons: started in order, watched by sd_notify, stopped in order, never left behind.

Each child gets a process group of its own (ctrl-C reaches only the supervisor, which then stops the group in order)
and PR_SET_PDEATHSIG, so that even a killed supervisor leaves no daemon running. No session of its own: the kernel
gives each session a share of the cores (autogroup, sched(7)), and a thread that mostly sleeps then waits 100 ms for
its turn on a busy machine. Daemons get the priority that their units give them, where that is permitted.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

PR_SET_PDEATHSIG = 1
DAEMON_NICE = -15
_libc = ctypes.CDLL(None, use_errno=True)


class GroupError(RuntimeError):
    """A daemon did not start, or ended when it should not; the text names it and shows its last words."""


def _prepare(nice: int) -> None:
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if nice:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, nice)


@dataclass
class Daemon:
    """One child process. `state` follows its sd_notify messages: STARTING, READY, STOPPING, then ENDED."""

    name: str
    process: subprocess.Popen[bytes]
    log_path: Path
    _notify: socket.socket
    state: str = "STARTING"
    status: str = ""
    messages: list[str] = field(default_factory=list)

    def observe(self) -> None:
        """Reads what the daemon has said since the last call. Never blocks."""
        with contextlib.suppress(BlockingIOError):
            while True:
                for line in self._notify.recv(4096).decode(errors="replace").splitlines():
                    key, _, value = line.partition("=")
                    if key == "READY":
                        self.state = "READY"
                    elif key == "STOPPING":
                        self.state = "STOPPING"
                    elif key == "STATUS":
                        self.status = value
        code = self.process.poll()
        if code is not None:
            self.state = "ENDED" if code == 0 else f"FAILED ({_exit_text(code)})"

    def last_words(self, lines: int = 12) -> str:
        """The end of its log."""
        text = self.log_path.read_text(errors="replace").splitlines()
        return "\n".join(f"    {line}" for line in text[-lines:])

    def close(self) -> None:
        self._notify.close()


def _exit_text(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit {code}"


class Group:
    """Starts and stops daemons; `directory` takes their logs and notify sockets."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.daemons: dict[str, Daemon] = {}

    def start(
        self,
        name: str,
        command: list[str],
        nice: int = 0,
        *,
        told: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> Daemon:
        """Starts `command` as `name`, with that priority if it may. Raises GroupError when it can not be executed.

        `told`: its standard input is a pipe, for `tell`.
        """
        notify_path = self._directory / f"{name}.notify"
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind(str(notify_path))
        notify.setblocking(False)
        log_path = self._directory / f"{name}.log"
        with log_path.open("wb") as log:
            try:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE if told else subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, "NOTIFY_SOCKET": str(notify_path), **(environment or {})},
                    process_group=0,
                    preexec_fn=lambda: _prepare(nice),
                )
            except OSError as error:
                notify.close()
                raise GroupError(f"{name}: can not execute {command[0]}: {error.strerror}") from error
        daemon = Daemon(name, process, log_path, notify)
        self.daemons[name] = daemon
        return daemon

    def wait_ready(self, name: str, timeout_seconds: float, idle: Callable[[], None]) -> None:
        """Waits for READY=1, calling `idle` meanwhile. Raises GroupError when it ends or takes too long."""
        daemon = self.daemons[name]
        deadline = time.monotonic() + timeout_seconds
        while True:
            daemon.observe()
            if daemon.state == "READY":
                return
            if daemon.process.returncode is not None:
                raise GroupError(f"{name} ended at start: {daemon.state}\n{daemon.last_words()}")
            if time.monotonic() > deadline:
                raise GroupError(f"{name} not ready after {timeout_seconds:.0f} s\n{daemon.last_words()}")
            idle()
            time.sleep(0.02)

    def tell(self, name: str) -> None:
        """An empty line on its standard input, and the end of it."""
        pipe = self.daemons[name].process.stdin
        assert pipe is not None
        with contextlib.suppress(BrokenPipeError):
            pipe.write(b"\n")
            pipe.close()

    def observe(self) -> None:
        for daemon in self.daemons.values():
            daemon.observe()

    def failed(self) -> list[Daemon]:
        """Daemons that ended with anything but success."""
        self.observe()
        return [d for d in self.daemons.values() if d.process.returncode not in (None, 0)]

    def stop(self, name: str, timeout_seconds: float = 5.0) -> bool:
        """SIGTERM, then SIGKILL when that does not help. True when it ended by itself with success."""
        daemon = self.daemons[name]
        if daemon.process.poll() is None:
            daemon.process.terminate()
            try:
                daemon.process.wait(timeout_seconds)
            except subprocess.TimeoutExpired:
                daemon.process.kill()
                daemon.process.wait()
        daemon.observe()
        return daemon.process.returncode == 0

    def stop_all(self) -> None:
        """Ends whatever still runs, last started first."""
        for name in reversed(list(self.daemons)):
            self.stop(name)
            self.daemons[name].close()
