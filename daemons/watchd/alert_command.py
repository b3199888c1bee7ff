"""The alert command: started apart from watchd in every respect, given its deadline (see watchd/alert.py)."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

STDERR_BYTES_KEPT: Final = 400
FLOOD_PAUSE_S: Final = 0.05
DEATH_S: Final = 2.0
_NOT_FOR_CHILDREN: Final = ("NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_FDS", "LISTEN_PID")
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
_libc = ctypes.CDLL(None, use_errno=True)


def run_command(command: Sequence[str], payload: bytes, deadline: float) -> str | None:
    """Runs it until `deadline` (time.monotonic seconds). None: it ended with 0; else what went wrong."""
    _drop_ambient_capabilities()
    standard_input = os.memfd_create("alert")
    read_end, write_end = os.pipe2(os.O_CLOEXEC)
    try:
        os.write(standard_input, payload)
        os.lseek(standard_input, 0, os.SEEK_SET)
        pid = _spawn(command, standard_input, write_end)
    except OSError as error:
        os.close(read_end)
        return f"can not be started: {error.strerror}"
    finally:
        os.close(standard_input)
        os.close(write_end)
    try:
        return _watch(pid, read_end, deadline)
    finally:
        os.close(read_end)


def _drop_ambient_capabilities() -> None:
    """Of this thread and what it starts. They are what would survive exec (watchd may hold CAP_KILL so)."""
    _libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)


def _spawn(command: Sequence[str], standard_input: int, standard_error: int) -> int:
    actions: list[tuple[int, ...] | tuple[int, int, str, int, int]] = [
        (os.POSIX_SPAWN_DUP2, standard_input, 0),
        (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0),
        (os.POSIX_SPAWN_DUP2, standard_error, 2),
    ]
    # Python's and feedd's descriptors close themselves on exec; this is for those of other libraries.
    inherited = [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]
    actions += [(os.POSIX_SPAWN_CLOSE, descriptor) for descriptor in inherited if descriptor > 2]
    return os.posix_spawn(
        command[0],
        list(command),
        _environment(os.environ),
        file_actions=actions,
        setsid=True,
        setsigmask=(),
        setsigdef=signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP},
        scheduler=(os.SCHED_OTHER, os.sched_param(0)),
    )


def _environment(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name not in _NOT_FOR_CHILDREN}


def _watch(pid: int, standard_error: int, deadline: float) -> str | None:
    """Reads along until the process (not whoever inherited its standard error) has ended."""
    os.set_blocking(standard_error, False)
    told = bytearray()
    pidfd = os.pidfd_open(pid)
    try:
        open_end = [standard_error]
        while not _ended(pidfd, open_end, deadline):
            if time.monotonic() >= deadline:
                return _kill(pid, pidfd) + _said(told)
            if open_end and _read_some(standard_error, told) is False:
                open_end = []
        while open_end and _read_some(standard_error, told) is True and len(told) < STDERR_BYTES_KEPT:
            pass
    finally:
        os.close(pidfd)
    return _verdict(pid, told)


def _kill(pid: int, pidfd: int) -> str:
    """The whole group that the command made."""
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    if not _ended(pidfd, [], time.monotonic() + DEATH_S):
        return "killed: did not end in time, and does not die"
    with suppress(ChildProcessError):
        os.waitpid(pid, 0)
    return "killed: did not end in time"


def _ended(pidfd: int, others: list[int], deadline: float) -> bool:
    poll = select.poll()
    for descriptor in (pidfd, *others):
        poll.register(descriptor, select.POLLIN)
    ready = poll.poll(max(deadline - time.monotonic(), 0.0) * 1e3)
    return pidfd in [descriptor for descriptor, _ in ready]


def _read_some(descriptor: int, told: bytearray) -> bool | None:
    """False at the end, None: nothing now. A flood is read slowly: it costs its sender time and not watchd."""
    try:
        data = os.read(descriptor, 1 << 16)
    except BlockingIOError:
        return None
    room = STDERR_BYTES_KEPT - len(told)
    told += data[:room]
    if room <= 0:
        time.sleep(FLOOD_PAUSE_S)
    return bool(data)


def _verdict(pid: int, told: bytearray) -> str | None:
    try:
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except ChildProcessError:  # somebody ignores SIGCHLD: how it ended is not known
        return None
    if code == 0:
        return None
    return (f"exit code {code}" if code > 0 else f"ended by signal {-code}") + _said(told)


def _said(told: bytearray) -> str:
    text = " ".join(told.decode("utf-8", "replace").split())
    return f": {text}" if text else ""
