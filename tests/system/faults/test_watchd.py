"""watchd itself is stopped, killed or starved while the suite is armed: the lease is what ends trading then.

A stand-in takes braind's place: nothing of this is braind's to do.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from outcome import check_killed, check_nothing_passed_since, check_nothing_passed_since_closing
from suite import BIN, DEADLINES, Suite, wait_until

from hft.layout.dtypes import CloseReason
from hft.regions import monotonic_ns
from watchd.states import SuiteState

# The gateway looks every round, at most a fifth of a millisecond apart; the rest is for a busy machine.
SMALL_NS = 200_000_000
HOG_S = 0.9  # below the 950 ms a second that the kernel leaves to real-time tasks


@pytest.fixture
def armed(house: Suite) -> Suite:
    return house.armed("standin")


def wait_for_the_latch(suite: Suite) -> None:
    """The gateway shuts the epoch by itself, and nothing passes after its lease."""
    epoch = suite.fence()["epoch"]
    wait_until(lambda: suite.gateway()["epoch_latched"] == epoch, "the gateway latches the epoch", 10)
    lapsed_ns = suite.fence()["lease_deadline_ns"]
    assert monotonic_ns() >= lapsed_ns
    refused = suite.gateway()["intents_refused"]
    wait_until(lambda: suite.gateway()["intents_refused"] > refused + 20, "intents come, and are refused")
    check_nothing_passed_since(suite, lapsed_ns)
    assert (suite.gateway()["fence_open"], suite.gateway()["drained"]) == (0, epoch)


def check_disarmed_by_a_lapse(suite: Suite) -> None:
    """Not a kill: watchd was not there, so nobody did anything wrong. Only a person opens it again."""
    suite.wait_for_state("disarmed")
    assert (suite.record().state, suite.record().reason) == (SuiteState.DISARMED, "lease_lapsed")
    assert suite.fence()["token"] == 0
    assert suite.alive("feedd")
    assert suite.alive("braind")
    check_nothing_passed_since_closing(suite)
    sent = suite.gateway()["intents_would_send"]
    time.sleep(0.1)
    assert suite.gateway()["intents_would_send"] == sent
    suite.armed("standin")


def test_stopped_it_lets_the_lease_lapse_the_gateway_latches_and_only_arming_resumes(armed: Suite) -> None:
    armed.signal("watchd", signal.SIGSTOP)
    stopped_ns = monotonic_ns()
    wait_for_the_latch(armed)
    lapsed_ns = armed.fence()["lease_deadline_ns"]
    lease_ns = armed.sections["watchd"]["lease_ms"] * 1_000_000
    assert lapsed_ns <= stopped_ns + lease_ns + SMALL_NS
    assert armed.fence()["token"] != 0, "nobody was there to close it"
    armed.signal("watchd", signal.SIGCONT)
    check_disarmed_by_a_lapse(armed)


def test_killed_it_leaves_a_lapsing_lease_and_the_next_one_kills_what_it_finds_armed(armed: Suite) -> None:
    armed.kill("watchd")
    assert armed.record().state is SuiteState.ARMED
    wait_for_the_latch(armed)
    assert armed.alive("braind")
    armed.start_watchd()
    check_killed(armed, CloseReason.DIED_ARMED, "the last run ended while it was armed")
    assert armed.processes["braind"].returncode == -signal.SIGKILL


@contextlib.contextmanager
def alone_on_a_core(suite: Suite) -> Iterator[int]:
    """watchd on one core, everything of this test on the others; undone afterwards."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        pytest.skip("NOT TESTED: watchd can only be starved alone where there are two cores")
    own, others = {cores[-1]}, set(cores[:-1])
    _move(os.getpid(), others)
    for name in ("feedd", "braind"):
        _move(suite.pid(name), others)
    _move(suite.pid("watchd"), own)
    try:
        yield cores[-1]
    finally:
        for pid in (os.getpid(), *(suite.pid(name) for name in ("feedd", "braind", "watchd"))):
            with contextlib.suppress(OSError):
                _move(pid, set(cores))


def _move(pid: int, cores: set[int]) -> None:
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(task.name), cores)


HOG = """
import os, sys, time
os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))
print("ready", flush=True)
os.sched_setaffinity(0, {int(sys.stdin.readline())})
print("hogging", flush=True)
end = time.monotonic() + float(sys.argv[1])
while time.monotonic() < end:
    pass
"""


@pytest.fixture
def hog() -> Iterator[subprocess.Popen[str]]:
    """It waits for the number of the core that it is to hold: to start it takes longer than a lease."""
    made = subprocess.Popen(
        [sys.executable, "-c", HOG, str(HOG_S)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert made.stdout is not None
        if made.stdout.readline() != "ready\n":
            pytest.skip(f"NOT TESTED: no real-time hog is permitted here ({made.communicate()[1]!r})")
        yield made
    finally:
        made.kill()
        made.communicate()


def starved(suite: Suite, hog: subprocess.Popen[str]) -> bool:
    """Until watchd has its core again. False: the fence was closed before the hog began."""
    assert hog.stdin is not None
    assert hog.stdout is not None
    with alone_on_a_core(suite) as core:
        if not suite.fence()["token"]:
            return False
        hog.stdin.write(f"{core}\n")
        hog.stdin.flush()
        assert hog.stdout.readline() == "hogging\n"
        wait_for_the_latch(suite)
        assert hog.wait(30) == 0
    return True


@contextlib.contextmanager
def other_deadlines(house: Suite, **deadlines_ms: int) -> Iterator[None]:
    """For the watchd that is started next, and no longer."""
    if house.alive("watchd"):
        house.stop("watchd")
    before = {name: house.sections["watchd"][name] for name in deadlines_ms}
    house.configure(**deadlines_ms)
    try:
        yield
    finally:
        house.stop("watchd")
        house.configure(**before)


def test_starved_for_longer_than_the_lease_it_disarms_and_blames_nobody(
    house: Suite, hog: subprocess.Popen[str]
) -> None:
    """A real-time hog holds its core. The others run on: it must not kill them for what it did not see."""
    with other_deadlines(house, lease_ms=200):
        suite = house.armed("standin")
        if not starved(suite, hog):  # once more on a machine that others keep busy
            warnings.warn(f"closed before the hog began: {suite.status()}: tried again", stacklevel=1)
            assert starved(house.armed("standin"), hog), suite.status()
        check_disarmed_by_a_lapse(suite)
        assert suite.stats("watchd")["watchd_pass_gap_ns"].max >= 150_000_000


def test_a_second_instance_of_each_daemon_refuses_and_names_the_first(house: Suite) -> None:
    """The installed commands, braind's own included: it takes its lock before it loads anything."""
    with other_deadlines(house, **dict.fromkeys(DEADLINES, 5000)):  # three of them start while it is armed
        armed = house.armed("standin")
        for name in ("watchd", "feedd", "braind"):
            second = armed.spawn("second", [BIN / name, "--config", armed.config])
            assert second.wait(60) == 75, armed.log("second")
            assert f"already held by pid {armed.pid(name)}" in armed.log("second")
        assert armed.status()["state"] == "armed"
        armed.wait_for_flow()
