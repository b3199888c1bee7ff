"""Which row an instrument has, and what was read from the gateway's tables: told in inputs.ring, one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from braind.compiled import compiled, int64
from braind.shadow.layout import (
    DIVERGED,
    END,
    FIRST,
    FREE,
    HELD,
    HORIZON,
    INSTRUMENT,
    KNOWN,
    LIVE,
    LIVE_ORDERS,
    NEXT,
    NOT_AWAITED,
    NOT_REBUILT,
    ORDER_ID,
    ORDER_INSTRUMENT,
    POSITION,
    POSITION_SEQ,
    QUIET,
    REBUILDS,
    REPLACES,
    SEQ,
    SESSION,
    SESSION_DOWN,
    SINCE_TS_NS,
    TICK,
    UNREAD,
    WATERMARK,
    ShadowBook,
)
from braind.shadow.table import find, insert, refresh, row_of, unlink
from hft.layout.dtypes import VenueSession

_NO_SESSION, _UP = int(VenueSession.NONE), int(VenueSession.UP)


@compiled
def move_orders(book: ShadowBook, instrument_id: int, source: int, target: int) -> None:
    """All orders of an instrument from one row to another."""
    place = book.rows[source, FIRST]
    while place != END:
        following = book.orders[place, NEXT]
        if book.orders[place, ORDER_INSTRUMENT] == instrument_id:
            unlink(book, source, place)
            book.orders[place, NEXT] = book.rows[target, FIRST]
            book.rows[target, FIRST] = place
        place = following
    refresh(book, source)
    refresh(book, target)


@compiled
def unname(book: ShadowBook, slot: int) -> None:
    """The row has no instrument any more; its orders live on among those that are not followed."""
    instrument_id = book.rows[slot, INSTRUMENT]
    if instrument_id == 0:
        return
    others = book.rows.shape[0] - 1
    book.row_of_instrument[instrument_id] = others
    move_orders(book, instrument_id, slot, others)
    if book.rows[slot, KNOWN] == 0:
        book.words[UNREAD] -= 1
    for i in range(book.rows.shape[1]):
        book.rows[slot, i] = 0
    book.rows[slot, FIRST], book.rows[slot, QUIET] = END, 1
    refresh(book, slot)


@compiled
def name_row(book: ShadowBook, instrument_id: int, slot: int, tick: int) -> None:
    """Gives an instrument its row; its position has yet to be read. The same name again changes nothing."""
    if not 0 < instrument_id < book.row_of_instrument.shape[0]:
        return
    before = row_of(book, instrument_id)
    if before == slot:
        return
    others = book.rows.shape[0] - 1
    if before != others:
        unname(book, before)
    if slot < 0:
        return
    unname(book, slot)
    book.row_of_instrument[instrument_id] = slot
    book.rows[slot, INSTRUMENT], book.rows[slot, TICK] = instrument_id, tick
    book.words[UNREAD] += 1
    move_orders(book, instrument_id, others, slot)


@compiled
def take_position(book: ShadowBook, slot: int, position: int, updates_seq: int) -> None:
    """The gateway's position of the row's instrument, with every update up to that one in it."""
    this = book.rows[slot]
    if this[KNOWN] == 0:
        book.words[UNREAD] -= 1
    this[KNOWN], this[POSITION], this[POSITION_SEQ] = 1, position, updates_seq
    refresh(book, slot)


@compiled
def begin_rebuild(book: ShadowBook, watermark: int, horizon: int, session: int) -> None:
    """Forgets every order and position; `take_order` and `take_position` follow."""
    book.words[LIVE_ORDERS], book.words[UNREAD], book.words[DIVERGED] = 0, 0, 0
    for place in range(book.orders.shape[0]):
        for i in range(book.orders.shape[1]):
            book.orders[place, i] = 0
        book.orders[place, NEXT] = place + 1 if place + 1 < book.orders.shape[0] else END
    book.words[FREE] = 0
    for row in range(book.rows.shape[0]):
        book.rows[row, FIRST], book.rows[row, KNOWN] = END, 0
        if book.rows[row, INSTRUMENT] != 0:
            book.words[UNREAD] += 1
        refresh(book, row)
    book.words[WATERMARK], book.words[HORIZON], book.words[SESSION] = watermark, horizon, session
    book.words[HELD] &= ~(NOT_REBUILT | SESSION_DOWN)
    if session not in (_NO_SESSION, _UP):
        book.words[HELD] |= SESSION_DOWN
    book.counted[REBUILDS] += 1


@compiled
def take_order(book: ShadowBook, order: Any) -> None:
    """One order of the gateway's table (a LoopOrder). There is room for all of them: see reconciler.py."""
    instrument_id, generation = int64(order["instrument_id"]), int64(order["order_generation"])
    row = row_of(book, instrument_id)
    place = insert(
        book, row, instrument_id, generation, int64(order["order_id"]), int64(order["side"]), int64(order["price"]),
        int64(order["leaves_quantity"]), int64(order["state"]), int64(order["time_in_force"]), 0,
    )  # fmt: skip
    book.orders[place, SEQ] = max(int64(order["order_updates_seq"]), book.words[WATERMARK])
    if order["state"] == LIVE:
        book.orders[place, SINCE_TS_NS] = NOT_AWAITED
    heir_id = int64(order["replacing_order_id"])
    if heir_id != 0:
        heir = find(book, row, generation, heir_id)
        if heir != END:
            book.orders[heir, REPLACES] = book.orders[place, ORDER_ID]
    refresh(book, row)


@compiled
def take_orders(book: ShadowBook, orders: NDArray[np.void]) -> None:
    """Orders of the gateway's table, one by one."""
    for i in range(orders.shape[0]):
        take_order(book, orders[i])


@compiled
def restore_index(book: ShadowBook) -> None:
    """What follows from rows, orders and words, after these came from a checkpoint."""
    others = book.rows.shape[0] - 1
    for instrument_id in range(book.row_of_instrument.shape[0]):
        book.row_of_instrument[instrument_id] = others
    for row in range(book.rows.shape[0]):
        book.resting[row] = 0
    for row in range(book.rows.shape[0]):
        if book.rows[row, INSTRUMENT] != 0:
            book.row_of_instrument[book.rows[row, INSTRUMENT]] = row
        refresh(book, row)
