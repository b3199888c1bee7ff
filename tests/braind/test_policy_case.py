"""The case that strategies' own tests are made of, on the strategies that are known here."""

from __future__ import annotations

import pytest

from braind.policy import ACTION, PRICE, QUANTITY, SIDE, TIME_IN_FORCE
from braind.policy_case import ASK, BID, PolicyCase
from braind.shadow import layout
from braind.shadow.layout import Prevented
from braind.strategies.maker import MakerStrategy
from braind.strategies.taker import TakerStrategy
from hft.layout.dtypes import IntentAction, IntentFlags, Side, TimeInForce

SIZES = {"order_quantity": 100, "position_max": 300}


def taker(**more: object) -> PolicyCase:
    return PolicyCase(TakerStrategy, score_threshold=0.6, **SIZES, **more)


def test_a_wish_is_told_in_the_schema_s_words() -> None:
    (order,) = taker().decide(up=0.9)
    assert order[:5] == (IntentAction.NEW, Side.BUY, TimeInForce.IOC, ASK, 100)


def test_fills_change_the_position_that_the_policy_sees() -> None:
    case = taker()
    for order_id in (1, 2, 3):
        (order,) = case.decide(up=0.9, after_ns=case.horizon_ns)
        case.fill(order_id, order.quantity)
    assert case.position == 300
    assert case.decide(up=0.9, after_ns=case.horizon_ns) == []
    assert case.decide(down=0.9, after_ns=case.horizon_ns)[0].side is Side.SELL


def test_a_part_of_an_order_may_fill_and_the_rest_be_cancelled() -> None:
    case = taker(position=-50)
    case.decide(up=0.9)
    case.fill(1, 40)
    case.cancel(1)
    assert case.position == -10
    with pytest.raises(AssertionError, match="no order 1 is on its way or open"):
        case.fill(1, 1)
    case.decide(up=0.9, after_ns=case.horizon_ns)
    with pytest.raises(AssertionError, match="order 2 has 10 shares open"):
        case.fill(2, 11)


def test_quotes_rest_and_are_replaced_or_taken_back() -> None:
    case = PolicyCase(MakerStrategy, **SIZES)
    quotes = case.decide()
    assert {(quote.side, quote.flags) for quote in quotes} == {
        (Side.BUY, IntentFlags.POST_ONLY),
        (Side.SELL, IntentFlags.POST_ONLY),
    }
    assert case.decide() == [], "they are on their way"
    case.accept(1)
    case.accept(2)
    assert case.decide() == [], "and stand where they should"
    moved = case.decide(bid=BID + 100, ask=ASK + 100)
    assert {wish.action for wish in moved} == {IntentAction.REPLACE}
    assert {wish.order_id for wish in moved} == {1, 2}
    assert case.decide(bid=BID + 100, ask=ASK + 100) == [], "they are on their way"
    case.accept(3)
    case.accept(4)
    with pytest.raises(AssertionError, match="no order 1"):
        case.cancel(1)
    case.fill(3, 100)
    assert (abs(case.position), int(case.book.words[layout.LIVE_ORDERS])) == (100, 1)


def test_where_nothing_can_be_decided_quotes_are_cancelled() -> None:
    case = PolicyCase(MakerStrategy, **SIZES)
    case.decide()
    case.accept(1)
    case.accept(2)
    assert [wish.action for wish in case.decide(ready=False)] == [IntentAction.CANCEL] * 2


def bid_twice(scores, ready, event, now_ns, own, slot, parameters, book, actions):
    for order in actions[:2]:
        order[ACTION], order[SIDE], order[TIME_IN_FORCE] = IntentAction.NEW, Side.BUY, TimeInForce.DAY
        order[PRICE], order[QUANTITY] = event["bid_price"], 100
    return 2


def test_what_the_shadow_book_does_not_admit_is_told() -> None:
    class Twice(TakerStrategy):
        policy = staticmethod(bid_twice)

    case = PolicyCase(Twice, **SIZES)
    assert len(case.decide()) == 2
    assert case.prevented == [Prevented.DUPLICATE]
    assert len(case.decide(bid=BID - 100)) == 2
    assert case.prevented == [Prevented.DUPLICATE] * 2
