"""The gateway's tables, read in this process from regions that a test writes."""

from __future__ import annotations

import numpy as np
import pytest
from paper_gateway import Resting

from braind.answers import Answers
from braind.inputs import Inputs
from braind.shadow.layout import HELD, NOT_REBUILT, OPEN_BUY, ShadowBook
from braind.shadow.names import begin_rebuild, name_row, take_orders
from braind.shadow.reconciler import Reconciler, TooManyOrders
from hft.layout.dtypes import (
    GATEWAY_ORDER,
    GATEWAY_POSITION,
    GATEWAY_STATE,
    LOOP_INPUT,
    LOOP_ORDER,
    ORDER_INTENT,
    ORDER_UPDATE,
    InputKind,
    RegionKind,
    UpdateKind,
    VenueSession,
)
from hft.regions import IntentProducer, Region, RingReader, read_entries


class Tables:
    """feedd's regions, a queue, and a reconciler over them."""

    def __init__(self, feedd, directory, room=8) -> None:
        self.feedd = feedd
        (directory / "braind").mkdir()
        self.intents = Region.create(
            str(directory / "braind" / "intents.ring"), RegionKind.INTENTS_RING, 16, ORDER_INTENT.itemsize
        )
        self.feedd.attach()
        self.producer = IntentProducer(self.intents, feedd.gateway)
        self.answers = Answers(feedd.updates, RingReader(feedd.updates, 0))
        self.reconciler = Reconciler(feedd.gateway, feedd.orders, feedd.positions, room)

    def publish(self, count=1) -> None:
        update = np.zeros(1, ORDER_UPDATE)
        update["kind"] = int(UpdateKind.LIMITS)
        for _ in range(count):
            self.feedd.publish_update(update)

    def rest(self, *orders: Resting) -> None:
        self.feedd.venue.orders = {one.order_id: one for one in orders}
        self.feedd.write_tables()

    def rebuild(self):
        return self.reconciler.rebuild(self.intents, int(self.producer.sequence), self.answers)


@pytest.fixture
def tables(feedd_side, shm_directory):
    return Tables(feedd_side(), shm_directory)


def test_an_order_is_read_with_everything_that_the_book_needs(tables):
    tables.publish(5)
    tables.rest(Resting(7, 3, 1, 9900, 60, 40, 4), Resting(9, 3, 2, 10100, 10, 0, 5))
    rebuilt = tables.rebuild()
    assert (rebuilt.watermark, rebuilt.horizon, rebuilt.session) == (5, 5, VenueSession.UP)
    first = rebuilt.orders[0]
    names = ("order_id", "instrument_id", "side", "price", "leaves_quantity", "order_updates_seq")
    assert [int(first[name]) for name in names] == [7, 3, 1, 9900, 60, 4]
    assert int(first["order_generation"]) == tables.intents.generation


def test_nothing_is_read_before_the_watermark_has_reached_what_was_consumed(tables):
    tables.publish(2)
    tables.answers.consume()
    assert tables.rebuild() is None
    assert tables.reconciler.position(3, tables.answers.sequence) is None
    tables.feedd.write_tables()
    assert tables.rebuild().watermark == 2
    assert tables.reconciler.position(3, tables.answers.sequence) == (0, 2)


def test_nothing_is_read_before_every_intent_is_answered(tables):
    tables.feedd.write_tables()
    tables.producer.push(np.zeros(1, ORDER_INTENT))
    assert tables.rebuild() is None
    tables.feedd.answer_all()
    assert tables.rebuild().watermark == 1


def test_a_queue_that_nobody_has_attached_to_is_answered_when_it_is_empty(tables):
    words = tables.feedd.gateway.records(GATEWAY_STATE)
    words["intents_generation"], words["intents_cursor"] = 1, 99
    assert tables.rebuild() is not None
    assert tables.reconciler.rebuild(tables.intents, 1, tables.answers) is None


def test_more_orders_than_there_is_room_for_are_refused_by_number(feedd_side, shm_directory):
    tables = Tables(feedd_side(), shm_directory, room=1)
    tables.rest(Resting(7, 3, 1, 9900, 60), Resting(9, 3, 2, 10100, 10))
    with pytest.raises(TooManyOrders, match=r"2 orders are open, braind.shadow_orders is 1"):
        tables.rebuild()


