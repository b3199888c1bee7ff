"""Random client messages against a random market: whatever happens, the books balance."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest
from ouch_client import POST_ONLY, cancel, enter, modify, replace
from venue_harness import LocalVenue

from paperd.orders import actions
from paperd.orders.faults import NoCancel, RejectFault
from paperd.orders.matching import SelfMatch
from paperd.orders.order import State

BID = 1_000_000
STEPS = 1_500


class Walk:
    """One random life of a venue; remembers all it said."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.venue = LocalVenue(self_match=self.random.choice(list(SelfMatch)))
        self.said: list[dict[str, Any]] = []
        self.sent: dict[int, int] = {}
        self.ref = 0
        self.references: list[int] = []
        self.volume = 1_000

    def price(self) -> int:
        return BID + 100 * self.random.randrange(-6, 7)

    def some_ref(self) -> int:
        """Mostly of an open order."""
        live = self.venue.tally.open_orders()
        if live and self.random.random() < 0.7:
            return self.random.choice(live).user_ref
        return self.random.randint(max(1, self.ref - 20), self.ref + 1)

    def step(self) -> None:
        kinds = [
            self.enter,
            self.cancel,
            self.replace,
            self.modify,
            self.add,
            self.execute,
            self.vanish,
            self.trouble,
        ]
        self.random.choices(kinds, (8, 3, 3, 1, 8, 4, 3, 1))[0]()
        self.said += self.venue.answers()

    def send(self, message: bytes) -> None:
        self.said += self.venue.send(message)

    def enter(self) -> None:
        self.ref += self.random.choice((0, 1, 1, 1, 3))
        quantity = self.random.choice((0, 1, 50, 100, 700))
        options = (POST_ONLY,) if self.random.random() < 0.1 else ()
        side, tif = self.random.choice("BSTE"), self.random.choice("0355")
        self.send(enter(self.ref, side, quantity, price=self.price(), tif=tif, options=options))

    def cancel(self) -> None:
        self.send(cancel(self.some_ref(), self.random.choice((0, 0, 10, 60, 700))))

    def replace(self) -> None:
        old = self.some_ref()
        self.ref += self.random.choice((0, 1, 1))
        self.send(replace(old, self.ref, self.random.choice((0, 30, 120, 800)), self.price()))

    def modify(self) -> None:
        self.send(modify(self.some_ref(), self.random.choice("STE"), self.random.choice((0, 40, 500))))

    def add(self) -> None:
        self.references.append(len(self.references) + 1)
        shares = self.random.randrange(1, 300)
        self.volume += shares
        self.said += self.venue.add(self.references[-1], self.random.choice("BS"), shares, self.price())

    def displayed(self) -> Any:
        book = self.venue.market.find("AAPL").book
        there = [order for r in self.references[-60:] if (order := book.get(r)) is not None]
        return self.random.choice(there) if there else None

    def execute(self) -> None:
        displayed = self.displayed()
        if displayed is not None:
            shares = self.random.randint(1, displayed.shares)
            self.volume += shares
            self.said += self.venue.execute(displayed.reference, shares)

    def vanish(self) -> None:
        displayed = self.displayed()
        if displayed is not None and self.random.random() < 0.5:
            self.said += self.venue.itch("D", order_reference=displayed.reference)
        elif displayed is not None:
            shares = self.random.randint(1, displayed.shares)
            self.said += self.venue.itch("X", order_reference=displayed.reference, cancelled_shares=shares)

    def trouble(self) -> None:
        venue, faults = self.venue.venue, self.venue.venue.faults
        live = venue.tally.open_orders()
        trouble = self.random.randrange(8)
        if trouble == 0:
            faults.rejects.append(RejectFault(0x20, kind=self.random.choice("OU")))
        elif trouble == 1:
            faults.dead += 1
        elif trouble == 2 and live:
            actions.cancel(
                venue, [self.random.choice(live)], self.random.choice("SQDZ"), self.random.choice((None, 7))
            )
        elif trouble == 3 and any(not e.broken for e in venue.tally.executions.values()):
            actions.break_trade(venue, None, "S")
        elif trouble == 4:
            faults.no_cancel = [NoCancel(self.random.choice(("pending", "reject")))]
        elif trouble == 5:
            actions.allow_cancels(venue)
        elif trouble == 6 and live:
            actions.reprioritize(venue, self.random.choice(live).user_ref, None, None)
        elif trouble == 7:
            faults.drop += 1


