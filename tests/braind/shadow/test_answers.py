"""Each kind of update, and what contradicts the belief."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from desk import BUY, CANCEL, NEW, OTHER, REPLACE, SELL, THEIRS, Desk
from test_admission import live

from braind.counts import Count
from braind.shadow import layout
from braind.shadow.layout import (
    ANSWERED,
    CANCELING,
    DEAD,
    FOREIGN,
    HELD,
    LIVE,
    OPEN_BUY,
    OPEN_SELL,
    POSITION,
    REPLACING,
    SESSION_DOWN,
    UNKNOWN,
    Prevented,
)
from braind.shadow.names import name_row, take_position
from braind.shadow.watch import has_diverged, is_overdue
from braind.step import held_back
from hft.layout.dtypes import RefusalReason, UpdateKind, VenueSession

K = UpdateKind


def replacing(desk: Desk, quantity: int = 100) -> tuple[int, int]:
    """(old, new) with the replace on the wire."""
    old = live(desk)
    assert desk.want(REPLACE, price=9800, quantity=quantity, order_id=old) == Prevented.NONE
    new = desk.last_id
    desk.tell(
        K.SENT,
        new,
        action=REPLACE,
        intent_id=new,
        replaced_order_id=old,
        leaves_quantity=quantity,
        price=9800,
    )
    return old, new


@pytest.mark.parametrize("kind", [K.REFUSED, K.WOULD_SEND])
@pytest.mark.parametrize("action", [NEW, 0])
def test_an_order_that_was_refused_or_would_be_sent_never_was(kind, action):
    desk = Desk()
    desk.want(NEW)
    desk.tell(
        kind, 1, action=action, intent_id=1, intent_sequence=1, reason=RefusalReason.PAUSED, quantity=100
    )
    assert (desk.order(1), desk.row(OPEN_BUY), desk.row(layout.TARGET)) == (None, 0, 0)
    assert desk.book.counted[ANSWERED] == 1
    assert desk.book.refusals_by_reason[RefusalReason.PAUSED] == 1
    assert not desk.diverged


def test_a_refused_cancel_or_replace_leaves_the_order_as_it_was():
    desk = Desk()
    one = live(desk)
    desk.want(CANCEL, order_id=one)
    desk.tell(K.REFUSED, one, action=CANCEL, intent_id=2, reason=RefusalReason.MESSAGE_RATE)
    assert desk.order(one) == {**desk.order(one), "state": LIVE, "request": 0}
    desk.want(REPLACE, price=9800, order_id=one)
    desk.tell(
        K.REFUSED, 3, action=REPLACE, intent_id=3, replaced_order_id=one, reason=RefusalReason.PRICE_COLLAR
    )
    assert (desk.order(3), desk.order(one)["request"], desk.row(OPEN_BUY)) == (None, 0, 100)
    desk.book.words[layout.EVENT_TS_NS] += 10**12
    desk.tell(K.LIMITS, generation=0, instrument=0)
    assert not is_overdue(desk.book, 0), "nothing is awaited any more"
    assert not desk.diverged


def test_the_gateway_refusing_a_cancel_because_it_knows_no_such_order_is_a_divergence_unless_it_is_over():
    desk = Desk()
    one = live(desk)
    desk.want(CANCEL, order_id=one)
    desk.tell(K.REFUSED, one, action=CANCEL, intent_id=2, reason=RefusalReason.UNKNOWN_ORDER)
    assert desk.diverged == {"UNKNOWN_ORDER": 1}
    assert desk.row(OPEN_BUY) == 100, "it counts until somebody says that it is over"
    desk.want(CANCEL, order_id=one)
    desk.tell(K.CANCELED, one, quantity=100)
    desk.tell(K.REFUSED, one, action=CANCEL, intent_id=3, reason=RefusalReason.UNKNOWN_ORDER)
    assert desk.diverged == {"UNKNOWN_ORDER": 1}


def test_fills_move_the_position_and_the_last_one_ends_the_order():
    desk = Desk()
    one = live(desk)
    desk.tell(K.FILLED, one, quantity=40, leaves_quantity=60, position=40)
    assert (desk.row(POSITION), desk.row(OPEN_BUY), desk.order(one)["state"]) == (40, 60, LIVE)
    desk.tell(K.FILLED, one, quantity=60, leaves_quantity=0, position=100, order_state=DEAD)
    assert (desk.row(POSITION), desk.row(OPEN_BUY), desk.order(one)) == (100, 0, None)
    assert not desk.diverged


@pytest.mark.parametrize(("leaves", "alive"), [(100, True), (0, False)])
def test_an_order_may_be_accepted_dead(leaves, alive):
    desk = Desk()
    desk.want(NEW)
    desk.tell(K.SENT, 1, action=NEW, intent_id=1, leaves_quantity=100)
    desk.tell(K.ACCEPTED, 1, quantity=100, leaves_quantity=leaves, price=9850)
    assert (desk.order(1) is not None) == alive
    if alive:
        assert (desk.order(1)["price"], desk.order(1)["state"]) == (9850, LIVE), "the venue's price counts"


def test_a_cancel_takes_off_a_part_or_all():
    desk = Desk()
    one = live(desk)
    desk.tell(K.CANCELED, one, quantity=30, leaves_quantity=70)
    assert (desk.order(one)["state"], desk.row(OPEN_BUY)) == (LIVE, 70)
    desk.tell(K.CANCELED, one, quantity=70, leaves_quantity=0)
    assert (desk.order(one), desk.row(OPEN_BUY)) == (None, 0)


def test_a_rejected_order_is_over():
    desk = Desk()
    desk.want(NEW)
    desk.tell(K.SENT, 1, action=NEW, intent_id=1, leaves_quantity=100)
    desk.tell(K.REJECTED, 1, action=NEW, venue_reason=0x1D)
    assert (desk.order(1), desk.row(OPEN_BUY)) == (None, 0)
    assert not desk.diverged


def test_a_replaced_order_gives_its_place():
    desk = Desk()
    old, new = replacing(desk, quantity=150)
    desk.tell(K.FILLED, old, quantity=20, leaves_quantity=80, position=20)
    assert desk.order(old)["state"] == REPLACING
    desk.tell(K.REPLACED, new, replaced_order_id=old, quantity=130, leaves_quantity=130, price=9800)
    assert (desk.order(old), desk.row(OPEN_BUY), desk.row(POSITION)) == (None, 130, 20)
    assert desk.order(new) == {**desk.order(new), "state": LIVE, "price": 9800, "replaces": 0}
    assert not desk.diverged


def test_a_rejected_replace_leaves_the_old_order_where_it_was():
    desk = Desk()
    old, new = replacing(desk)
    desk.tell(K.REJECTED, new, action=REPLACE, replaced_order_id=old, leaves_quantity=100, order_state=DEAD)
    assert (desk.order(new), desk.order(old)["state"], desk.row(OPEN_BUY)) == (None, LIVE, 100)
    assert not desk.diverged


@pytest.mark.parametrize("kind", [K.FILLED, K.CANCELED])
def test_when_the_old_order_ends_nobody_takes_its_place_and_nobody_says_so(kind):
    desk = Desk()
    old, new = replacing(desk, quantity=300)
    desk.tell(
        kind, old, quantity=100, leaves_quantity=0, position=100 if kind == K.FILLED else 0, order_state=DEAD
    )
    assert (desk.order(old), desk.order(new), desk.row(OPEN_BUY)) == (None, None, 0)
    assert not desk.diverged


def test_a_replace_that_the_gateway_has_not_answered_outlives_the_old_order():
    desk = Desk()
    old = live(desk)
    desk.want(REPLACE, price=9800, quantity=50, order_id=old)
    desk.tell(K.FILLED, old, quantity=100, leaves_quantity=0, position=100, order_state=DEAD)
    assert desk.row(OPEN_BUY) == 50
    desk.tell(
        K.REFUSED, 2, action=REPLACE, intent_id=2, replaced_order_id=old, reason=RefusalReason.UNKNOWN_ORDER
    )
    assert desk.row(OPEN_BUY) == 0
    assert not desk.diverged


def test_a_cancel_that_waits_or_is_rejected():
    desk = Desk(answer_ns_max=10)
    one = live(desk)
    desk.want(CANCEL, order_id=one)
    desk.tell(K.SENT, one, action=CANCEL, intent_id=2, leaves_quantity=100)
    desk.tell(K.CANCEL_PENDING, one, leaves_quantity=100)
    desk.book.words[layout.EVENT_TS_NS] += 100
    desk.tell(K.SESSION, generation=0, instrument=0, venue_reason=VenueSession.UP)
    assert desk.order(one)["state"] == CANCELING
    assert not is_overdue(desk.book, 0), "it may wait at the venue for as long as it likes"
    desk.tell(K.CANCEL_REJECTED, one, leaves_quantity=100)
    assert (desk.order(one)["state"], desk.row(OPEN_BUY)) == (LIVE, 100)


def test_a_broken_trade_takes_the_position_back_also_of_an_order_that_is_over():
    desk = Desk()
    one = live(desk)
    desk.tell(K.FILLED, one, quantity=100, leaves_quantity=0, position=100)
    desk.tell(K.BROKEN, one, quantity=100, leaves_quantity=0, position=0, side=BUY)
    assert desk.row(POSITION) == 0
    assert not desk.diverged


@pytest.mark.parametrize(
    ("kind", "fields", "expected"),
    [
        (K.RESTATED, {"leaves_quantity": 90}, {"leaves": 90, "price": 9900}),
        (K.REPRIORITIZED, {"leaves_quantity": 100, "price": 9850}, {"leaves": 100, "price": 9850}),
        (K.MODIFIED, {"leaves_quantity": 60}, {"leaves": 60, "price": 9900}),
    ],
)
def test_details_that_the_venue_changes_by_itself(kind, fields, expected):
    desk = Desk()
    one = live(desk)
    desk.tell(kind, one, **fields)
    assert desk.order(one) == {**desk.order(one), **expected, "state": LIVE}


def test_unknown_stays_unknown_and_counts_in_full_until_the_venue_or_the_gateway_says_otherwise():
    desk = Desk()
    desk.want(NEW)
    desk.tell(K.SENT, 1, action=NEW, intent_id=1, leaves_quantity=100)
    desk.tell(K.UNKNOWN, 1, leaves_quantity=100, order_state=UNKNOWN)
    assert (desk.order(1)["state"], desk.row(OPEN_BUY)) == (UNKNOWN, 100)
    desk.tell(K.IGNORED, 1, action=NEW, order_state=DEAD)
    assert desk.order(1) is None
    old, new = replacing(desk)
    for one in (old, new):
        desk.tell(K.UNKNOWN, one, leaves_quantity=100, order_state=UNKNOWN)
    desk.tell(K.IGNORED, new, action=REPLACE, replaced_order_id=old, leaves_quantity=100, order_state=DEAD)
    assert (desk.order(new), desk.order(old)["state"]) == (None, LIVE)
    desk.want(CANCEL, order_id=old)
    desk.tell(K.SENT, old, action=CANCEL, intent_id=desk.last_id, leaves_quantity=100)
    desk.tell(K.UNKNOWN, old, leaves_quantity=100, order_state=UNKNOWN)
    desk.tell(K.IGNORED, old, action=CANCEL, leaves_quantity=100, order_state=LIVE)
    assert desk.order(old)["state"] == LIVE
    assert not desk.diverged


def test_without_a_session_everything_is_held_back_and_what_is_awaited_is_awaited_anew_afterwards():
    desk = Desk(answer_ns_max=10)
    desk.want(NEW)
    desk.tell(K.SENT, 1, action=NEW, intent_id=1, leaves_quantity=100)
    desk.tell(K.SESSION, generation=0, instrument=0, venue_reason=VenueSession.DOWN)
    assert desk.book.words[HELD] == SESSION_DOWN
    desk.book.words[layout.EVENT_TS_NS] += 100
    desk.tell(K.SESSION, generation=0, instrument=0, venue_reason=VenueSession.CONNECTING)
    assert is_overdue(desk.book, 0)
    counts, plain = np.zeros(len(Count), np.int64), getattr(held_back, "py_func", held_back)
    assert plain(2, 0, 1, SimpleNamespace(counts=counts, book=desk.book))
    assert (counts[Count.VETOED], counts[Count.DROPPED_HELD]) == (0, 1), "no answer can come: no veto for it"
    desk.tell(K.SESSION, generation=0, instrument=0, venue_reason=VenueSession.UP)
    assert desk.book.words[HELD] == 0
    desk.tell(K.LIMITS, generation=0, instrument=0)
    assert not is_overdue(desk.book, 0)


def test_a_position_that_the_gateway_announces_is_taken_over():
    desk = Desk()
    desk.tell(K.POSITION, generation=0, position=-700)
    assert desk.row(POSITION) == -700
    assert desk.want(side=SELL, price=10100, quantity=301) == Prevented.POSITION_LIMIT
    assert not desk.diverged


@pytest.mark.parametrize(
    ("kind", "fields", "how"),
    [
        (K.FILLED, {"order_id": 9, "quantity": 10, "position": 10}, "FILL_OF_DEAD"),
        (K.CANCELED, {"order_id": 9, "quantity": 10}, "UNKNOWN_ORDER"),
        (K.ACCEPTED, {"order_id": 9, "quantity": 10, "leaves_quantity": 10}, "UNKNOWN_ORDER"),
        (K.SENT, {"order_id": 9, "action": NEW, "quantity": 10, "leaves_quantity": 10}, "UNKNOWN_ORDER"),
        (K.ACCEPTED, {"order_id": 1, "quantity": 100, "leaves_quantity": 100}, "CONTRADICTION"),
        (K.FILLED, {"order_id": 1, "quantity": 10, "leaves_quantity": 95, "position": 10}, "LEAVES"),
        (K.FILLED, {"order_id": 1, "quantity": 10, "leaves_quantity": 90, "position": 11}, "POSITION"),
        (K.RESTATED, {"order_id": 9, "leaves_quantity": 5}, "UNKNOWN_ORDER"),
        (
            K.CANCELED,
            {"order_id": 1, "quantity": 1, "leaves_quantity": 99, "open_buy_quantity": 98},
            "OPEN_QUANTITY",
        ),
    ],
)
def test_a_confirmation_that_contradicts_is_counted_and_the_gateway_is_believed(kind, fields, how):
    desk = Desk()
    live(desk)
    desk.tell(kind, **fields)
    assert desk.diverged == {how: 1}
    if "position" in fields:
        assert desk.row(POSITION) == fields["position"]
    if fields["order_id"] == 9 and fields.get("leaves_quantity") and kind != K.RESTATED:
        assert desk.order(9)["leaves"] == fields["leaves_quantity"], "it counts from now on"


def test_more_contradictions_than_the_limit_are_too_many():
    desk = Desk(divergences_max=3)
    for number in range(4):
        assert not has_diverged(desk.book)
        desk.tell(K.CANCELED, 50 + number, quantity=1)
    assert has_diverged(desk.book)


def test_open_quantities_are_compared_only_when_nothing_is_on_its_way():
    desk = Desk()
    one = live(desk)
    desk.want(NEW, price=9800)
    desk.tell(K.FILLED, one, quantity=10, leaves_quantity=90, position=10, open_buy_quantity=90)
    assert not desk.diverged, "the gateway has not seen the second one yet"


@pytest.mark.parametrize(
    ("elapsed_ns", "heard", "late"), [(11, True, True), (10, True, False), (11, False, False)]
)
def test_an_answer_is_late_when_event_time_has_passed_and_others_were_answered(elapsed_ns, heard, late):
    desk = Desk(answer_ns_max=10)
    desk.want(NEW)
    desk.book.words[layout.EVENT_TS_NS] += elapsed_ns
    if heard:
        desk.tell(K.LIMITS, generation=0, instrument=0)
    assert is_overdue(desk.book, 0) == late


def test_an_order_of_an_instrument_that_is_named_later_is_found_by_it():
    desk = Desk()
    desk.tell(
        K.FOREIGN, 4, generation=THEIRS, instrument=OTHER, leaves_quantity=30, side=SELL, order_state=LIVE
    )
    assert desk.order(4, 2, THEIRS)["leaves"] == 30
    name_row(desk.book, OTHER, 1, 100)
    assert desk.order(4, 2, THEIRS) is None
    assert desk.order(4, 1, THEIRS)["leaves"] == 30
    assert desk.book.rows[1, OPEN_SELL] == 30
    assert (desk.book.words[layout.UNREAD], desk.book.rows[1, layout.KNOWN]) == (1, 0)
    take_position(desk.book, 1, -30, 0)
    assert (desk.book.words[layout.UNREAD], desk.book.rows[1, POSITION]) == (0, -30)
    name_row(desk.book, OTHER, -1, 0)
    assert desk.order(4, 2, THEIRS)["leaves"] == 30
    assert desk.book.rows[1, layout.INSTRUMENT] == 0


def test_updates_of_others_count_apart():
    desk = Desk()
    desk.tell(K.SENT, 4, generation=THEIRS, action=NEW, quantity=10, leaves_quantity=10, intent_sequence=3)
    assert (desk.book.counted[FOREIGN], desk.book.counted[ANSWERED], desk.book.updates_by_kind[K.SENT]) == (
        1,
        0,
        0,
    )
    desk.tell(K.FILLED, 4, generation=THEIRS, quantity=10, leaves_quantity=0, position=10)
    assert (desk.row(POSITION), desk.row(OPEN_BUY)) == (10, 0)
    assert not desk.diverged


def test_a_sent_cancel_is_answered_as_far_as_the_book_is_concerned():
    desk = Desk()
    one = live(desk)
    desk.want(CANCEL, order_id=one)
    desk.tell(K.SENT, one, action=CANCEL, intent_id=2, leaves_quantity=100)
    desk.tell(K.CANCEL_REJECTED, one, leaves_quantity=100)
    assert desk.want(CANCEL, order_id=one) == Prevented.NONE, "it may be tried again"
