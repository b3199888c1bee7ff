"""watchd is gone or stands still while quotes rest: the lease ends trading, and only a person begins it again."""

from __future__ import annotations

import signal
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

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
    try:
        world.trade()
        yield world
    finally:
        world.end()


@dataclass(frozen=True)
class Gone:
    """What came of quotes that nobody watched. `lapsed_ns`: the lease's end; ms: since watchd was gone."""

    resting: int
    lapsed_ns: int
    lapsed_ms: float
    cancelled_ms: float


def gone(world: OrderWorld, number: int) -> Gone:
    """watchd is sent this signal. Returns when nothing rests any more."""
    suite = world.suite
    suite.signal("watchd", number)
    if number == signal.SIGKILL:
        suite.processes["watchd"].wait()
    resting, gone_ns = suite.gateway()["open_orders"], monotonic_ns()
    lapsed_ns = wait_for_the_lapse(world, suite.fence()["epoch"])
    world.quiet()
    return Gone(resting, lapsed_ns, (lapsed_ns - gone_ns) / 1e6, (world.ledger.last_off_ns - gone_ns) / 1e6)


def left_alone(world: OrderWorld, figure: Callable[[str], None], number: int) -> int:
    """Quotes are cancelled, the epoch stays shut, and nothing is sent. When the lease was over."""
    suite, left = world.suite, gone(world, number)
    how = "killed" if number == signal.SIGKILL else "stopped"
    # paperd stamps the cancels: once more on a machine that others keep busy.
    if left.cancelled_ms > LEASE_MS + SMALL_MS or not suite.fence()["token"]:
        closed = "" if suite.fence()["token"] else ", the fence was closed before"
        warnings.warn(
            f"watchd {how}: all cancelled after {left.cancelled_ms:.0f} ms{closed}: tried again", stacklevel=1
        )
        if number == signal.SIGSTOP:
            suite.signal("watchd", signal.SIGCONT)
        world.trade()
        left = gone(world, number)
    assert left.lapsed_ms <= LEASE_MS
    assert left.cancelled_ms <= LEASE_MS + SMALL_MS
    figure(
        f"watchd {how} with {left.resting} quotes resting: "
        f"all cancelled at the venue after {left.cancelled_ms:.0f} ms"
    )
    sent, refused = suite.gateway()["orders_sent"], suite.gateway()["intents_refused"]
    wait_until(lambda: suite.gateway()["intents_refused"] > refused + 20, "braind goes on, and is refused")
    time.sleep(STILL_S)
    assert suite.gateway()["orders_sent"] == sent
    assert suite.fence()["token"] != 0, "nobody was there to close it"
    world.nothing_was_sent_since(left.lapsed_ns, unknown_max=0)
    return left.lapsed_ns


def test_killed_it_leaves_nothing_resting_and_the_next_one_stays_killed_until_clear_and_arm(
    trading: OrderWorld, figure: Callable[[str], None]
) -> None:
    suite = trading.suite
    lapsed_ns = left_alone(trading, figure, signal.SIGKILL)
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
    lapsed_ns = left_alone(trading, figure, signal.SIGSTOP)
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
    world = make_world("--cancel-on-disconnect", on_disconnect, deadline_ms=1000)
    world.trade()
    suite = world.suite
    for name in ("watchd", "feedd", "braind"):
        suite.signal(name, signal.SIGKILL)
    for name in ("watchd", "feedd", "braind"):
        suite.processes[name].wait()
    wait_until(lambda: world.ctl("report")["logged_in"] == 0, "the venue has seen it go")
    dead_ns = monotonic_ns()  # and has stamped the last that it sent
    resting = len(world.ledger.read().live)
    assert (resting > 0) == (on_disconnect == "no")
    suite.start_watchd()
    suite.wait_for_state("killed")  # it waits for a feedd that may be there
    wait_until(lambda: suite.status()["state_durable"], "the state is on the disk")
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
