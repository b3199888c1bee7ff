"""The real braind comes to harm while it is armed: frozen, gone, crashed, looping, waiting for memory, out of its mind.

watchd and feedd go on living and the next braind takes over, as it would after each of these: so every test also
shows the way out, clear and arm.
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct
from collections.abc import Callable
from typing import Any

import pytest
from outcome import check_killed
from suite import Suite

from hft.layout.dtypes import CloseReason, VetoReason
from watchd.states import SuiteState

IMBALANCE = "braind.strategies.imbalance:ImbalanceStrategy"
TRIGGER_OFFSET, PAGE_BYTES = 3 * 8, 4096
NR_USERFAULTFD, USER_MODE_ONLY = 323, 1  # of x86-64, as in strategies/stuck.py


@pytest.fixture
def armed(house: Suite, request: Any) -> Suite:
    """With the strategy that the test names (indirect parameter), or the real one."""
    house.trigger.write_bytes(bytes(PAGE_BYTES))
    house.configure("braind", strategy=getattr(request, "param", IMBALANCE), model=str(house.material.model))
    return house.armed()


def pull_the_trigger(suite: Suite) -> None:
    with suite.trigger.open("r+b") as file:
        file.seek(TRIGGER_OFFSET)
        file.write(struct.pack("d", 1.0))


def test_of_an_armed_suite_killed_as_a_whole_the_directories_serve_the_next_one(armed: Suite) -> None:
    """As after a power cut without a boot: stale locks, sockets, regions, an open fence, and a state file."""
    for name in ("watchd", "feedd", "braind"):
        armed.signal(name, signal.SIGKILL)
    for name in ("watchd", "feedd", "braind"):
        armed.processes[name].wait(30)
    assert (armed.fence()["token"] != 0, armed.record().state) == (True, SuiteState.ARMED)
    stale = {name: (armed.run / name / "progress").stat().st_ino for name in ("feedd", "braind")}
    armed.start_watchd()
    assert armed.fence()["token"] == 0
    check_killed(armed, CloseReason.DIED_ARMED, dead=(), alive=["watchd"])
    armed.start("feedd")
    armed.start("braind")
    assert armed.ask("arm", by="alice")["code"] == "refused"
    assert all((armed.run / name / "progress").stat().st_ino != inode for name, inode in stale.items())
    armed.armed()  # and the next test goes on with it


def test_stopped_it_is_killed(armed: Suite) -> None:
    armed.signal("braind", signal.SIGSTOP)
    check_killed(armed, CloseReason.LOOP_SILENT, "braind/brain: no round for")
    assert armed.processes["braind"].returncode == -signal.SIGKILL


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV], ids=["SIGKILL", "SIGSEGV"])
def test_ended_by_a_signal_it_takes_the_fence_with_it(armed: Suite, number: int) -> None:
    armed.signal("braind", number)
    check_killed(armed, CloseReason.PROCESS_DIED, "braind ended without saying so")


@pytest.mark.parametrize("armed", ["stuck:Looping"], indirect=True)
def test_an_endless_loop_in_its_compiled_policy_is_a_silence(armed: Suite) -> None:
    pull_the_trigger(armed)
    check_killed(armed, CloseReason.LOOP_SILENT, "braind/brain: no round for")
    assert armed.processes["braind"].returncode == -signal.SIGKILL


@pytest.fixture
def userfaultfd() -> None:
    """Skips, loudly, where a page can not be kept from arriving."""
    descriptor = ctypes.CDLL(None, use_errno=True).syscall(NR_USERFAULTFD, os.O_CLOEXEC | USER_MODE_ONLY)
    if descriptor < 0:
        pytest.skip(f"NOT TESTED: userfaultfd is not permitted here ({os.strerror(ctypes.get_errno())})")
    os.close(descriptor)


@pytest.mark.parametrize("armed", ["stuck:Touching"], indirect=True)
def test_memory_that_never_arrives_is_a_silence(userfaultfd: None, armed: Suite) -> None:
    pull_the_trigger(armed)
    check_killed(armed, CloseReason.LOOP_SILENT, "braind/brain: no round for")


def test_heartbeats_that_stop_alone_are_a_miss_although_memory_shows_rounds(
    armed: Suite, freeze: Callable[[int], object]
) -> None:
    freeze(armed.thread("braind", "hft-watchd-link"))
    check_killed(armed, CloseReason.HEARTBEATS_LOST, "braind/brain: no heartbeat for")


def test_a_model_that_answers_nan_makes_it_veto_itself(house: Suite) -> None:
    """Armed before the day begins, because a mindless braind vetoes with its first decisions and is never armed."""
    house.kill("paperd", "braind")
    house.configure("braind", strategy=IMBALANCE, model=str(house.material.broken_model()))
    house.whole(play=False)
    if house.status()["state"] == "killed":
        house.clear()
    house.wait_until_armable()
    assert house.ask("arm", by="alice")["ok"]
    house.play()
    check_killed(house, CloseReason.BRAIND_VETO, f"veto reason {int(VetoReason.NUMBERS_NOT_FINITE)}")
    assert house.stats("braind")["braind_intents_total"] == 0
