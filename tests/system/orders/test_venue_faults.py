"""Everything that the paper venue can do wrong, to the whole suite while it trades (docs/PAPER_VENUE.md).

Each is shown to have happened (a count of the venue's, or of the gateway's, that grew), and is judged like any other
moment afterwards: disarmed or killed, nothing rests, the ledgers agree, no order twice, no limit exceeded.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from material import Material
from order_world import OrderWorld
from suite import wait_until

from hft.layout.dtypes import IntentAction
from paperd.orders.checks import REASON_MAX

Request = dict[str, Any]
LIVE = "an order that is open"  # in place of a UserRefNum
ANY = "the first symbol that is traded"
DISARMED, DRAIN_DEADLINE = "disarmed", "drain_deadline"
TRADES_S = 0.3  # after the fault, before the suite is disarmed


@dataclass(frozen=True)
class Fault:
    """`happened`: what must have grown: `venue NAME` a count of paperd's summary, else a counter of feedd (all that
    begin so, or with one of several). `reason`: why the fence is shut in the end: by the disarming that follows, or by
    what comes of it.
    """

    name: str
    requests: tuple[Request, ...]
    happened: tuple[str | tuple[str, ...], ...]
    reason: str = DISARMED
    repair: tuple[Request, ...] = ()  # while still armed


def verb(name: str, **parameters: object) -> Request:
    return {"verb": name, **parameters}


def broken(*reasons: str) -> tuple[str, ...]:
    return tuple(f'feedd_venue_breaks_total{{reason="{reason}"' for reason in reasons)


def event(kind: str) -> str:
    return f'feedd_order_events_total{{kind="{kind}"'


REPEATED = "feedd_venue_repeated_messages_total"
# A close with something unread in the socket is a reset for the other end, who may be just sending.
CLOSED = broken("closed", "receive_failed", "send_failed")
CUT, NO_CANCEL = verb("cut"), verb("no-cancel")
FAULTS = (
    # orders
    Fault("accepted dead", (verb("dead", count=5),), ("venue accepted_dead",)),
    Fault("accepted on other terms", (verb("amend", price="1.00", display="N"),), (event("accepted"),)),
    Fault("an order is lost", (verb("drop", count=1, types="O"),), ("venue dropped",), DRAIN_DEADLINE),
    Fault("a replace is lost", (verb("drop", count=1, types="U"),), ("venue dropped",)),
    Fault("cancels are lost", (verb("drop", count=3, types="X"),), ("venue dropped",)),
    Fault("unsolicited cancel of everything", (verb("cancel", reason="S"),), (event("canceled"),)),
    Fault("self-match cancel", (verb("cancel", reason="Q"),), ("venue self_match_messages",)),
    Fault("unsolicited cancel of a share", (verb("cancel", ref=LIVE, quantity=1),), (event("canceled"),)),
    Fault("a fill out of nowhere", (verb("fill", ref=LIVE),), (event("filled"),)),
    Fault("a broken trade", (verb("fill", ref=LIVE), verb("break")), (event("broken"), "venue broken")),
    Fault("restated", (verb("restate", ref=LIVE, quantity=1),), ("venue restated",)),
    Fault("reprioritized at another price", (verb("priority", ref=LIVE),), ("venue reprioritized",)),
    Fault("modified", (verb("modify", ref=LIVE, quantity=1),), ("venue modified",)),
    Fault(
        "cancels wait", (NO_CANCEL,), ("venue cancel_pending", 'feedd_venue_messages_total{type="P"'),
        repair=(verb("allow-cancel"),),
    ),
    Fault(
        "cancels wait and are refused", (NO_CANCEL,), ("venue cancel_pending",),
        repair=(verb("refuse-cancel"), verb("clear")),
    ),
    Fault("cancels are refused for a while", (verb("no-cancel", answer="reject", ms=800),), ("venue cancel_rejected",)
    ),
    Fault(
        "cancels are refused for good", (verb("no-cancel", answer="reject"),), ("venue cancel_rejected",),
        DRAIN_DEADLINE,
    ),
    Fault("cancels wait for good", (NO_CANCEL,), ("venue cancel_pending",), DRAIN_DEADLINE),
    Fault("halted", (verb("halt", symbol=ANY),), ("venue rejected",), repair=(verb("resume", symbol=ANY),)),
    # messages
    Fault("late acknowledgements", (verb("delay", ms=150),), (event("accepted"),)),
    Fault("late fills", (verb("delay", ms=100, types="E"),), (event("filled"),)),
    Fault("reordered acknowledgements", (verb("reorder", count=40, ms=100),) * 3, (event("accepted"),)),
    Fault("acknowledgements twice", (verb("duplicate", count=20, types="AU"),), (REPEATED,)),
    Fault("fills twice", (verb("duplicate", count=5, types="E"),), (REPEATED,)),
    Fault("cancels told twice", (verb("duplicate", count=20, types="C"),), (REPEATED,)),
    Fault("an unknown message", (verb("message", hex="5a0000000000000000"),), ("feedd_venue_unknown_messages_total",)),
    Fault("a message cut short", (verb("message", hex="45"),), (broken("short_message"),)),
    Fault("an unsequenced message", (verb("unsequenced", hex="41"),), ("feedd_venue_unsequenced_packets_total",)),
    Fault("a debug packet", (verb("debug", text="hello"),), ("feedd_venue_debug_packets_total",)),
    Fault("a packet of no length", (verb("raw", hex="0000"),), (broken("zero_length"),)),
    Fault("a packet of a type that is none", (verb("raw", hex="00013f"),), (broken("unexpected_packet"),)),
    Fault("end of day", (verb("end-of-day"),), ('feedd_venue_messages_total{type="S"',)),
    # sessions
    Fault("cut, cancelled on disconnect", (CUT,), (CLOSED, "venue orders_cancelled")),
    Fault("cut by RST", (verb("cut", reset=True),), (broken("receive_failed", "send_failed"),)),
    Fault("cut within a message", (verb("cut", bytes=7),), (CLOSED,)),
    Fault("cut, cancelled late", (verb("cancel-on-disconnect", mode="late", ms=100), CUT), (CLOSED,)),
    Fault("cut, never cancelled", (verb("cancel-on-disconnect", mode="no"), CUT), (CLOSED,)),
    Fault(
        "replayed from too early", (verb("replay-earlier", count=50), CUT),
        (CLOSED, "feedd_venue_duplicate_messages_total"),
    ),
    Fault("the login is refused twice", (verb("login-reject", reason="S", count=2), CUT), (broken("login_rejected"),)),
    Fault("not authorised once", (verb("login-reject", reason="A"), CUT), (broken("login_rejected"),)),
    Fault("a debug packet before the login", (verb("debug", text="hello", at_login=True), CUT), (CLOSED,)),
    Fault(
        "the login is not answered", (verb("mute", what="login"), CUT), (broken("login_timeout"),),
        repair=(verb("unmute"),),
    ),
    Fault("no answers for a while", (verb("mute", what="answers", ms=200),), ("venue accepted",)),
    Fault("silence", (verb("mute", ms=3000),), (broken("silence"),)),
    Fault("no heartbeats for a while", (verb("mute", what="heartbeats", ms=300),), ("venue accepted",)),
    Fault("the venue does not read", (verb("deaf", ms=250),), ("venue accepted",)),
)  # fmt: skip


@pytest.fixture(scope="module")
def world(material: Material) -> Iterator[OrderWorld]:
    made = OrderWorld(
        material, "--orders-heartbeat", "0.1", "--orders-receive-buffer", "4096", deadline_ms=2000,
        silence_ms=2000, login_timeout_ms=300,
    )  # fmt: skip
    yield made
    made.end()


def counted(world: OrderWorld, name: str | tuple[str, ...]) -> int:
    if isinstance(name, str) and name.startswith("venue "):
        return int(world.ctl("report")["counts"][name.removeprefix("venue ")])
    stats = world.suite.stats("feedd")
    return sum(int(value) for key, value in stats.items() if key.startswith(name))


def commit(world: OrderWorld, request: Request) -> None:
    """With one of the open orders where it names LIVE: that may be gone by then, so another one is tried."""

    def done() -> bool:
        filled_in = dict(request)
        if request.get("ref") == LIVE:
            filled_in["ref"] = min(world.ledger.read().live, default=0) or None
        if request.get("symbol") == ANY:
            filled_in["symbol"] = world.suite.material.symbols[0]
        return bool(world.ask(filled_in)["ok"])

    wait_until(done, lambda: f"{request} is done: {world.ask(request)}", 5)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.replace(" ", "-"))
def test_whatever_the_venue_does_the_suite_ends_flat_in_orders_and_its_ledgers_agree(
    world: OrderWorld, fault: Fault
) -> None:
    world.trade()
    before = {name: counted(world, name) for name in fault.happened}
    for request in fault.requests:
        commit(world, request)
    wait_until(
        lambda: all(counted(world, name) > count for name, count in before.items()),
        lambda: f"it happens: {before}, {[counted(world, name) for name in before]}",
        5,
    )
    time.sleep(TRADES_S)
    for request in fault.repair:
        commit(world, request)
    reason = world.disarm()
    world.ctl("clear")
    assert reason == fault.reason
    world.ctl("cancel-on-disconnect", mode="yes")
    world.judge(world.suite.fence()["shut_ts_ns"], feedd_died=not world.suite.alive("feedd"))


def test_every_reject_code_is_an_answer_like_another(
    world: OrderWorld, figure: Callable[[str], None]
) -> None:
    world.trade()
    codes = set(range(1, REASON_MAX + 1))
    for code in codes:
        world.ctl("reject", code=code, count=2)
        world.ctl("reject", code=code, on="replace")
    wait_until(
        lambda: told_codes(world, IntentAction.NEW) >= codes, "orders are rejected for every reason", 20
    )
    wait_until(lambda: told_codes(world, IntentAction.REPLACE) >= codes, "replaces are", 20)
    assert world.disarm() == DISARMED
    world.judge(world.suite.fence()["shut_ts_ns"])
    figure(f"reject codes 1 … {REASON_MAX}, orders and replaces: each told; the ledgers agree")


def told_codes(world: OrderWorld, action: IntentAction) -> set[int]:
    """The venue's codes in REJECTED updates."""
    told = world.told("REJECTED")
    return set(told[told["action"] == int(action)]["venue_reason"].tolist())
