"""Orders in the table, and what follows from all orders of a row."""

from __future__ import annotations

from braind.compiled import compiled
from braind.shadow.layout import (
    ASKED,
    BEST_ASK,
    BEST_BID,
    CANCELING,
    END,
    EVENT_TS_NS,
    FIRST,
    FREE,
    GENERATION,
    KNOWN,
    LEAVES,
    LIVE,
    LIVE_ORDERS,
    NEXT,
    OPEN_BUY,
    OPEN_SELL,
    ORDER_ID,
    ORDER_INSTRUMENT,
    ORDERS,
    OWN_GENERATION,
    POSITION,
    PRICE,
    QUIET,
    REPLACES,
    REPLACING,
    REQUEST,
    SEQ,
    SIDE,
    SINCE_SEQ,
    SINCE_TS_NS,
    STATE,
    TARGET,
    TIME_IN_FORCE,
    UPDATES_SEQ,
    ShadowBook,
)
from hft.layout.dtypes import Side, TimeInForce

_BUY, _DAY = int(Side.BUY), int(TimeInForce.DAY)


@compiled
def row_of(book: ShadowBook, instrument_id: int) -> int:
    """The row of an instrument; of one that is not followed, or not yet, the last one."""
    if 0 <= instrument_id < book.row_of_instrument.shape[0]:
        return int(book.row_of_instrument[instrument_id])
    return int(book.rows.shape[0] - 1)


@compiled
def find(book: ShadowBook, row: int, generation: int, order_id: int) -> int:
    """The place of an order of that row, or END."""
    place = book.rows[row, FIRST]
    while place != END:
        if book.orders[place, ORDER_ID] == order_id and book.orders[place, GENERATION] == generation:
            break
        place = book.orders[place, NEXT]
    return int(place)


@compiled
def insert(
    book: ShadowBook, row: int, instrument_id: int, generation: int, order_id: int,
    side: int, price: int, leaves: int, state: int, time_in_force: int, replaces: int,
) -> int:  # fmt: skip
    """A new order, awaited from now on; its place, or END when the table is full."""
    place = book.words[FREE]
    if place == END:
        return END
    book.words[FREE] = book.orders[place, NEXT]
    book.words[LIVE_ORDERS] += 1
    order = book.orders[place]
    order[ORDER_ID], order[GENERATION], order[ORDER_INSTRUMENT] = order_id, generation, instrument_id
    order[SIDE], order[PRICE], order[LEAVES], order[STATE] = side, price, leaves, state
    order[REQUEST], order[REPLACES], order[TIME_IN_FORCE], order[SEQ] = 0, replaces, time_in_force, 0
    order[SINCE_TS_NS], order[SINCE_SEQ] = book.words[EVENT_TS_NS], book.words[UPDATES_SEQ]
    order[NEXT] = book.rows[row, FIRST]
    book.rows[row, FIRST] = place
    return int(place)


@compiled
def unlink(book: ShadowBook, row: int, place: int) -> None:
    """Takes an order out of its row's list; it stays where it is."""
    if book.rows[row, FIRST] == place:
        book.rows[row, FIRST] = book.orders[place, NEXT]
        return
    before = book.rows[row, FIRST]
    while book.orders[before, NEXT] != place:
        before = book.orders[before, NEXT]
    book.orders[before, NEXT] = book.orders[place, NEXT]


@compiled
def remove(book: ShadowBook, row: int, place: int) -> None:
    """Forgets an order."""
    unlink(book, row, place)
    for i in range(book.orders.shape[1]):
        book.orders[place, i] = 0
    book.orders[place, NEXT] = book.words[FREE]
    book.words[FREE] = place
    book.words[LIVE_ORDERS] -= 1


@compiled
def heir_of(book: ShadowBook, row: int, place: int) -> int:
    """The order that is to take this one's place, or END."""
    heir = book.rows[row, FIRST]
    while heir != END:
        same_queue = book.orders[heir, GENERATION] == book.orders[place, GENERATION]
        if same_queue and book.orders[heir, REPLACES] == book.orders[place, ORDER_ID]:
            break
        heir = book.orders[heir, NEXT]
    return int(heir)


@compiled
def bury(book: ShadowBook, row: int, place: int) -> None:
    """The order is over at the venue. What was to take its place never will: the venue ignores such a replace.

    One that the gateway has not answered yet stays until it does.
    """
    heir = heir_of(book, row, place)
    if heir != END and book.orders[heir, STATE] != ASKED:
        remove(book, row, heir)
    remove(book, row, place)


@compiled
def worst_leaves(book: ShadowBook, row: int, place: int) -> int:
    """What an order adds to the worst case: of a pair, the larger one counts, whichever of them lives.

    Once the replace was sent, that is: the gateway adds to its quantity what it knows to be filled by then, so until
    it has answered, any fill of the old order may come on top.
    """
    leaves = book.orders[place, LEAVES]
    if book.orders[place, REPLACES] != 0 and book.orders[place, STATE] != ASKED:
        old = find(book, row, book.orders[place, GENERATION], book.orders[place, REPLACES])
        if old != END:
            leaves = max(leaves - book.orders[old, LEAVES], 0)
    return int(leaves)


@compiled
def is_busy(book: ShadowBook, place: int) -> bool:
    """Whether a cancel or a replace of it is on its way."""
    state = book.orders[place, STATE]
    return bool(book.orders[place, REQUEST] != 0 or state in (CANCELING, REPLACING))


@compiled
def refresh(book: ShadowBook, row: int) -> None:
    """Everything in the row that follows from position and orders."""
    this = book.rows[row]
    this[TARGET], this[OPEN_BUY], this[OPEN_SELL] = this[POSITION], 0, 0
    this[BEST_BID], this[BEST_ASK], this[ORDERS], this[QUIET] = 0, 0, 0, 1
    resting = 0
    place = this[FIRST]
    while place != END:
        order = book.orders[place]
        busy = is_busy(book, place)
        counts = order[GENERATION] == book.words[OWN_GENERATION] and not busy
        if order[SIDE] == _BUY:
            this[OPEN_BUY] += worst_leaves(book, row, place)
            this[BEST_BID] = max(this[BEST_BID], order[PRICE])
            this[TARGET] += order[LEAVES] if counts else 0
        else:
            this[OPEN_SELL] += worst_leaves(book, row, place)
            this[BEST_ASK] = order[PRICE] if this[BEST_ASK] == 0 else min(this[BEST_ASK], order[PRICE])
            this[TARGET] -= order[LEAVES] if counts else 0
        this[ORDERS] += 1
        if busy or order[STATE] != LIVE:
            this[QUIET] = 0
        if counts and order[TIME_IN_FORCE] == _DAY:
            resting += 1
        place = order[NEXT]
    if row == book.rows.shape[0] - 1:
        return
    if this[KNOWN] == 0:
        resting = 0
    book.resting[book.rows.shape[0] - 1] += resting - book.resting[row]
    book.resting[row] = resting
