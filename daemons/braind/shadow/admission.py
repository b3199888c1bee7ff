"""What the policy wants, before it becomes an intent: duplicates, conflicts and what own limits forbid die here.

Whatever may be open counts as open: an order that is being cancelled stands in the way of another one at its price.
"""

from __future__ import annotations

from typing import Any

from braind import policy
from braind.compiled import compiled
from braind.shadow.layout import (
    ASKED,
    BEST_ASK,
    BEST_BID,
    END,
    EVENT_TS_NS,
    FIRST,
    FREE,
    GENERATION,
    INSTRUMENT,
    LEAVES,
    LIVE,
    NEXT,
    NOT_AWAITED,
    OPEN_BUY,
    OPEN_SELL,
    ORDER_ID,
    OWN_GENERATION,
    POSITION,
    POSITION_MAX,
    PRICE,
    REPLACES,
    REQUEST,
    SENT,
    SIDE,
    SINCE_SEQ,
    SINCE_TS_NS,
    STATE,
    UNKNOWN,
    UPDATES_SEQ,
    Prevented,
    ShadowBook,
)
from braind.shadow.table import find, insert, refresh, remove
from hft.layout.dtypes import IntentAction, Side, TimeInForce

_NEW, _CANCEL, _REPLACE = int(IntentAction.NEW), int(IntentAction.CANCEL), int(IntentAction.REPLACE)
_BUY, _SELL = int(Side.BUY), int(Side.SELL)
_DAY, _IOC = int(TimeInForce.DAY), int(TimeInForce.IOC)
_ADMITTED, _MALFORMED = int(Prevented.NONE), int(Prevented.MALFORMED)
_TABLE_FULL, _DUPLICATE = int(Prevented.TABLE_FULL), int(Prevented.DUPLICATE)
_WOULD_CROSS, _POSITION_LIMIT = int(Prevented.WOULD_CROSS), int(Prevented.POSITION_LIMIT)
_UNKNOWN_ORDER, _ORDER_BUSY = int(Prevented.UNKNOWN_ORDER), int(Prevented.ORDER_BUSY)
_NO_CHANGE = int(Prevented.NO_CHANGE)
# No sum of two of these leaves int64.
_QUANTITY_MAX = 1 << 40


@compiled
def well_formed(wanted: Any) -> bool:
    """Whether a new order, or a replacing one, says everything it must."""
    side, lifetime = wanted[policy.SIDE], wanted[policy.TIME_IN_FORCE]
    return bool(
        side in (_BUY, _SELL)
        and lifetime in (_DAY, _IOC)
        and wanted[policy.PRICE] > 0
        and 0 < wanted[policy.QUANTITY] <= _QUANTITY_MAX
    )


@compiled
def conflict(book: ShadowBook, row: int, wanted: Any, replaced: int) -> int:
    """Against own orders that may be open and own limits; `replaced`: the place of the order it replaces, or END."""
    side, price, added = wanted[policy.SIDE], wanted[policy.PRICE], wanted[policy.QUANTITY]
    if book.words[FREE] == END:
        return _TABLE_FULL
    place = book.rows[row, FIRST]
    while place != END:
        if place != replaced and book.orders[place, SIDE] == side and book.orders[place, PRICE] == price:
            return _DUPLICATE
        place = book.orders[place, NEXT]
    this = book.rows[row]
    if side == _BUY and this[BEST_ASK] != 0 and price >= this[BEST_ASK]:
        return _WOULD_CROSS
    if side == _SELL and this[BEST_BID] != 0 and price <= this[BEST_BID]:
        return _WOULD_CROSS
    worst = this[POSITION] + this[OPEN_BUY] if side == _BUY else this[OPEN_SELL] - this[POSITION]
    return _POSITION_LIMIT if worst + added > book.limits[POSITION_MAX] else _ADMITTED


@compiled
def refusal(book: ShadowBook, row: int, wanted: Any) -> int:
    """`Prevented`: why this action must not become an intent, NONE when it may."""
    action = wanted[policy.ACTION]
    if action == _NEW:
        return conflict(book, row, wanted, END) if well_formed(wanted) else _MALFORMED
    if action not in (_CANCEL, _REPLACE):
        return _MALFORMED
    place = find(book, row, book.words[OWN_GENERATION], wanted[policy.ORDER_ID])
    if place == END:
        return _UNKNOWN_ORDER
    state = book.orders[place, STATE]
    free = state == LIVE or (action == _CANCEL and state in (SENT, UNKNOWN))
    if not free or book.orders[place, REQUEST] != 0:
        return _ORDER_BUSY
    return _ADMITTED if action == _CANCEL else refusal_of_replace(book, row, wanted, place)


@compiled
def refusal_of_replace(book: ShadowBook, row: int, wanted: Any, place: int) -> int:
    """As `refusal`, of a replace of an order that may be replaced."""
    order = book.orders[place]
    if not well_formed(wanted) or wanted[policy.SIDE] != order[SIDE]:
        return _MALFORMED
    if wanted[policy.PRICE] == order[PRICE] and wanted[policy.QUANTITY] == order[LEAVES]:
        return _NO_CHANGE
    return conflict(book, row, wanted, place)


@compiled
def record(book: ShadowBook, row: int, wanted: Any, intent_id: int) -> None:
    """An admitted action is on its way from now on, under this id."""
    action, own = wanted[policy.ACTION], book.words[OWN_GENERATION]
    replaced = 0
    if action != _NEW:
        place = find(book, row, own, wanted[policy.ORDER_ID])
        order = book.orders[place]
        order[REQUEST] = intent_id
        order[SINCE_TS_NS], order[SINCE_SEQ] = book.words[EVENT_TS_NS], book.words[UPDATES_SEQ]
        replaced = order[ORDER_ID]
    if action != _CANCEL:
        insert(
            book, row, book.rows[row, INSTRUMENT], own, intent_id, wanted[policy.SIDE], wanted[policy.PRICE],
            wanted[policy.QUANTITY], ASKED, wanted[policy.TIME_IN_FORCE], replaced,
        )  # fmt: skip
    refresh(book, row)


@compiled
def release(book: ShadowBook, place: int, intent_id: int) -> None:
    """A cancel or replace under this id is not on its way any more: nothing is awaited for a live order then."""
    if place != END and book.orders[place, REQUEST] == intent_id:
        book.orders[place, REQUEST] = 0
        if book.orders[place, STATE] == LIVE:
            book.orders[place, SINCE_TS_NS] = NOT_AWAITED


@compiled
def take_back(book: ShadowBook, row: int, place: int) -> None:
    """An emitted order never became one: it is forgotten, and what it was to replace is free again."""
    old = find(book, row, book.orders[place, GENERATION], book.orders[place, REPLACES])
    release(book, old, book.orders[place, ORDER_ID])
    remove(book, row, place)


@compiled
def forget_dropped(book: ShadowBook, first_id: int, count: int) -> None:
    """The queue refused these intents: they were never on their way."""
    end_id = first_id + count
    for row in range(book.rows.shape[0]):
        place = book.rows[row, FIRST]
        touched = False
        while place != END:
            order = book.orders[place]
            following = order[NEXT]
            if order[GENERATION] == book.words[OWN_GENERATION]:
                if first_id <= order[REQUEST] < end_id:
                    release(book, place, order[REQUEST])
                    touched = True
                if order[STATE] == ASKED and first_id <= order[ORDER_ID] < end_id:
                    take_back(book, row, place)
                    touched = True
            place = following
        if touched:
            refresh(book, row)
