"""The market-taking example, case by case."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from strategies_desk import PolicyDesk

from braind.policy import find_strategy
from braind.shadow.layout import Prevented
from braind.shadow.names import take_position
from braind.strategies.taker import TakerStrategy, taker_policy, wanted_quantity
from hft.layout.dtypes import IntentAction, Side, TimeInForce, UpdateKind

BUY, SELL = int(Side.BUY), int(Side.SELL)
COOL_DOWN_NS = 1000


def desk(position: int = 0) -> PolicyDesk:
    made = PolicyDesk(taker_policy, [0.6, 100, COOL_DOWN_NS, 250], position_max=250)
    take_position(made.book, 0, position, 0)
    return made


def test_a_sure_view_takes_the_opposite_touch():
    assert desk().ask(up=0.7) == [
        {
            "action": IntentAction.NEW, "side": BUY, "lifetime": TimeInForce.IOC, "price": 10100, "quantity": 100,
            "order_id": 0, "flags": 0,
        }
    ]  # fmt: skip
    assert desk().ask(down=0.7)[0]["price"] == 9900
    assert desk().ask(up=0.59) == desk().ask(up=0.9, ready=False) == []


def test_it_builds_up_to_its_limit_and_waits_for_the_horizon_in_between():
    one = desk()
    assert one.send(up=0.7)[0]["quantity"] == 100
    one.tell(UpdateKind.SENT, 1, action=IntentAction.NEW, intent_id=1, leaves_quantity=100)
    one.tell(UpdateKind.ACCEPTED, 1, quantity=100, leaves_quantity=100, price=10100)
    one.tell(UpdateKind.FILLED, 1, quantity=100, position=100, price=10100)
    assert one.ask(up=0.7) == []
    one.now_ns += COOL_DOWN_NS
    take_position(one.book, 0, 200, 9)
    assert one.send(up=0.7)[0]["quantity"] == 50
    one.now_ns += COOL_DOWN_NS
    assert one.ask(up=0.7) == [], "the order on its way counts as filled"


def test_a_view_against_the_position_flattens_at_once_and_goes_no_further_in_one_step():
    one = desk(position=150)
    one.own[0, :2] = (SELL, one.now_ns)
    (first,) = one.send(down=0.7)
    assert (first["side"], first["quantity"]) == (SELL, 100)
    assert one.ask(down=0.7)[0]["quantity"] == 50, "the first one counts as filled"
    assert one.want(side=SELL, price=9900, quantity=50) == Prevented.DUPLICATE, "until it is answered"
    one.tell(UpdateKind.REFUSED, 1, action=IntentAction.NEW, intent_id=1)
    assert one.ask(down=0.7)[0]["quantity"] == 100, "nothing was sold"
    take_position(one.book, 0, 0, 9)
    assert one.ask(down=0.7) == [], "flat: the next one waits for the horizon"


@pytest.mark.parametrize(
    ("view", "target", "quantity"),
    [(BUY, 0, 100), (BUY, 200, 50), (BUY, 250, 0), (BUY, 300, 0), (BUY, -30, 30), (BUY, -300, 100), (SELL, 0, 100),
     (SELL, -200, 50), (SELL, -251, 0), (SELL, 30, 30)],
)  # fmt: skip
def test_how_much_is_wanted(view, target, quantity):
    assert wanted_quantity(view, target, 100, 250) == quantity


def test_it_is_found_by_its_name_and_gives_its_limits_to_its_policy():
    assert find_strategy("braind.strategies.taker:TakerStrategy") is TakerStrategy
    config = SimpleNamespace(score_threshold=0.55, order_quantity=7, position_max=70)
    assert TakerStrategy(config, SimpleNamespace(horizon_ms=5)).parameters().tolist() == [0.55, 7, 5e6, 70]
