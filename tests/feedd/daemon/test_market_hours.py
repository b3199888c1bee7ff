"""The gate and the market's phase, by the system events of the feed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from feedd_harness import wait_until
from order_circle import OrderCircle

from hft.layout.dtypes import IntentAction, MarketPhase, UpdateKind
from paperd.itch50 import encode

Make = Callable[..., OrderCircle]
FIRST = 7  # behind the messages of OrderCircle.send_book, which end in market hours
CLOSED, EXTENDED, REGULAR = (int(MarketPhase[name]) for name in ("CLOSED", "EXTENDED", "REGULAR"))


def tell(suite: OrderCircle, sequence: int, event: str, phase: int) -> None:
    when = 57_600_000_000_000
    message = encode("S", stock_locate=0, tracking_number=0, timestamp_ns=when, event_code=event)
    suite.feed.send(sequence, [message])
    wait_until(lambda: suite.feedd.stat("feedd_market_phase") == phase, f"{event} is heard")


def test_orders_are_for_market_hours_and_cancels_for_all(circle: Make) -> None:
    suite = circle().begin()
    assert suite.feedd.stat("feedd_market_phase") == REGULAR
    resting, first = suite.outcome()
    tell(suite, FIRST, "M", EXTENDED)
    assert (first, suite.outcome()[1]) == ("ACCEPTED", "OUTSIDE_HOURS")
    suite.send(action=int(IntentAction.CANCEL), order_id=resting)
    suite.updates(UpdateKind.CANCELED)
    tell(suite, FIRST + 1, "E", CLOSED)
    assert suite.outcome()[1] == "OUTSIDE_HOURS"
    tell(suite, FIRST + 2, "Q", REGULAR)
    assert suite.outcome()[1] == "ACCEPTED"


def test_extended_hours_are_the_system_s(circle: Make) -> None:
    suite = circle(risk={"hours": "extended"}).begin()
    outcomes = [suite.outcome()[1]]
    for sequence, (event, phase) in enumerate((("M", EXTENDED), ("E", CLOSED), ("S", EXTENDED)), FIRST):
        tell(suite, sequence, event, phase)
        outcomes.append(suite.outcome()[1])
    assert outcomes == ["ACCEPTED", "ACCEPTED", "OUTSIDE_HOURS", "ACCEPTED"]


@pytest.mark.parametrize("hours", ["regular", "extended"])
def test_a_system_event_that_nobody_knows_is_no_permission(circle: Make, hours: str) -> None:
    suite = circle(risk={"hours": hours}).begin()
    tell(suite, FIRST, "Z", int(MarketPhase.UNKNOWN))
    assert suite.outcome()[1] == "OUTSIDE_HOURS"
