"""Fixtures of watchd's tests: a disk that is full, system calls that fail."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import pytest

_TAKEN_OVER = (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGPIPE)


@pytest.fixture(autouse=True)
def signals_as_they_were() -> Iterator[None]:
    """`watchd ctl kill` within a test ignores signals; what a later test starts would do so as well."""
    handlers = {number: signal.getsignal(number) for number in _TAKEN_OVER}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


FaultyCalls = Callable[..., AbstractContextManager[list[str]]]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """An empty file system of 64 KiB. Skips where mounting is not allowed."""
    directory = tmp_path / "small"
    directory.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k,mode=0750", "hft-test", directory],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(
            f"NOT TESTED on a really full disk: can not mount a tmpfs here ({mounted.stderr.strip()})"
        )
    yield directory
    subprocess.run(["umount", "-l", directory], check=True)


@pytest.fixture
def fill() -> Callable[[Path], None]:
    """Takes every free byte of a file system, by files in `directory`."""

    def take(directory: Path) -> None:
        with (directory / "ballast").open("wb", buffering=0) as ballast:
            for size in (4096, 1):
                with suppress(OSError):
                    while True:
                        ballast.write(b"x" * size)
        assert os.statvfs(directory).f_bavail == 0

    return take


@pytest.fixture
def faulty_calls(monkeypatch: pytest.MonkeyPatch) -> FaultyCalls:
    """`with faulty_calls(n, error)`: the n-th file call of the block fails; yields the names of those made.

    Counted are the calls of one thread, by default this one.
    """
    names = ("open", "fchmod", "fchown", "write", "fsync", "close", "rename", "link")

    @contextmanager
    def faults(nth: int, error: int, thread: threading.Thread | None = None) -> Iterator[list[str]]:
        made: list[str] = []
        counted = thread or threading.current_thread()

        def wrap(name: str, real: Callable[..., object]) -> Callable[..., object]:
            def call(*arguments: object, **named: object) -> object:
                if threading.current_thread() is not counted:
                    return real(*arguments, **named)
                made.append(name)
                if len(made) == nth:
                    if name == "close":
                        real(*arguments, **named)  # close() frees the descriptor also when it fails
                    raise OSError(error, os.strerror(error))
                return real(*arguments, **named)

            return call

        with monkeypatch.context() as patch:
            for name in names:
                patch.setattr(os, name, wrap(name, getattr(os, name)))
            yield made

    return faults
