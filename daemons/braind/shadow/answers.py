"""updates.ring applied to the book: the table of schema/orders.fbs, kind by kind.

What the gateway says is nearer to the venue than what was believed, so it is taken over even where it contradicts; the
contradiction is counted. Nothing said about an order frees it before it is over: a cancel that was sent, a session that
broke, a replace on its way all leave it counting in full.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from braind.compiled import compiled, int64
from braind.shadow.admission import release, take_back
from braind.shadow.layout import (
    ANSWERED,
    ASKED,
    CANCELING,
    DEAD,
    END,
    EVENT_TS_NS,
    FOREIGN,
    HELD,
    KNOWN,
    LEAVES,
    LIVE,
    NOT_AWAITED,
    NOT_REBUILT,
    OPEN_BUY,
    OPEN_SELL,
    ORDER_ID,
    OWN_GENERATION,
    POSITION,
    POSITION_SEQ,
    PRICE,
    QUIET,
    REPLACES,
    REPLACING,
    REQUEST,
    SENT,
    SEQ,
    SESSION,
    SESSION_DOWN,
    SINCE_SEQ,
    SINCE_TS_NS,
    STATE,
    UNKNOWN,
    UPDATES_SEQ,
    WATERMARK,
    Divergence,
    ShadowBook,
)
from braind.shadow.table import bury, find, heir_of, insert, refresh, remove, row_of
from braind.shadow.watch import await_anew, diverge
from hft.layout.dtypes import IntentAction, RefusalReason, Side, UpdateKind, VenueSession

_REFUSED, _WOULD_SEND, _SENT = int(UpdateKind.REFUSED), int(UpdateKind.WOULD_SEND), int(UpdateKind.SENT)
_ACCEPTED, _FILLED, _CANCELED = int(UpdateKind.ACCEPTED), int(UpdateKind.FILLED), int(UpdateKind.CANCELED)
_REJECTED, _REPLACED, _BROKEN = int(UpdateKind.REJECTED), int(UpdateKind.REPLACED), int(UpdateKind.BROKEN)
_CANCEL_PENDING = int(UpdateKind.CANCEL_PENDING)
_CANCEL_REJECTED = int(UpdateKind.CANCEL_REJECTED)
_REPRIORITIZED, _UNKNOWN = int(UpdateKind.REPRIORITIZED), int(UpdateKind.UNKNOWN)
_IGNORED, _FOREIGN = int(UpdateKind.IGNORED), int(UpdateKind.FOREIGN)
_POSITION, _SESSION, _LIMITS = int(UpdateKind.POSITION), int(UpdateKind.SESSION), int(UpdateKind.LIMITS)
_NEW, _CANCEL, _REPLACE = int(IntentAction.NEW), int(IntentAction.CANCEL), int(IntentAction.REPLACE)
_BUY, _SELL, _UP = int(Side.BUY), int(Side.SELL), int(VenueSession.UP)
_NO_SUCH_ORDER = int(RefusalReason.UNKNOWN_ORDER)
_OF_DEAD, _OF_UNKNOWN = int(Divergence.FILL_OF_DEAD), int(Divergence.UNKNOWN_ORDER)
_CONTRADICTION, _LEAVES = int(Divergence.CONTRADICTION), int(Divergence.LEAVES)
_OF_POSITION, _OF_OPEN = int(Divergence.POSITION), int(Divergence.OPEN_QUANTITY)


@compiled
def settle(book: ShadowBook, row: int, place: int, update: Any, state: int) -> None:
    """State and leaves after an update that names this order; it goes when nothing of it is left."""
    order = book.orders[place]
    said = int64(update["order_state"])
    leaves = int64(update["leaves_quantity"])
    if leaves == 0 or said == DEAD:
        bury(book, row, place)
        return
    order[STATE] = said if said != 0 else state
    order[LEAVES] = leaves
    order[SINCE_TS_NS], order[SINCE_SEQ] = book.words[EVENT_TS_NS], book.words[UPDATES_SEQ]
    if order[STATE] == LIVE and order[REQUEST] == 0:
        order[SINCE_TS_NS] = NOT_AWAITED


@compiled
def adopt(book: ShadowBook, row: int, update: Any) -> int:
    """An order that is not in the book, as an update describes it; its place, or END: over, or no room."""
    leaves, side = int64(update["leaves_quantity"]), int64(update["side"])
    state = int64(update["order_state"])
    if update["kind"] == _SENT and leaves == 0:
        leaves = int64(update["quantity"])
    if leaves == 0 or state == DEAD or side not in (_BUY, _SELL):
        return END
    place = insert(
        book, row, int64(update["instrument_id"]), int64(update["intents_generation"]),
        int64(update["order_id"]), side, int64(update["price"]), leaves, state if state != 0 else UNKNOWN,
        int64(update["time_in_force"]), 0,
    )  # fmt: skip
    if place == END:
        # What does not fit can not be counted: nothing more until everything was read anew.
        book.words[HELD] |= NOT_REBUILT
    return place


@compiled
def rest_on(book: ShadowBook, row: int, place: int, update: Any) -> None:
    """A cancel came to nothing: the order lives on, whether or not the update says with how much."""
    if update["leaves_quantity"] != 0 or update["order_state"] == DEAD:
        settle(book, row, place, update, LIVE)
    elif book.orders[place, STATE] == CANCELING:
        book.orders[place, STATE] = LIVE
        book.orders[place, SINCE_TS_NS] = NOT_AWAITED


@compiled
def restore_replaced(book: ShadowBook, row: int, generation: int, order_id: int, update: Any) -> bool:
    """A replace came to nothing: the order that was to go lives on, with what the update says. Whether it is there."""
    old = find(book, row, generation, order_id)
    if old == END:
        return False
    leaves = int64(update["leaves_quantity"])
    if leaves == 0:
        bury(book, row, old)
        return True
    if book.orders[old, STATE] in (REPLACING, UNKNOWN):
        book.orders[old, STATE], book.orders[old, SINCE_TS_NS] = LIVE, NOT_AWAITED
    if leaves > book.orders[old, LEAVES]:
        diverge(book, _LEAVES)
    book.orders[old, LEAVES] = leaves
    return True


@compiled
def apply_missing(book: ShadowBook, row: int, update: Any, ours: bool) -> None:
    """An update of an order that is not in the book."""
    kind, action = int64(update["kind"]), int64(update["action"])
    generation, old_id = int64(update["intents_generation"]), int64(update["replaced_order_id"])
    expected = kind in (_REFUSED, _WOULD_SEND, _BROKEN, _IGNORED)
    if kind == _REPLACED:
        old = find(book, row, generation, old_id)
        if old != END:
            remove(book, row, old)
            expected = True  # read from the gateway's table, which does not hold who comes next
    elif kind in (_REJECTED, _IGNORED) and action == _REPLACE:
        expected = restore_replaced(book, row, generation, old_id, update) or expected
    appears = kind in (_ACCEPTED, _REPLACED, _UNKNOWN, _FOREIGN) or (kind == _SENT and action != _CANCEL)
    if appears:
        place = adopt(book, row, update)
        if place != END:
            book.orders[place, SEQ] = book.words[UPDATES_SEQ]
            book.orders[place, REPLACES] = old_id if kind == _SENT else 0
    if ours and not expected:
        diverge(book, _OF_DEAD if kind == _FILLED else _OF_UNKNOWN)


@compiled
def apply_refused(book: ShadowBook, row: int, place: int, update: Any) -> None:
    """REFUSED, WOULD_SEND: what the intent asked for never was."""
    order, intent_id = book.orders[place], int64(update["intent_id"])
    if order[STATE] == ASKED:
        take_back(book, row, place)
        return
    if update["action"] in (_NEW, _REPLACE):
        diverge(book, _CONTRADICTION)
    release(book, place, intent_id)
    if update["kind"] == _REFUSED and update["reason"] == _NO_SUCH_ORDER:
        diverge(book, _OF_UNKNOWN)


@compiled
def apply_sent(book: ShadowBook, row: int, place: int, update: Any) -> None:
    """The message of our intent, or a cancel of the gateway's own, is on the wire."""
    order, action = book.orders[place], int64(update["action"])
    order[SINCE_TS_NS], order[SINCE_SEQ] = book.words[EVENT_TS_NS], book.words[UPDATES_SEQ]
    if action == _CANCEL:
        release(book, place, int64(update["intent_id"]))
        order[STATE] = CANCELING
        return
    if order[STATE] != ASKED:
        diverge(book, _CONTRADICTION)
        return
    said = int64(update["order_state"])
    order[STATE] = CANCELING if said == CANCELING else SENT
    if order[REPLACES] != 0:
        old = find(book, row, book.words[OWN_GENERATION], order[REPLACES])
        if old == END:
            diverge(book, _OF_UNKNOWN)
            return
        release(book, old, order[ORDER_ID])
        book.orders[old, STATE] = REPLACING
        book.orders[old, SINCE_TS_NS] = NOT_AWAITED  # its heir is


