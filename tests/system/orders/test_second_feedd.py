"""Two suites with one account at the venue, which lets a second login throw out the first.

Who is not alone on an account knows neither its positions nor its orders: no order may count twice, and who meets the
other's orders must refuse.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from material import Material
from order_world import GAP_MS, OrderWorld
from suite import Suite, wait_until

from hft.layout.dtypes import VenueSession

DEADLINE_MS = 1000
TOGETHER_S = 2.0
FOREIGN = 'feedd_order_events_total{kind="foreign"}'


@pytest.fixture
def second(material: Material) -> Iterator[Suite]:
    """Of the same venue, to be configured by the test."""
    made = Suite(material)
    yield made
    made.end()


def test_a_suite_that_joins_another_one_s_account_is_never_armed(
    make_world: Callable[..., OrderWorld], second: Suite, figure: Callable[[str], None]
) -> None:
    world = make_world(deadline_ms=DEADLINE_MS)
    world.trade()
    join(world, second)
    wait_until(lambda: has_the_session(second), "it has the session", 20)
    known = second.stats("feedd")[FOREIGN]  # what it found there, as after a restart
    wait_until(lambda: second.stats("feedd")[FOREIGN] > known, "it meets the other one's orders", 20)
    wait_until(
        lambda: has_the_session(second) and second.gateway()["reconciled"] == 0, "it has lost track", 20
    )
    end_s = time.monotonic() + TOGETHER_S
    while time.monotonic() < end_s:
        assert not second.ask("arm", by="bob")["ok"]
        assert "the gateway has not reconciled" in second.status()["arm_blockers"]
    second.kill("watchd", "feedd", "braind")
    assert world.disarm() == "disarmed"
    world.judge(world.suite.fence()["shut_ts_ns"])
    logins = world.ctl("report")["logins"]
    figure(f"a second suite at a trading one's account: {logins} logins, it is not armed; the ledgers agree")


def test_of_two_armed_suites_at_one_account_one_refuses_and_no_order_counts_twice(
    make_world: Callable[..., OrderWorld], second: Suite, figure: Callable[[str], None]
) -> None:
    world = make_world(deadline_ms=DEADLINE_MS, resting=0)
    first = world.suite
    first.start(world.braind, "braind")
    join(world, second)
    for suite in (first, second):
        assert suite.ask("pause", scope={"all": True}, by="alice")["ok"]
    for suite in (first, second):
        arm(suite)
    for suite in (first, second):
        assert suite.ask("resume", scope={"all": True}, by="alice")["ok"]
    wait_until(
        lambda: refused(first) + refused(second) > 0, "one meets the other one's orders, and refuses", 30
    )
    for suite in (first, second):
        assert suite.ask("disarm", by="alice")
        suite.wait_for_state("disarmed", "killed")
    wait_until(lambda: world.ledger.read().live == {}, "nothing rests", 20)
    report = world.ctl("report")
    world.ledger.read()  # what came to the venue until then
    assert report["counts"]["duplicates"] == len(world.ledger.broken), world.ledger.broken
    assert all("reached the venue twice" in text for text in world.ledger.broken), world.ledger.broken
    figure(
        f"two armed suites at one account: {report['logins']} logins, {report['counts']['enters']} orders, "
        f"{report['counts']['duplicates']} under a number that was used: taken once; one refuses, nothing rests"
    )
    second.kill("watchd", "feedd", "braind")
    starts_anew(world)


def join(world: OrderWorld, second: Suite) -> None:
    """The second suite, on the replay's other line, not armed."""
    mine = world.suite
    for name in ("feedd.gateway", "feedd.capacity", "risk"):
        second.sections[name] = dict(mine.sections[name])
    second.sections["feedd.feed"] |= {
        "line_a": world.line_b, "join": "start", "request_server": world.request, "gap_timeout_ms": GAP_MS,
    }  # fmt: skip
    second.environment |= {"CREDENTIALS_DIRECTORY": str(mine.directory)}
    second.configure(deadline_ms=DEADLINE_MS, lease_ms=DEADLINE_MS, drain_deadline_ms=2 * DEADLINE_MS)
    second.start_watchd()
    second.start("feedd")
    second.start("quoter", "braind")


def arm(suite: Suite) -> None:
    """As soon as it has the session for a moment."""
    wait_until(
        lambda: suite.ask("arm", by="bob")["ok"], lambda: f"armed: {suite.status()['arm_blockers']}", 30
    )


def has_the_session(suite: Suite) -> bool:
    """At this moment: each of the two takes it from the other."""
    return suite.gateway()["venue_session"] == int(VenueSession.UP)


def refused(suite: Suite) -> int:
    return int(suite.stats("feedd")['feedd_intents_refused_total{reason="not_reconciled"}'])


def starts_anew(world: OrderWorld) -> None:
    """A restart reads the venue's stream from its beginning: everything is known again, theirs included."""
    world.suite.kill("feedd")
    world.suite.wait_for_state("killed", "disarmed")
    world.ledger.broken.clear()
    world.trade()
    assert world.disarm() == "disarmed"
    world.judge(world.suite.fence()["shut_ts_ns"])
