"""What dies before it becomes an intent, and what an intent on its way does to the book."""

from __future__ import annotations

import pytest
from desk import BUY, CANCEL, DAY, IOC, NEW, OURS, REPLACE, SELL, Desk

from braind.shadow import layout
from braind.shadow.admission import forget_dropped
from braind.shadow.layout import ASKED, CANCELING, LIVE, OPEN_BUY, OPEN_SELL, SENT, TARGET, UNKNOWN, Prevented
from braind.shadow.watch import is_overdue
from hft.layout.dtypes import UpdateKind

NONE = Prevented.NONE


def live(desk: Desk, **order) -> int:
    """An order that the venue has confirmed; its id."""
    assert desk.want(NEW, **order) == NONE
    one = desk.last_id
    price, quantity, side = order.get("price", 9900), order.get("quantity", 100), order.get("side", BUY)
    about = {"leaves_quantity": quantity, "price": price, "side": side}
    desk.tell(UpdateKind.SENT, one, action=NEW, intent_id=one, **about)
    desk.tell(UpdateKind.ACCEPTED, one, quantity=quantity, **about)
    return one


def test_an_intent_counts_as_filled_for_the_target_and_as_open_for_limits():
    desk = Desk()
    assert desk.want(side=BUY, quantity=300) == NONE
    assert desk.want(side=SELL, price=10100, quantity=200) == NONE
    assert (desk.row(TARGET), desk.row(OPEN_BUY), desk.row(OPEN_SELL)) == (100, 300, 200)
    assert (desk.row(layout.BEST_BID), desk.row(layout.BEST_ASK), desk.row(layout.ORDERS)) == (9900, 10100, 2)
    assert desk.order(1)["state"] == ASKED


def test_the_same_side_and_price_again_is_a_duplicate_whatever_the_quantity():
    desk = Desk()
    desk.want(price=9900, quantity=100)
    assert desk.want(price=9900, quantity=7) == Prevented.DUPLICATE
    assert desk.want(price=9800) == NONE


@pytest.mark.parametrize(
    ("first", "second", "dies"),
    [((BUY, 9900), (SELL, 9900), True), ((BUY, 9900), (SELL, 9800), True), ((BUY, 9900), (SELL, 9901), False),
     ((SELL, 9900), (BUY, 9900), True), ((SELL, 9900), (BUY, 9950), True), ((SELL, 9900), (BUY, 9899), False)],
)  # fmt: skip
def test_an_order_that_would_meet_one_of_ours_dies(first, second, dies):
    desk = Desk()
    desk.want(side=first[0], price=first[1])
    assert desk.want(side=second[0], price=second[1]) == (Prevented.WOULD_CROSS if dies else NONE)


@pytest.mark.parametrize("side", [BUY, SELL])
def test_the_position_limit_holds_for_the_worst_case_of_each_side(side):
    desk = Desk(position_max=250)
    step = -100 if side == BUY else 100
    assert desk.want(side=side, price=9900, quantity=100) == NONE
    assert desk.want(side=side, price=9900 + step, quantity=100) == NONE
    assert desk.want(side=side, price=9900 + 2 * step, quantity=51) == Prevented.POSITION_LIMIT
    assert desk.want(side=side, price=9900 + 2 * step, quantity=50) == NONE
    other = SELL if side == BUY else BUY
    assert desk.want(side=other, price=20000 if other == SELL else 100, quantity=250) == NONE


def test_a_limit_of_nothing_sends_nothing():
    assert Desk(position_max=0).want(quantity=1) == Prevented.POSITION_LIMIT


@pytest.mark.parametrize(
    "order",
    [{"side": 0}, {"price": 0}, {"price": -100}, {"quantity": 0}, {"quantity": 1 << 62}, {"lifetime": 0}, {"action": 0},
     {"action": 9}],
)  # fmt: skip
def test_an_order_that_lacks_something_is_malformed(order):
    assert Desk().want(**order) == Prevented.MALFORMED


def test_a_full_table_takes_no_more():
    desk = Desk(capacity=2)
    assert [desk.want(price=9900 - 100 * i, quantity=1) for i in range(3)] == [
        NONE,
        NONE,
        Prevented.TABLE_FULL,
    ]


def test_only_a_confirmed_order_of_ours_that_nothing_is_on_its_way_for_can_be_replaced():
    desk = Desk()
    assert desk.want(REPLACE, order_id=5) == Prevented.UNKNOWN_ORDER
    desk.want(NEW)
    assert desk.want(REPLACE, price=9800, order_id=1) == Prevented.ORDER_BUSY
    desk.tell(UpdateKind.SENT, 1, action=NEW, intent_id=1, leaves_quantity=100)
    assert desk.want(REPLACE, price=9800, order_id=1) == Prevented.ORDER_BUSY
    desk.tell(UpdateKind.ACCEPTED, 1, quantity=100, leaves_quantity=100)
    assert desk.want(REPLACE, price=9900, quantity=100, order_id=1) == Prevented.NO_CHANGE
    assert desk.want(REPLACE, side=SELL, price=9800, order_id=1) == Prevented.MALFORMED
    assert desk.want(REPLACE, price=9800, order_id=1) == NONE
    assert desk.want(REPLACE, price=9700, order_id=1) == Prevented.ORDER_BUSY
    assert desk.want(CANCEL, order_id=1) == Prevented.ORDER_BUSY