@compiled
def apply_replaced(book: ShadowBook, row: int, place: int, update: Any) -> None:
    """The order takes the place of the one it replaces."""
    generation = int64(update["intents_generation"])
    old = find(book, row, generation, int64(update["replaced_order_id"]))
    if old != END:
        remove(book, row, old)
    else:
        diverge(book, _CONTRADICTION)
    book.orders[place, REPLACES] = 0
    book.orders[place, PRICE] = int64(update["price"])
    settle(book, row, place, update, CANCELING if book.orders[place, STATE] == CANCELING else LIVE)


@compiled
def apply_undone(book: ShadowBook, row: int, place: int, update: Any) -> None:
    """REJECTED, IGNORED: the venue did not do what was asked; REPLACE: the order that was to be replaced lives on."""
    order, action = book.orders[place], int64(update["action"])
    if action == _CANCEL:
        rest_on(book, row, place, update)
        return
    old_id = order[REPLACES] if order[REPLACES] != 0 else int64(update["replaced_order_id"])
    remove(book, row, place)
    if action == _REPLACE:
        restore_replaced(book, row, int64(update["intents_generation"]), old_id, update)


@compiled
def apply_fill(book: ShadowBook, row: int, place: int, update: Any) -> None:
    """Some of it, or the rest. While a replace is on its way, leaves may be the pair's worst case: ours count."""
    order, quantity = book.orders[place], int64(update["quantity"])
    left, said = order[LEAVES] - quantity, int64(update["leaves_quantity"])
    paired = heir_of(book, row, place) != END
    if left < 0 or (left != said and not paired):
        diverge(book, _LEAVES)
    state = order[STATE] if order[STATE] in (CANCELING, REPLACING) else LIVE
    awaited_ns, awaited_seq = order[SINCE_TS_NS], order[SINCE_SEQ]
    survives = said != 0 and update["order_state"] != DEAD
    settle(book, row, place, update, state)
    if survives and order[STATE] != LIVE:
        order[SINCE_TS_NS], order[SINCE_SEQ] = awaited_ns, awaited_seq
    if survives and paired:
        order[LEAVES] = left if left > 0 else said


