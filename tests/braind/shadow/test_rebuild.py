"""A book made anew from the gateway's tables, and the updates that are in them already."""

from __future__ import annotations

import numpy as np
import pytest
from desk import BUY, NEW, THEIRS, Desk
from test_admission import live

from braind.shadow import layout
from braind.shadow.layout import (
    HELD,
    LIVE,
    OPEN_BUY,
    POSITION,
    REPLACING,
    SENT,
)
from braind.shadow.names import begin_rebuild, restore_index, take_orders, take_position
from hft.layout.dtypes import LOOP_ORDER, UpdateKind, VenueSession

K = UpdateKind


def loop_orders(*orders: dict) -> np.ndarray:
    made = np.zeros(len(orders), LOOP_ORDER)
    for one, fields in zip(made, orders, strict=True):
        one["side"], one["price"], one["leaves_quantity"], one["state"] = BUY, 9900, 100, LIVE
        one["instrument_id"], one["time_in_force"] = 11, 1
        for name, value in fields.items():
            one[name] = value
    return made


def test_a_rebuild_takes_what_was_read_and_passes_over_what_is_in_it():
    desk = Desk()
    live(desk)
    begin_rebuild(desk.book, 10, 12, int(VenueSession.UP))
    assert (desk.row(layout.KNOWN), desk.book.words[layout.UNREAD]) == (0, 1)
    take_orders(
        desk.book,
        loop_orders(
            {"order_id": 8, "order_generation": 77, "order_updates_seq": 12, "state": SENT, "price": 9800},
            {
                "order_id": 7,
                "order_generation": 77,
                "order_updates_seq": 9,
                "state": REPLACING,
                "replacing_order_id": 8,
            },
            {"order_id": 7, "order_generation": THEIRS, "price": 9700},
        ),
    )
    take_position(desk.book, 0, 300, 12)
    assert (desk.row(POSITION), desk.row(OPEN_BUY), desk.row(layout.ORDERS)) == (300, 200, 3)
    desk.sequence = 9
    desk.tell(K.FILLED, 7, quantity=50, leaves_quantity=50, position=9)  # 10: in everything
    desk.tell(
        K.FILLED, 7, quantity=10, leaves_quantity=90, position=310
    )  # 11: in the position, not in the order
    desk.tell(K.FILLED, 8, quantity=10, leaves_quantity=90, position=310)  # 12: in both
    assert (desk.row(POSITION), desk.order(7)["leaves"], desk.order(8)["leaves"]) == (300, 90, 100)
    assert not desk.diverged
    desk.tell(K.FILLED, 7, quantity=10, leaves_quantity=80, position=310)
    assert (desk.row(POSITION), desk.order(7)["leaves"]) == (310, 80)
    assert not desk.diverged


def test_what_appears_and_ends_between_watermark_and_horizon_is_no_divergence():
    desk = Desk()
    begin_rebuild(desk.book, 10, 20, int(VenueSession.UP))
    take_position(desk.book, 0, 0, 20)
    desk.sequence = 10
    desk.tell(K.CANCELED, 5, quantity=100)
    desk.tell(K.SENT, 6, action=NEW, quantity=100, leaves_quantity=100, order_state=SENT)
    assert desk.row(OPEN_BUY) == 100
    desk.tell(K.ACCEPTED, 6, quantity=100, leaves_quantity=100, order_state=LIVE)
    desk.tell(K.CANCELED, 6, quantity=100)
    assert desk.row(OPEN_BUY) == 0
    assert not desk.diverged


@pytest.mark.parametrize(
    ("session", "held"), [(VenueSession.NONE, 0), (VenueSession.UP, 0), (VenueSession.DOWN, 4)]
)
def test_a_rebuild_knows_whether_there_is_a_session(session, held):
    desk = Desk()
    desk.book.words[HELD] = layout.NOT_REBUILT
    begin_rebuild(desk.book, 0, 0, int(session))
    assert desk.book.words[HELD] == held


def test_an_order_that_does_not_fit_holds_everything_back():
    desk = Desk(capacity=1)
    live(desk)
    desk.tell(K.FOREIGN, 4, generation=THEIRS, price=9000, leaves_quantity=30, order_state=LIVE)
    assert desk.book.words[HELD] == layout.NOT_REBUILT


def test_what_follows_from_a_checkpoint_is_made_again():
    desk = Desk()
    live(desk)
    desk.want(NEW, price=9800)
    before = [array.copy() for array in (desk.book.row_of_instrument, desk.book.resting, desk.book.rows)]
    desk.book.row_of_instrument[:], desk.book.resting[:] = 0, 9
    restore_index(desk.book)
    after = (desk.book.row_of_instrument, desk.book.resting, desk.book.rows)
    assert all((one == other).all() for one, other in zip(before, after, strict=True))


def test_a_replace_that_the_tables_did_not_show_takes_its_place_all_the_same():
    desk = Desk()
    begin_rebuild(desk.book, 0, 0, int(VenueSession.UP))
    old = {"order_id": 7, "order_generation": 77, "state": REPLACING, "replacing_order_id": 8}
    take_orders(desk.book, loop_orders(old))
    take_position(desk.book, 0, 0, 0)
    desk.tell(
        K.REPLACED, 8, replaced_order_id=7, quantity=50, leaves_quantity=50, price=9800, order_state=LIVE
    )
    assert (desk.order(7), desk.order(8)["leaves"], desk.row(OPEN_BUY)) == (None, 50, 50)
    assert not desk.diverged