def test_a_replace_counts_on_top_until_the_gateway_has_sent_it_and_then_as_the_larger_of_the_two():
    desk = Desk()
    one = live(desk, quantity=100)
    assert desk.want(REPLACE, price=9800, quantity=150, order_id=one) == NONE
    assert desk.row(OPEN_BUY) == 250
    assert desk.row(TARGET) == 150
    desk.tell(UpdateKind.SENT, 2, action=REPLACE, intent_id=2, replaced_order_id=one, leaves_quantity=150)
    assert desk.row(OPEN_BUY) == 150
    assert (desk.order(one)["state"], desk.order(2)["state"]) == (layout.REPLACING, SENT)


def test_a_replace_may_keep_its_price_and_must_not_take_anothers():
    desk = Desk()
    one = live(desk, price=9900)
    live(desk, price=9800)
    assert desk.want(REPLACE, price=9800, order_id=one) == Prevented.DUPLICATE
    assert desk.want(REPLACE, price=9900, quantity=50, order_id=one) == NONE


def test_an_order_is_cancelled_once_and_counts_until_it_is_over():
    desk = Desk()
    one = live(desk)
    assert desk.want(CANCEL, order_id=one) == NONE
    assert desk.want(CANCEL, order_id=one) == Prevented.ORDER_BUSY
    assert (desk.row(OPEN_BUY), desk.row(TARGET)) == (100, 0)
    assert desk.want(NEW, price=9900) == Prevented.DUPLICATE
    desk.tell(UpdateKind.SENT, one, action=CANCEL, intent_id=2, leaves_quantity=100)
    assert desk.order(one)["state"] == CANCELING
    assert desk.want(CANCEL, order_id=one) == Prevented.ORDER_BUSY


@pytest.mark.parametrize(("state", "may"), [(SENT, True), (LIVE, True), (UNKNOWN, True), (CANCELING, False)])
def test_what_may_be_cancelled(state, may):
    desk = Desk()
    desk.want(NEW)
    assert desk.want(CANCEL, order_id=1) == Prevented.ORDER_BUSY, "the gateway has not answered"
    desk.tell(UpdateKind.SENT, 1, action=NEW, intent_id=1, leaves_quantity=100, order_state=state)
    desk.book.orders[desk.row(layout.FIRST), layout.STATE] = state
    assert (desk.want(CANCEL, order_id=1) == NONE) == may


def test_an_order_of_another_queue_counts_and_is_never_acted_on():
    desk = Desk(position_max=250)
    desk.tell(UpdateKind.FOREIGN, 3, generation=66, leaves_quantity=200, order_state=LIVE)
    assert (desk.row(OPEN_BUY), desk.row(TARGET)) == (200, 0)
    assert desk.want(CANCEL, order_id=3) == Prevented.UNKNOWN_ORDER
    assert desk.want(price=9900) == Prevented.DUPLICATE
    assert desk.want(price=9800, quantity=51) == Prevented.POSITION_LIMIT


def test_what_the_queue_refused_never_was():
    desk = Desk()
    one, two = live(desk, price=9900), live(desk, price=9800)
    assert desk.want(CANCEL, order_id=one) == NONE
    assert desk.want(REPLACE, price=9700, order_id=two) == NONE
    assert desk.want(NEW, price=9600, lifetime=IOC) == NONE
    kept = desk.last_id - 1
    forget_dropped(desk.book, desk.last_id, 1)
    assert (desk.order(desk.last_id), desk.order(kept)["state"]) == (None, ASKED)
    forget_dropped(desk.book, kept - 1, 2)
    assert desk.order(kept) is None
    assert desk.order(one)["request"] == desk.order(two)["request"] == 0
    desk.book.words[layout.EVENT_TS_NS] += 10**12
    desk.tell(UpdateKind.LIMITS, generation=0, instrument=0)
    assert not is_overdue(desk.book, 0), "nothing is awaited any more"
    assert (desk.row(OPEN_BUY), desk.row(TARGET), desk.row(layout.QUIET)) == (200, 200, 1)
    assert desk.book.words[layout.LIVE_ORDERS] == 2


def test_only_own_orders_of_the_day_rest():
    desk = Desk()
    desk.want(NEW, price=9900, lifetime=DAY)
    desk.want(NEW, price=9800, lifetime=IOC)
    assert desk.book.resting.tolist() == [1, 0, 1]
    desk.tell(UpdateKind.FOREIGN, 3, generation=66, leaves_quantity=200, price=9500, order_state=LIVE)
    assert desk.book.resting.tolist() == [1, 0, 1]
    desk.tell(UpdateKind.SENT, 1, action=NEW, intent_id=1, leaves_quantity=100)
    desk.want(CANCEL, order_id=1)
    assert desk.book.resting.tolist() == [0, 0, 0]
    assert desk.order(1)["generation"] == OURS
