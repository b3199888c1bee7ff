"""The venue ends its session, or begins another, while the suite trades: no way on but by people and a restart."""

from __future__ import annotations

import time
from collections.abc import Callable

from order_world import OrderWorld
from suite import wait_until

from hft.layout.dtypes import VenueSession

STILL_S = 0.3


def sends_no_more(world: OrderWorld, session: VenueSession) -> None:
    """Armed or not: without a session every order is refused."""
    suite = world.suite
    wait_until(
        lambda: suite.gateway()["venue_session"] == int(session),
        lambda: f"the session is {session.name}: {suite.status()}",
        20,
    )
    sent = suite.gateway()["orders_sent"]
    wait_until(lambda: world.refusals().get("no_session", 0) > 0, "orders are refused")
    time.sleep(STILL_S)
    assert suite.gateway()["orders_sent"] == sent


def test_an_ended_session_leaves_its_orders_to_the_venue_and_says_so(
    make_world: Callable[..., OrderWorld],
) -> None:
    world = make_world(deadline_ms=1000)
    world.trade()
    world.ctl("end-session")
    sends_no_more(world, VenueSession.ENDED)
    assert world.disarm() == "drain_deadline", "nobody can say that nothing is open"
    resting = len(world.ledger.read().live)
    assert resting > 0, "a venue that ends its session leaves orders as they are"
    report = world.suite.report()
    assert report["cancel_on_disconnect_relied_on"] is True
    assert report["open_orders"] >= resting
    world.suite.start("feedd")
    answer = world.suite.ask("clear", by="alice", reason="understood")
    assert (answer["ok"], answer["text"]) == (False, "clear: the gateway has not reconciled with the venue")
    world.stays_shut(resting=resting)
    assert world.ledger.broken == []


def test_after_another_session_has_begun_a_restart_trades_on_under_new_numbers(
    make_world: Callable[..., OrderWorld],
) -> None:
    world = make_world(deadline_ms=1000)
    world.trade()
    world.ctl("new-session", name="OUCH000002")
    sends_no_more(world, VenueSession.REJECTED)
    assert world.disarm() == "drain_deadline", "what became of its orders was told in the old session"
    assert not world.suite.alive("feedd")
    world.quiet()
    world.stays_shut()
    before = len(world.ledger.received)
    world.trade(agree=False)  # the old session's fills are in no stream that can be read any more
    wait_until(lambda: len(world.ledger.read().received) > before, "the venue has new orders", 20)
    assert world.disarm() == "disarmed"
    world.quiet()
    assert world.ledger.broken == []
