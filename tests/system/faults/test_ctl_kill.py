"""`watchd ctl kill`, the installed command, against the suite: with watchd, beside one that hangs, without one.

Measured here from exec to braind's death with limits far above what bench/kill_latency.py measures; a stand-in takes
braind's place.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
import warnings
from collections.abc import Callable

import pytest
from outcome import check_killed, check_nothing_passed_since_closing
from suite import BIN, Suite, wait_until

from hft.layout.dtypes import CloseReason, RefusalReason
from watchd.states import SuiteState

# From exec to dead: DESIGN 10 says 100 ms on a machine of one's own. An interpreter's start is most of it.
EXEC_TO_DEAD_S_MAX = 2.0
LEASE_MS = 5000  # longer than the command takes: a lapse is told before a veto


@pytest.fixture
def armed(house: Suite) -> Suite:
    return house.configure(lease_ms=LEASE_MS).armed("standin")


def kill_and_measure(suite: Suite, *words: str) -> tuple[float, subprocess.CompletedProcess[str]]:
    """Seconds from exec to braind's death, and what became of the command."""
    pidfd = os.pidfd_open(suite.pid("braind"))
    try:
        poller = select.poll()
        poller.register(pidfd, select.POLLIN)
        start = time.monotonic()
        command = [
            BIN / "watchd",
            "ctl",
            "kill",
            "--config",
            suite.config,
            "--by",
            "bob",
            "--reason",
            "drill",
        ]
        child = subprocess.Popen(
            [*command, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert poller.poll(30_000), "braind lives"
        dead_s = time.monotonic() - start
        out, errors = child.communicate(timeout=60)
    finally:
        os.close(pidfd)
    return dead_s, subprocess.CompletedProcess(command, child.returncode, out, errors)


def nothing() -> None:
    pass


def kill_in_time(
    suite: Suite,
    limit_s: float,
    *words: str,
    first: Callable[[], object] = nothing,
    undo: Callable[[], object] = nothing,
) -> tuple[float, subprocess.CompletedProcess[str]]:
    """The same, again on a machine that others keep busy. `first` comes before a try, `undo` between two."""
    first()
    dead_s, done = kill_and_measure(suite, *words)
    if dead_s <= limit_s:
        return dead_s, done
    warnings.warn(
        f"exit code {done.returncode} and {dead_s:.3f} s from exec to dead, more than {limit_s} s: tried again",
        stacklevel=1,
    )
    undo()
    suite.wait_for_state("killed")
    clear_by_command(suite)
    suite.armed("standin")
    first()
    return kill_and_measure(suite, *words)


def clear_by_command(suite: Suite) -> None:
    done = suite.ctl("clear", "--by", "alice", "--reason", "drill is over")
    assert done.returncode == 0, done.stdout
    assert suite.status()["vetoes"]["operator"] == 0
    assert suite.record().state is SuiteState.DISARMED


def test_with_watchd_it_is_a_kill_with_a_name_and_clear_takes_the_veto_back(armed: Suite) -> None:
    dead_s, done = kill_in_time(armed, EXEC_TO_DEAD_S_MAX)
    assert done.returncode == 0, done.stdout
    assert done.stdout.startswith("killed")
    check_killed(armed, CloseReason.OPERATOR, "drill", by="bob")
    assert dead_s <= EXEC_TO_DEAD_S_MAX
    assert armed.status()["vetoes"]["operator"] != 0
    assert armed.ask("arm", by="alice")["code"] == "refused"
    clear_by_command(armed)
    armed.armed("standin")


def test_beside_a_watchd_that_hangs_the_veto_stops_orders_at_once_and_the_command_kills(armed: Suite) -> None:
    dead_s, done = kill_in_time(
        armed, EXEC_TO_DEAD_S_MAX + 0.3, "--timeout", "0.3",
        first=lambda: armed.signal("watchd", signal.SIGSTOP),
        undo=lambda: armed.signal("watchd", signal.SIGCONT),
    )  # fmt: skip
    assert done.returncode == 69
    assert f"pid {armed.pid('braind')} killed" in done.stdout
    assert 0.3 <= dead_s <= EXEC_TO_DEAD_S_MAX + 0.3
    assert armed.gateway()["fence_open"] == 0
    vetoed = f'feedd_intents_refused_total{{reason="{RefusalReason.OPERATOR_VETO.name.lower()}"}}'
    assert armed.stats("feedd")[vetoed] > 0, "the stand-in went on pushing while the command waited"
    armed.signal("watchd", signal.SIGCONT)
    check_killed(armed, CloseReason.OPERATOR, "drill", by="bob")  # the request was in its socket all the time
    clear_by_command(armed)
    armed.armed("standin")


def test_without_watchd_it_kills_and_the_next_watchd_latches(armed: Suite) -> None:
    def shut_by_the_veto() -> bool:
        words = armed.gateway()
        return bool(words["veto_seen"] & 1) and words["fence_open"] == 0

    dead_s, done = kill_in_time(
        armed, EXEC_TO_DEAD_S_MAX, first=lambda: armed.kill("watchd"), undo=armed.start_watchd
    )
    assert done.returncode == 69
    assert dead_s <= EXEC_TO_DEAD_S_MAX
    wait_until(shut_by_the_veto, lambda: f"the gateway sees the veto: {armed.gateway()}")
    armed.start_watchd()
    check_killed(armed, CloseReason.DIED_ARMED)
    check_nothing_passed_since_closing(armed)
    clear_by_command(armed)
    armed.armed("standin")


def test_it_works_in_any_state_and_twice(armed: Suite) -> None:
    assert armed.ask("disarm", by="alice")["ok"]
    for _ in range(2):
        assert armed.ctl("kill", "--by", "bob").returncode == 0
        check_killed(armed, CloseReason.OPERATOR, by="bob")
    clear_by_command(armed)