def test_a_position_names_the_last_update_in_it(tables):
    tables.publish(3)
    tables.feedd.venue.position, tables.feedd.venue.position_seq = {3: -500}, {3: 9}
    tables.feedd.write_tables()
    assert tables.reconciler.position(3, 0) == (-500, 9)
    assert tables.reconciler.position(4, 0) == (0, 3)
    assert tables.reconciler.position(4000, 0) == (0, 3)


def test_reconciled_is_the_gateways_word_or_that_there_is_no_venue(tables):
    assert tables.reconciler.is_reconciled()
    tables.feedd.set_reconciled(False)
    assert not tables.reconciler.is_reconciled()
    tables.feedd.gateway.records(GATEWAY_STATE)["venue_session"] = 0
    assert tables.reconciler.is_reconciled()


def test_entries_are_whole_and_within_the_region_and_one_that_is_being_written_is_not_read(tables):
    out = np.zeros(2, GATEWAY_POSITION)
    assert read_entries(tables.feedd.positions, 62, out)
    with pytest.raises(IndexError):
        read_entries(tables.feedd.positions, 63, out)
    with pytest.raises(IndexError):
        read_entries(tables.feedd.positions, 1 << 63, out)
    with pytest.raises(ValueError, match="whole entries"):
        read_entries(tables.feedd.positions, 0, np.zeros(100, np.uint8))
    tables.feedd.orders.records(GATEWAY_ORDER)["version"][5] = 7
    assert not read_entries(tables.feedd.orders, 0, np.zeros(64, GATEWAY_ORDER))
    assert tables.rebuild() is None


def test_what_inputs_and_orders_have_in_common_is_at_the_same_place():
    common = set(LOOP_INPUT.names) & set(LOOP_ORDER.names)
    assert common >= {
        "sequence",
        "market_seq",
        "last_intent_id",
        "events",
        "bad_run",
        "kind",
        "vetoed",
        "instrument_id",
    }
    assert {name: LOOP_INPUT.fields[name] for name in common} == {
        name: LOOP_ORDER.fields[name] for name in common
    }
    assert LOOP_ORDER.itemsize == LOOP_INPUT.itemsize


def test_what_is_told_of_a_rebuild_makes_the_same_book(tables, shm_directory):
    tables.publish(5)
    tables.rest(Resting(7, 3, 1, 9900, 60, 40, 4), Resting(9, 4, 2, 10100, 10, 0, 5))
    rebuilt = tables.rebuild()
    inputs = Inputs(str(shm_directory / "braind" / "inputs.ring"), 1024, False, np.zeros(64, np.int64))
    inputs.rebuilt(123, rebuilt)
    region = Region.open(str(shm_directory / "braind" / "inputs.ring"), RegionKind.INPUTS_RING)
    head, *orders = region.records(LOOP_INPUT)[:3]
    assert [int(one["kind"]) for one in (head, *orders)] == [
        InputKind.REBUILT,
        InputKind.ORDER,
        InputKind.ORDER,
    ]
    assert {int(one["market_seq"]) for one in (head, *orders)} == {123}
    assert (int(head["first"]), int(head["count"]), int(head["lost"])) == (5, 2, 5)

    books = []
    for told in (
        rebuilt.orders,
        np.concatenate([np.frombuffer(one.tobytes(), LOOP_ORDER) for one in orders]),
    ):
        book = ShadowBook.allocated(1, 16, 8, (1000, 3, 1000))
        book.clear(int(tables.intents.generation), NOT_REBUILT)
        name_row(book, 3, 0, 100)
        begin_rebuild(book, int(head["first"]), int(head["lost"]), int(head["push_result"]))
        take_orders(book, told.copy())
        books.append(book)
    assert books[0].orders.tobytes() == books[1].orders.tobytes()
    assert books[0].words.tobytes() == books[1].words.tobytes()
    assert (books[0].rows[0, OPEN_BUY], books[0].words[HELD]) == (60, 0)
