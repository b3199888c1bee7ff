"""How the native line to watchd lives in a process: closing, signals, forks, an end without a goodbye."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_watchd import FakeWatchd
from feedd_harness import wait_until

from hft._native import WatchdLink
from hft.layout.dtypes import DaemonId, RegionKind, dtype
from hft.regions import ProgressWriter, Region

CLOSED_WITHIN_S = 1.0  # seen: 0.1 ms

Make = Callable[[], FakeWatchd]


def is_registered(link: WatchdLink) -> None:
    wait_until(lambda: link.registered, "it is registered")
    assert link.refusal == ""


def test_closing_ends_it_at_once_wherever_it_is(make_watchd: Make, control: Path, progress: Region) -> None:
    make_watchd()
    for after_s in (0.0, 0.01, 0.05):
        link = WatchdLink(str(control), int(DaemonId.FEEDD), progress, 1_000_000_000)
        link.start()
        time.sleep(after_s)
        began = time.monotonic()
        link.close()
        link.close()
        assert time.monotonic() - began < CLOSED_WITHIN_S
        assert not link.registered


HELPERS = ("hft-watchd-link", "ZMQbg")


def blocked_signals() -> dict[str, int]:
    """Signal mask of each helper thread of this process, by its id and name."""
    masks = {}
    for each in Path("/proc/self/task").iterdir():
        lines = (each / "status").read_text().splitlines()
        status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
        if status["Name"].startswith(HELPERS):
            masks[f"{each.name} {status['Name']}"] = int(status["SigBlk"], 16)
    return masks


def test_its_threads_take_no_signal(make_watchd: Make, link: WatchdLink, loops: list[ProgressWriter]) -> None:
    watchd = make_watchd()
    watchd.register()
    loops[0].idle_round()
    watchd.beats(wait_s=20)  # all its threads are there
    asked = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM, signal.SIGUSR1, signal.SIGCHLD)
    masks = blocked_signals()
    assert any("hft-watchd-link" in name for name in masks)
    open_to = {name: [s.name for s in asked if not mask >> (s - 1) & 1] for name, mask in masks.items()}
    assert open_to == {name: [] for name in masks}
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set(), "the caller's mask is its own again"


def test_a_forked_child_may_close_and_end_while_the_parent_goes_on(
    make_watchd: Make, link: WatchdLink, loops: list[ProgressWriter]
) -> None:
    watchd = make_watchd()
    watchd.register()
    is_registered(link)
    child = os.fork()
    if child == 0:
        link.close()
        os._exit(17 if not link.registered else 18)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 17
    loops[0].idle_round()
    assert len(watchd.beats(wait_s=20)) == 1


UNCLOSED = """
import sys
from hft._native import Region, WatchdLink
progress = Region.create(sys.argv[1] + "/progress", {kind}, 1, {bytes})
link = WatchdLink(sys.argv[2], 1, progress, 1_000_000)
link.start()
while not link.registered and not link.refusal: pass
print(link.refusal)
"""


def run_unclosed(directory: Path, control: Path, **options: int) -> subprocess.CompletedProcess[str]:
    code = UNCLOSED.format(kind=int(RegionKind.PROGRESS), bytes=dtype("LoopProgress").itemsize)
    return subprocess.run(
        [sys.executable, "-c", code, directory, control],
        capture_output=True, text=True, check=False, timeout=60, **options,
    )  # fmt: skip


def test_an_interpreter_ends_cleanly_without_closing_it(
    make_watchd: Make, control: Path, shm_directory: Path
) -> None:
    make_watchd()
    done = run_unclosed(shm_directory, control)  # its registration stays unanswered: "no answer"
    assert (done.returncode, done.stderr) == (0, "")
    assert "no answer" in done.stdout


def test_a_directory_that_it_may_not_enter_is_said(control: Path, shm_directory: Path) -> None:
    progress = shm_directory / "of-the-daemon"
    progress.mkdir()
    shm_directory.chmod(0o711)
    nobody: dict[str, int] = {}
    if os.geteuid() == 0:  # whom no directory would keep out
        nobody = {"user": 65534, "group": 65534}
        os.chown(progress, 65534, 65534)
        control.chmod(0o700)
    else:
        control.chmod(0)
    done = run_unclosed(progress, control, **nobody)
    control.chmod(0o700)
    assert "connect: Permission denied" in done.stdout, done.stderr


def heard_within(manager: socket.socket, wait_s: float) -> list[bytes]:
    manager.settimeout(wait_s)
    try:
        return [manager.recv(4096)]
    except TimeoutError:
        return []


def test_systemd_s_watchdog_is_fed_only_while_every_loop_moves(
    control: Path,
    progress: Region,
    loops: list[ProgressWriter],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also without a watchd: it is the outer net."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        link = WatchdLink(str(control), int(DaemonId.BRAIND), progress, 10_000_000, service_keep_alive=True)
        link.start()
        try:
            assert heard_within(manager, 1.2) == [], "no loop has made a round"
            moving = time.monotonic() + 5
            heard: list[bytes] = []
            while not heard and time.monotonic() < moving:
                for loop in loops:
                    loop.idle_round()
                heard = heard_within(manager, 0.01)
            assert heard == [b"WATCHDOG=1"]
            heard_within(manager, 1.2)  # the last rounds may have come after its last look
            loops[0].idle_round()
            assert heard_within(manager, 1.2) == [], "one of two stands still"
        finally:
            link.close()
