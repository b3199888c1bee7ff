"""Heartbeats that do not arrive. (Forged, repeated and malformed ones: tests/watchd/process/test_registration.py.)

A stand-in takes braind's place: heartbeats are sent by the same native helper.
"""

from __future__ import annotations

from collections.abc import Callable

import zmq
from outcome import check_killed
from suite import Suite, wait_until

from hft.layout.dtypes import CloseReason
from hft.regions import monotonic_ns


def test_a_braind_that_can_not_reach_the_heartbeat_socket_is_not_armed(suite: Suite) -> None:
    suite.whole("standin")
    suite.kill("braind")
    (suite.control / "heartbeat.sock").rename(suite.control / "elsewhere.sock")
    suite.start_standin()
    blocker = "braind/brain sends no heartbeats"
    wait_until(lambda: suite.status()["arm_blockers"] == [blocker], "nothing else blocks")
    assert blocker in suite.ask("arm", by="alice")["text"]
    suite.wait_for_state("killed")
    wait_until(lambda: suite.status()["state_durable"], "a kill does not wait for the disk")
    assert suite.record().reason == "heartbeats_lost"
    assert suite.fence()["token"] == 0


def test_a_queue_of_watchd_s_that_is_full_drops_frames_and_harms_nobody(
    suite: Suite, freeze: Callable[[int], object]
) -> None:
    """watchd stopped for a lease's time: its socket fills and frames are dropped; it wakes up and blames nobody."""
    suite.configure("run", heartbeat_interval_ms=1).armed("standin")
    with zmq.Context() as context, context.socket(zmq.PUSH) as flood:
        flood.setsockopt(zmq.LINGER, 0)
        flood.setsockopt(zmq.SNDHWM, 64)
        freeze_watchd = freeze(suite.pid("watchd"))  # its main thread: the socket's own thread goes on
        flood.connect(f"ipc://{suite.control}/heartbeat.sock")
        sent = 0
        while sent < 100_000 and flood.poll(200, zmq.POLLOUT):
            flood.send(b"x", zmq.NOBLOCK)
            sent += 1
        assert sent < 100_000, "it takes everything: nothing is dropped"
        wait_until(
            lambda: monotonic_ns() > suite.fence()["lease_deadline_ns"] + 50_000_000, "the lease lapses"
        )
        freeze_watchd.kill()
        suite.wait_for_state("disarmed")
    assert suite.record().reason == "lease_lapsed"
    assert suite.alive("braind")
    assert suite.alive("feedd")
    suite.armed("standin")


def test_lost_while_armed_they_cost_braind_its_life(suite: Suite, freeze: Callable[[int], object]) -> None:
    suite.armed("standin")
    freeze(suite.thread("braind", "hft-watchd-link"))
    check_killed(suite, CloseReason.HEARTBEATS_LOST, "braind/brain: no heartbeat for")