@compiled
def apply_standing(book: ShadowBook, row: int, place: int, update: Any) -> None:
    """ACCEPTED, CANCELED, UNKNOWN, CANCEL_PENDING, FOREIGN, and what changes a detail: as the update says."""
    order, kind = book.orders[place], int64(update["kind"])
    leaves, state = order[LEAVES], order[STATE] if order[STATE] in (CANCELING, REPLACING) else LIVE
    if kind == _ACCEPTED and (order[STATE] in (LIVE, ASKED) or int64(update["leaves_quantity"]) > leaves):
        diverge(book, _CONTRADICTION)
    if kind in (_ACCEPTED, _REPRIORITIZED):
        order[PRICE] = int64(update["price"])
    if kind == _UNKNOWN:
        state = UNKNOWN
    elif kind == _CANCEL_PENDING:
        state = CANCELING
    settle(book, row, place, update, state)
    if order[LEAVES] == 0:
        return
    if kind == _CANCEL_PENDING:
        order[SINCE_TS_NS] = NOT_AWAITED
    elif kind == _UNKNOWN:
        order[LEAVES] = max(order[LEAVES], leaves)


@compiled
def apply_to_order(book: ShadowBook, row: int, place: int, update: Any) -> None:
    """An update of an order that is in the book."""
    kind = int64(update["kind"])
    book.orders[place, SEQ] = book.words[UPDATES_SEQ]
    if kind in (_REFUSED, _WOULD_SEND):
        apply_refused(book, row, place, update)
    elif kind == _SENT:
        apply_sent(book, row, place, update)
    elif kind == _FILLED:
        apply_fill(book, row, place, update)
    elif kind == _REPLACED:
        apply_replaced(book, row, place, update)
    elif kind in (_IGNORED, _REJECTED):
        apply_undone(book, row, place, update)
    elif kind == _CANCEL_REJECTED:
        rest_on(book, row, place, update)
    else:
        apply_standing(book, row, place, update)


