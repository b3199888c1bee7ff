"""feedd comes to harm while the suite is armed, and what a restarted one inherits: nothing.

A stand-in takes braind's place: here braind only has to push intents and to be killed, and starts faster so.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import numpy as np
import pytest
from outcome import check_killed, updates_of
from suite import Suite, wait_until

from hft.layout.dtypes import CloseReason, RefusalReason, RegionKind, UpdateKind
from hft.regions import FenceWriter, Region, fence_token, monotonic_ns

LEASE_NS = 60_000_000_000


@pytest.fixture
def armed(house: Suite) -> Suite:
    return house.armed("standin")


def test_with_only_its_market_thread_frozen_the_gateway_drains_and_then_it_dies(
    armed: Suite, freeze: Callable[[int], object]
) -> None:
    freeze(armed.thread("feedd", "feedd-market"))
    check_killed(
        armed,
        CloseReason.LOOP_SILENT,
        "feedd/market: no round for",
        dead=["braind", "feedd"],
        alive=["watchd"],
    )
    assert armed.report()["drained"]
    assert armed.processes["feedd"].returncode == -signal.SIGKILL


def test_with_only_its_gateway_thread_frozen_it_is_killed_at_the_drain_s_deadline(
    armed: Suite, freeze: Callable[[int], object]
) -> None:
    freeze(armed.thread("feedd", "feedd-gateway"))
    check_killed(
        armed,
        CloseReason.LOOP_SILENT,
        "feedd/gateway: no round for",
        dead=["braind", "feedd"],
        alive=["watchd"],
    )
    report = armed.report()
    assert not report["drained"]
    drain_deadline_ms = armed.sections["watchd"]["drain_deadline_ms"]
    assert report["steps_us"]["drain_deadline"] >= 1000 * drain_deadline_ms
    assert report["steps_us"]["braind_dead"] < report["steps_us"]["drain_deadline"]


def test_stopped_as_a_whole_it_is_killed_and_braind_before_it(armed: Suite) -> None:
    armed.signal("feedd", signal.SIGSTOP)
    check_killed(armed, CloseReason.LOOP_SILENT, "feedd/", dead=["braind", "feedd"], alive=["watchd"])
    steps = armed.report()["steps_us"]
    assert steps["braind_signalled"] <= steps["feedd_signalled"]
    assert armed.processes["feedd"].returncode == -signal.SIGKILL


def test_sigkilled_it_takes_fence_and_braind_with_it(armed: Suite) -> None:
    armed.kill("feedd")
    check_killed(
        armed,
        CloseReason.PROCESS_DIED,
        "feedd ended without saying so",
        dead=["braind", "feedd"],
        alive=["watchd"],
    )
    assert armed.processes["braind"].returncode == -signal.SIGKILL


def test_restarted_after_a_kill_it_only_refuses_until_it_is_cleared_and_armed(armed: Suite) -> None:
    armed.kill("feedd")
    armed.wait_for_state("killed")
    wait_until(lambda: not armed.alive("braind"), "braind is killed")
    assert "feedd is not running" in armed.ask("clear", by="alice", reason="blind")["text"]
    armed.start("feedd")
    armed.start_standin()
    wait_until(lambda: armed.gateway()["intents_refused"] > 20, "intents come, and are refused")
    assert armed.gateway()["intents_would_send"] == 0
    assert armed.ask("arm", by="alice")["code"] == "refused"
    armed.clear()
    armed.wait_until_armable()
    assert armed.gateway()["intents_would_send"] == 0
    assert armed.ask("arm", by="alice")["ok"]
    armed.wait_for_flow()


def reasons_since(suite: Suite, since_ns: int) -> list[int]:
    """Why the gateway refused what it answered later than that; NONE: it did not."""
    updates = updates_of(suite)
    reasons: list[int] = updates[updates["publish_ts_ns"] > since_ns]["reason"].tolist()
    return reasons


def test_the_token_of_its_old_life_opens_nothing(armed: Suite) -> None:
    """watchd is stopped and somebody writes the old token back, with a lease: a closed fence could not show it."""
    page = armed.fence()
    old_token, epoch = page["token"], page["epoch"]
    armed.kill("feedd")
    armed.wait_for_state("killed")
    armed.start("feedd")
    armed.start_standin()
    armed.signal("watchd", signal.SIGSTOP)
    fence = Region.open_writable(str(armed.run / "watchd/fence"), int(RegionKind.FENCE))
    try:
        FenceWriter(fence).open(epoch, old_token, monotonic_ns() + LEASE_NS)
        wait_until(lambda: armed.gateway()["fence_token_seen"] == old_token, "the gateway sees the old token")
        since_ns = monotonic_ns()
        time.sleep(0.1)
        wait_until(lambda: len(reasons_since(armed, since_ns)) > 5, "intents come, and are refused")
        assert set(reasons_since(armed, since_ns)) == {int(RefusalReason.TOKEN_FOREIGN)}
        assert armed.gateway()["fence_open"] == armed.gateway()["intents_would_send"] == 0
    finally:
        FenceWriter(fence).close(int(CloseReason.PROCESS_DIED))
        armed.signal("watchd", signal.SIGCONT)
    armed.wait_for_state("killed")


def test_a_token_made_for_a_queue_before_opens_nothing_for_the_next_one(armed: Suite) -> None:
    """The other half of the token: the same feedd, another braind."""
    armed.kill("braind")
    check_killed(armed, CloseReason.PROCESS_DIED, "braind ended", dead=["braind"])
    before = armed.gateway()["intents_generation"]
    armed.start_standin()
    wait_until(lambda: armed.gateway()["intents_generation"] not in (0, before), "the new queue is attached")
    armed.signal("watchd", signal.SIGSTOP)
    fence = Region.open_writable(str(armed.run / "watchd/fence"), int(RegionKind.FENCE))
    state = Region.open(str(armed.run / "feedd/gateway.state"), int(RegionKind.GATEWAY_STATE))
    sent = armed.gateway()["intents_would_send"]
    try:
        epoch = armed.fence()["epoch"]
        token = fence_token(epoch, state.generation, before)
        FenceWriter(fence).open(epoch, token, monotonic_ns() + LEASE_NS)
        wait_until(lambda: armed.gateway()["fence_token_seen"] == token, "the gateway sees the old token")
        refused = armed.gateway()["intents_refused"]
        wait_until(lambda: armed.gateway()["intents_refused"] > refused + 20, "intents are refused")
        assert armed.gateway()["intents_would_send"] == sent
    finally:
        FenceWriter(fence).close(int(CloseReason.PROCESS_DIED))
        armed.signal("watchd", signal.SIGCONT)
    last = updates_of(armed)
    assert np.count_nonzero(last["reason"] == int(RefusalReason.TOKEN_FOREIGN)) > 20
    assert last["kind"][-1] == int(UpdateKind.REFUSED)
