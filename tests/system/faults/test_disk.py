"""The disk under the state file is full or read-only at the worst moments: arming, killing, clearing.

Never open without `armed` on the disk; a kill needs no disk; what the disk did not take is told, and tried again.
A stand-in takes braind's place: none of this is braind's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from disk import Disk
from outcome import check_killed, check_nothing_passed_since_closing
from suite import Suite, wait_until

from hft.layout.dtypes import CloseReason
from watchd.states import SuiteState


@pytest.fixture
def disk(suite: Suite) -> Iterator[Disk]:
    made = Disk(suite)
    try:
        suite.start_watchd(first=False)
        suite.start("feedd")
        suite.start_standin()
        suite.wait_for_state("killed")
        suite.clear()  # a new disk has no state: it counts as killed, and a person says that all is well
        yield made
    finally:
        suite.kill("watchd")
        made.end()


Spoil = Callable[[Disk], None]
SPOILT = [
    pytest.param((Disk.fill, Disk.empty, "No space left on device"), id="full"),
    pytest.param((Disk.make_read_only, Disk.make_writable, "Read-only file system"), id="read-only"),
]


@pytest.mark.parametrize("how", SPOILT)
def test_at_arming_the_fence_stays_closed(suite: Suite, disk: Disk, how: tuple[Spoil, Spoil, str]) -> None:
    spoil, mend, problem = how
    suite.wait_until_armable()
    spoil(disk)
    answer = suite.ask("arm", by="alice")
    assert not answer["ok"]
    assert f"the state file can not be written: {problem}" in answer["text"].replace(
        "[Errno 28] ", ""
    ).replace("[Errno 30] ", "")
    assert (suite.fence()["token"], suite.gateway()["intents_would_send"]) == (0, 0)
    assert suite.record().state is SuiteState.DISARMED
    assert (
        "the state file is not on the disk" in suite.status()["arm_blockers"]
        or not suite.status()["state_durable"]
    )
    mend(disk)
    wait_until(lambda: suite.status()["state_durable"], "the state is saved when the disk takes it")
    suite.armed("standin")


@pytest.mark.parametrize("how", SPOILT)
def test_at_a_kill_everything_but_the_disk_says_killed_and_a_restart_kills_again(
    suite: Suite, disk: Disk, how: tuple[Spoil, Spoil, str]
) -> None:
    spoil, mend, _ = how
    suite.armed("standin")
    spoil(disk)
    suite.kill("braind")
    suite.wait_for_state("killed")
    page = suite.fence()
    assert (page["token"], page["reason"]) == (0, int(CloseReason.PROCESS_DIED))
    check_nothing_passed_since_closing(suite)
    assert suite.record().state is SuiteState.ARMED, "the disk did not take it"
    assert not suite.status()["state_durable"]
    suite.kill("watchd")  # before it could be saved: `armed` is what the next one finds
    suite.start_watchd()
    suite.wait_for_state("killed")
    assert suite.fence()["token"] == 0
    assert suite.ask("arm", by="alice")["code"] == "refused"
    mend(disk)
    check_killed(suite, CloseReason.DIED_ARMED, dead=())


@pytest.mark.parametrize("how", SPOILT)
def test_at_a_kill_that_the_disk_takes_later_the_state_file_gets_its_reason(
    suite: Suite, disk: Disk, how: tuple[Spoil, Spoil, str]
) -> None:
    spoil, mend, _ = how
    suite.armed("standin")
    spoil(disk)
    suite.kill("braind")
    suite.wait_for_state("killed")
    mend(disk)
    wait_until(lambda: suite.status()["state_durable"], "the state is saved when the disk takes it")
    assert (suite.record().state, suite.record().reason) == (SuiteState.KILLED, "process_died")


@pytest.mark.parametrize("how", SPOILT)
def test_at_clearing_it_stays_killed(suite: Suite, disk: Disk, how: tuple[Spoil, Spoil, str]) -> None:
    spoil, mend, _ = how
    suite.armed("standin")
    suite.kill("braind")
    check_killed(suite, CloseReason.PROCESS_DIED)
    spoil(disk)
    answer = suite.ask("clear", by="alice", reason="understood")
    assert (answer["ok"], suite.status()["state"]) == (False, "killed")
    assert "the state file can not be written" in answer["text"]
    assert suite.record().state is SuiteState.KILLED
    assert suite.ask("arm", by="alice")["code"] == "refused"
    mend(disk)
    suite.armed("standin")


def test_events_that_a_full_disk_did_not_take_are_told_of_afterwards(suite: Suite, disk: Disk) -> None:
    """More of them than fit into what is left of the journal's last block."""
    suite.armed("standin")
    disk.fill()
    for number in range(40):
        suite.ask("pause", by="alice", reason="r" * 200, scope={"instrument": number})
    assert suite.status()["state"] == "armed"
    disk.empty()
    wait_until(lambda: suite.status()["state_durable"], "the pauses are saved when the disk takes them")
    suite.ask("resume", by="alice", scope={"all": True})
    wait_until(lambda: suite.events("events_failed"), "the journal tells of its gap")
    assert suite.events("events_failed")[0]["count"] >= 5
    wait_until(lambda: suite.record().paused.instruments == (), "the last one is saved")
