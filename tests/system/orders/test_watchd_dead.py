"""watchd is gone or stands still while quotes rest: the lease ends trading, and only a person begins it again."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator

import pytest
from material import Material
from moments import wait_for_the_lapse
from order_world import LEASE_MS, OrderWorld
from suite import wait_until

from hft.regions import monotonic_ns

SMALL_MS = 250  # for a busy machine, beyond the lease and the cancels' way to the venue
STILL_S = 0.3


@pytest.fixture
def trading(material: Material) -> Iterator[OrderWorld]:
    world = OrderWorld(material)
    world.trade()
    yield world
    world.end()


def left_alone(world: OrderWorld, figure: Callable[[str], None], how: str) -> int:
    """Nobody watches: the quotes are cancelled, the epoch stays shut, and nothing is sent. When the lease was over."""
    suite = world.suite
    resting, gone_ns = suite.gateway()["open_orders"], monotonic_ns()
    lapsed_ns = wait_for_the_lapse(world, suite.fence()["epoch"])
    world.quiet()
    lapsed_ms = (lapsed_ns - gone_ns) / 1e6
    cancelled_ms = (world.ledger.last_off_ns - gone_ns) / 1e6
    assert lapsed_ms <= LEASE_MS
    assert cancelled_ms <= LEASE_MS + SMALL_MS
    figure(
        f"watchd {how} with {resting} quotes resting: all cancelled at the venue after {cancelled_ms:.0f} ms"
    )
    sent, refused = suite.gateway()["orders_sent"], suite.gateway()["intents_refused"]
    time.sleep(STILL_S)
    assert suite.gateway()["orders_sent"] == sent
    assert suite.gateway()["intents_refused"] > refused + 20, "braind goes on, and is refused"
    assert suite.fence()["token"] != 0, "nobody was there to close it"
    world.nothing_was_sent_since(lapsed_ns, unknown_max=0)
    return lapsed_ns


def test_killed_it_leaves_nothing_resting_and_the_next_one_stays_killed_until_clear_and_arm(
    trading: OrderWorld, figure: Callable[[str], None]
) -> None:
    suite = trading.suite
    suite.kill("watchd")
    lapsed_ns = left_alone(trading, figure, "killed")
    assert suite.alive("braind")
    for _ in range(2):  # also a second one, that found `killed` and not `armed`
        suite.start_watchd()
        suite.wait_for_state("killed")
        wait_until(lambda: suite.status()["state_durable"], "the state is on the disk")
        assert suite.record().reason == "died_armed"
        assert not suite.alive("braind")
        trading.judge(lapsed_ns)
        trading.stays_shut()
        suite.kill("watchd")
    trading.trade()
    assert suite.status()["by"] == "alice"


def test_stopped_it_leaves_nothing_resting_and_wakes_up_disarmed(
    trading: OrderWorld, figure: Callable[[str], None]
) -> None:
    suite = trading.suite
    suite.signal("watchd", signal.SIGSTOP)
    lapsed_ns = left_alone(trading, figure, "stopped")
    suite.signal("watchd", signal.SIGCONT)
    suite.wait_for_state("disarmed")
    wait_until(lambda: suite.status()["state_durable"], "the state is on the disk")
    assert suite.record().reason == "lease_lapsed"
    trading.judge(lapsed_ns)
    sent = suite.gateway()["orders_sent"]
    time.sleep(STILL_S)
    assert suite.gateway()["orders_sent"] == sent, "only arming resumes"
    trading.trade()


@pytest.mark.parametrize("on_disconnect", ["yes", "no"])
def test_the_whole_suite_killed_starts_cancel_only_cleans_up_and_stays_killed(
    material: Material, make_world: Callable[..., OrderWorld], on_disconnect: str
) -> None:
    world = make_world("--cancel-on-disconnect", on_disconnect)
    world.trade()
    suite = world.suite
    for name in ("watchd", "feedd", "braind"):
        suite.signal(name, signal.SIGKILL)
    for name in ("watchd", "feedd", "braind"):
        suite.processes[name].wait()
    dead_ns = monotonic_ns()
    wait_until(lambda: world.ctl("report")["logged_in"] == 0, "the venue has seen it go")
    resting = len(world.ledger.read().live)
    assert (resting > 0) == (on_disconnect == "no")
    suite.start_watchd()
    suite.wait_for_state("killed")  # it waits for a feedd that may be there
    assert suite.record().reason == "died_armed"
    suite.start("feedd")
    suite.start(world.braind, "braind")
    wait_until(lambda: suite.gateway()["reconciled"] == 1, "it is reconciled")
    world.quiet()
    world.ledgers_agree()
    assert world.ledger.accepted_since(dead_ns) == []
    assert (suite.gateway()["orders_sent"], suite.gateway()["fence_open"]) == (0, 0)
    if resting:
        assert suite.gateway()["cancels_sent"] > 0
    assert world.ledger.broken == []
    world.stays_shut()
    world.trade()
