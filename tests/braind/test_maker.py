"""The market-making example, case by case."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from strategies_desk import PolicyDesk

from braind.policy import find_strategy
from braind.shadow.names import take_position
from braind.strategies.maker import MakerStrategy, maker_policy
from hft.layout.dtypes import IntentAction, IntentFlags, Side, TimeInForce, UpdateKind

BUY, SELL = int(Side.BUY), int(Side.SELL)
NEW, CANCEL, REPLACE = (int(getattr(IntentAction, name)) for name in ("NEW", "CANCEL", "REPLACE"))
POST_ONLY, DAY = int(IntentFlags.POST_ONLY), int(TimeInForce.DAY)
TICK = 100


def desk(position: int = 0, half_spread=1.0, skew=2.0, requote=1) -> PolicyDesk:
    """Quantity 100, at most 300 either way, in a book of 99.00 / 101.00 (mid and microprice 100.00)."""
    made = PolicyDesk(maker_policy, [100, 300, half_spread, skew, requote], position_max=300)
    take_position(made.book, 0, position, 0)
    return made


def quotes(actions: list[dict]) -> dict[int, int]:
    return {one["side"]: one["price"] for one in actions if one["action"] == NEW}


def confirm(one: PolicyDesk, order_id: int, side: int, price: int) -> None:
    about = {"leaves_quantity": 100, "side": side, "price": price, "quantity": 100}
    one.tell(UpdateKind.SENT, order_id, action=NEW, intent_id=order_id, **about)
    one.tell(UpdateKind.ACCEPTED, order_id, **about)


def quoting(**options) -> PolicyDesk:
    """Bid 1 at 99.00, ask 2 at 101.00, both confirmed."""
    one = desk(**options)
    one.send(bid=990_000, ask=1_010_000)
    confirm(one, 1, BUY, 999_900)
    confirm(one, 2, SELL, 1_000_100)
    return one


VIEW = {"bid": 990_000, "ask": 1_010_000}


def test_it_quotes_both_sides_post_only_for_the_day():
    asked = desk().ask(**VIEW)
    assert asked == [
        {
            "action": NEW,
            "side": side,
            "lifetime": DAY,
            "price": price,
            "quantity": 100,
            "order_id": 0,
            "flags": POST_ONLY,
        }
        for side, price in ((BUY, 999_900), (SELL, 1_000_100))
    ]


@pytest.mark.parametrize(
    ("view", "position", "bid", "ask"),
    [
        ({}, 0, 999_900, 1_000_100),
        ({"up": 1.0}, 0, 1_000_100, 1_000_300),
        ({"down": 1.0}, 0, 999_700, 999_900),
        ({}, 150, 999_800, 1_000_000),
        ({}, -150, 1_000_000, 1_000_200),
        ({"bid_quantity": 300}, 0, 1_004_900, 1_005_100),
        ({"up": 0.25}, 0, 999_900, 1_000_200),
    ],
)
def test_fair_price_follows_microprice_score_and_inventory(view, position, bid, ask):
    assert quotes(desk(position=position).ask(**VIEW, **view)) == {BUY: bid, SELL: ask}


def test_a_quote_never_reaches_the_other_side_of_the_book():
    assert quotes(desk(half_spread=0.0).ask(up=1.0, bid=999_900, ask=1_000_000)) == {
        BUY: 999_900,
        SELL: 1_000_200,
    }
    assert quotes(desk(half_spread=0.0).ask(down=1.0, bid=999_900, ask=1_000_000)) == {
        BUY: 999_700,
        SELL: 1_000_000,
    }


@pytest.mark.parametrize(
    ("position", "sides"), [(201, {SELL}), (200, {BUY, SELL}), (-201, {BUY}), (300, {SELL})]
)
def test_the_side_that_would_lead_beyond_the_limit_is_not_quoted(position, sides):
    assert set(quotes(desk(position=position).ask(**VIEW))) == sides


def test_quotes_that_are_where_they_should_be_are_left_alone():
    assert quoting().ask(**VIEW) == []


@pytest.mark.parametrize(("requote", "replaced"), [(1, True), (2, True), (3, False)])
def test_a_quote_that_is_off_by_enough_is_replaced(requote, replaced):
    asked = quoting(requote=requote).ask(up=1.0, **VIEW)
    expected = [(REPLACE, 2, 1_000_300), (REPLACE, 1, 1_000_100)] if replaced else []
    assert [(one["action"], one["order_id"], one["price"]) for one in asked] == expected
    assert all(one["flags"] == POST_ONLY for one in asked)


def test_the_side_that_moves_away_goes_first_and_the_other_waits_until_it_is_gone():
    one = quoting()
    assert [each["side"] for each in one.send(up=1.0, **VIEW)] == [SELL, BUY]
    assert one.order(2)["request"] == 3
    assert one.order(1)["request"] == 0, "at 100.01 it would have met the old ask"
    assert one.ask(up=1.0, **VIEW)[0]["side"] == BUY
    one.tell(
        UpdateKind.SENT, 3, action=REPLACE, intent_id=3, replaced_order_id=2, side=SELL, leaves_quantity=100
    )
    one.tell(UpdateKind.REPLACED, 3, replaced_order_id=2, side=SELL, price=1_000_300, leaves_quantity=100)
    assert [each["side"] for each in one.send(up=1.0, **VIEW)] == [BUY]
    assert one.order(1)["request"] == 4


@pytest.mark.parametrize(
    "view",
    [{"ready": False}, {"bid": 0}, {"ask": 0}, {"bid": 1_010_000}, {"bid_quantity": 0}, {"ask_quantity": 0}],
)
def test_without_a_market_everything_is_cancelled(view):
    asked = quoting().ask(**{**VIEW, **view})
    assert sorted((one["action"], one["order_id"]) for one in asked) == [(CANCEL, 1), (CANCEL, 2)]


def test_what_is_on_its_way_is_left_alone_until_it_is_answered():
    one = desk()
    one.send(**VIEW)
    assert one.ask(up=1.0, **VIEW) == []
    assert one.ask(ready=False) == [], "the gateway has not answered: there is nothing to cancel yet"
    confirm(one, 1, BUY, 999_900)
    assert [(each["action"], each["order_id"]) for each in one.ask(ready=False)] == [(CANCEL, 1)]


def test_a_resting_quote_beyond_the_limit_is_cancelled():
    one = quoting()
    take_position(one.book, 0, 250, 9)
    asked = one.ask(**VIEW)
    assert (CANCEL, 1) in [(each["action"], each["order_id"]) for each in asked]


def test_a_quote_that_can_not_be_replaced_within_the_limit_is_cancelled_to_be_made_anew():
    one = quoting()
    take_position(one.book, 0, 150, 9)
    asked = [(each["action"], each["order_id"]) for each in one.ask(up=1.0, **VIEW)]
    assert asked == [(CANCEL, 1)] or (CANCEL, 1) in asked


def test_an_order_too_many_goes():
    one = desk()
    one.want(price=999_900)
    one.want(price=999_500)
    for number, price in ((1, 999_900), (2, 999_500)):
        confirm(one, number, BUY, price)
    asked = one.ask(**VIEW)
    assert (CANCEL, 1) in [(each["action"], each["order_id"]) for each in asked]


def test_it_is_found_by_its_name_and_gives_its_figures_to_its_policy():
    assert find_strategy("braind.strategies.maker:MakerStrategy") is MakerStrategy
    config = SimpleNamespace(
        order_quantity=7, position_max=70, quote_half_spread_ticks=1.5, quote_skew_ticks=3.0, requote_ticks=2
    )
    assert MakerStrategy(config, SimpleNamespace(horizon_ms=5)).parameters().tolist() == [7, 70, 1.5, 3.0, 2]