def resummed(said: list[dict[str, Any]]) -> dict[str, Any]:
    """Orders and position as a client would have them, from the messages alone."""
    side: dict[int, str] = {}
    open_shares: dict[int, int] = {}
    fills: dict[int, tuple[int, int, int]] = {}
    ends: Counter[int] = Counter()
    for m in said:
        kind, ref = m["type"], m.get("user_ref")
        if kind in ("A", "U"):
            side[ref], open_shares[ref] = m["side"], m["quantity"]
            if kind == "U":
                open_shares[m["original_ref"]] = 0
                ends[m["original_ref"]] += 1
            if m["state"] == "D":
                open_shares[ref] = 0
                ends[ref] += 1
            continue
        if kind == "J":
            ends[ref] += 1
        elif kind == "M":
            side[ref], open_shares[ref] = m["side"], m["quantity"]
        elif kind == "E":
            fills[m["match"]] = (ref, m["quantity"], m["price"])
        elif kind == "B":
            del fills[m["match"]]
        if kind in ("E", "C", "D"):
            assert open_shares[ref] > 0, f"{m} about an order that is dead or unknown"
            open_shares[ref] -= m["quantity"]
            assert open_shares[ref] >= 0, m
            ends[ref] += open_shares[ref] == 0
    return {"side": side, "open": open_shares, "fills": fills, "ends": ends}


@pytest.mark.parametrize("seed", range(12))
def test_whatever_happens_the_messages_add_up_to_the_venues_own_count(seed: int) -> None:
    walk = Walk(seed)
    for _ in range(STEPS):
        walk.step()
    tally = walk.venue.tally
    ours = resummed(walk.said)
    for ref, order in tally.orders.items():
        assert ours["open"].get(ref, 0) == order.open, ref
        assert order.live == (order.open > 0), ref
        assert ours["ends"][ref] == (not order.live), f"order {ref} must end exactly once, is {order.state}"
    signed = sum(q if ours["side"][r] == "B" else -q for r, q, _ in ours["fills"].values())
    assert signed == walk.venue.position
    position = tally.positions["AAPL"]
    values = {True: 0, False: 0}
    for ref, quantity, price in ours["fills"].values():
        values[ours["side"][ref] == "B"] += quantity * price
    assert values == {True: position.bought_value_e4, False: position.sold_value_e4}
    assert position.fills == len(ours["fills"])
    states = tally.report()["states"]
    assert states == {state.value: 0 for state in State} | Counter(
        o.state.value for o in tally.orders.values()
    )
    assert set(tally.live) == {ref for ref, order in tally.orders.items() if order.live}
    assert min(states[s] for s in ("filled", "cancelled", "replaced", "rejected", "dead")) > 0, (
        "the walk must reach all"
    )


@pytest.mark.parametrize("seed", range(6))
def test_no_fill_is_worse_than_the_limit_and_no_chain_gets_more_than_it_asked_for(seed: int) -> None:
    walk = Walk(100 + seed)
    for _ in range(STEPS):
        walk.step()
    orders = walk.venue.tally.orders
    for execution in walk.venue.tally.executions.values():
        order = execution.order
        assert order.meets(execution.price_e4), (order, execution)
    asked = {m["user_ref"]: m["quantity"] for m in walk.said if m["type"] in ("A", "U")}
    got: Counter[int] = Counter()
    for m in walk.said:
        if m["type"] == "E":
            got[m["user_ref"]] += m["quantity"]
    assert all(got[ref] <= asked[ref] for ref in got)
    assert sum(got.values()) > 1_000
    resting = [o for o in orders.values() if o.state == State.LIVE]
    book = walk.venue.market.find("AAPL").book
    for order in resting:
        best = book.side(not order.buy).best()
        assert best is None or not order.meets(best.price_e4), "nothing may rest that could trade"