@compiled
def apply_position(book: ShadowBook, row: int, update: Any) -> None:
    """Fills move the position; what the gateway says it is counts, and must be the same."""
    this, kind = book.rows[row], int64(update["kind"])
    if this[KNOWN] == 0 or book.words[UPDATES_SEQ] <= this[POSITION_SEQ]:
        return
    this[POSITION_SEQ] = book.words[UPDATES_SEQ]
    moved = int64(0)
    if kind in (_FILLED, _BROKEN):
        moved = int64(update["quantity"]) if update["side"] == _BUY else -int64(update["quantity"])
    this[POSITION] += -moved if kind == _BROKEN else moved
    said = int64(update["position"])
    if kind != _POSITION and said != this[POSITION]:
        diverge(book, _OF_POSITION)
    this[POSITION] = said


@compiled
def compare_open(book: ShadowBook, row: int, update: Any) -> None:
    """When nothing of the row is on its way, the gateway's worst case is ours."""
    this = book.rows[row]
    if this[KNOWN] == 0 or this[QUIET] == 0:
        return
    buys, sells = int64(update["open_buy_quantity"]), int64(update["open_sell_quantity"])
    if buys != this[OPEN_BUY] or sells != this[OPEN_SELL]:
        diverge(book, _OF_OPEN)


@compiled
def apply_session(book: ShadowBook, update: Any) -> None:
    """Without a session nothing new is sent; what was on the wire stays open."""
    was, now = book.words[SESSION], int64(update["venue_reason"])
    book.words[SESSION] = now
    if now != _UP:
        book.words[HELD] |= SESSION_DOWN
        return
    book.words[HELD] &= ~SESSION_DOWN
    if was != _UP:
        await_anew(book)


@compiled
def apply_update(book: ShadowBook, update: Any) -> None:
    """One update, in the order of its ring."""
    sequence, kind = int64(update["sequence"]), int64(update["kind"])
    book.words[UPDATES_SEQ] = sequence
    if kind == _SESSION:
        apply_session(book, update)
        return
    # Until everything was read anew nothing can be said; what is told meanwhile will be in what is read.
    if kind == _LIMITS or sequence <= book.words[WATERMARK] or book.words[HELD] & NOT_REBUILT != 0:
        return
    row = row_of(book, int64(update["instrument_id"]))
    if kind in (_FILLED, _BROKEN, _POSITION, _ACCEPTED, _CANCELED, _REPLACED):
        apply_position(book, row, update)
    if kind == _POSITION:
        refresh(book, row)
        return
    generation = int64(update["intents_generation"])
    place = find(book, row, generation, int64(update["order_id"]))
    if place == END:
        apply_missing(book, row, update, generation == book.words[OWN_GENERATION])
    elif sequence > book.orders[place, SEQ]:
        apply_to_order(book, row, place, update)
    refresh(book, row)
    if kind in (_FILLED, _BROKEN, _ACCEPTED, _CANCELED, _REPLACED):
        compare_open(book, row, update)


@compiled
def count_update(book: ShadowBook, update: Any) -> None:
    """Figures only. Answered: an intent of ours has got the one answer that each of them gets."""
    generation, kind = int64(update["intents_generation"]), int64(update["kind"])
    if generation != 0 and generation != book.words[OWN_GENERATION]:
        book.counted[FOREIGN] += 1
        return
    if 0 <= kind < book.updates_by_kind.shape[0]:
        book.updates_by_kind[kind] += 1
    reason = int64(update["reason"])
    if 0 < reason < book.refusals_by_reason.shape[0]:
        book.refusals_by_reason[reason] += 1
    if generation != 0 and kind in (_REFUSED, _WOULD_SEND, _SENT) and update["intent_sequence"] != 0:
        book.counted[ANSWERED] += 1


@compiled
def apply_updates(book: ShadowBook, updates: NDArray[np.void]) -> None:
    """Everything that was taken from updates.ring, in order."""
    for i in range(updates.shape[0]):
        count_update(book, updates[i])
        apply_update(book, updates[i])
