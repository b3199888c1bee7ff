"""Divergences, and answers that do not come. Either of them, too many or too old, and braind says no by itself."""

from __future__ import annotations

from braind.compiled import compiled
from braind.shadow.layout import (
    ANSWER_NS_MAX,
    DIVERGED,
    DIVERGENCES_MAX,
    END,
    EVENT_TS_NS,
    FIRST,
    GENERATION,
    HORIZON,
    NEXT,
    OWN_GENERATION,
    SINCE_SEQ,
    SINCE_TS_NS,
    UPDATES_SEQ,
    Divergence,
    ShadowBook,
)

_OVERDUE = int(Divergence.OVERDUE)


@compiled
def diverge(book: ShadowBook, how: int) -> None:
    """Counts one, unless the update that shows it may already be in the tables that were read last."""
    if book.words[UPDATES_SEQ] > book.words[HORIZON]:
        book.diverged[how] += 1
        book.words[DIVERGED] += 1


@compiled
def has_diverged(book: ShadowBook) -> bool:
    """Whether there were too many since the last rebuild."""
    return bool(book.words[DIVERGED] > book.limits[DIVERGENCES_MAX])


@compiled
def is_overdue(book: ShadowBook, row: int) -> bool:
    """Whether something of ours in this row has been awaited for too long, in event time.

    Only once an update was taken in since: braind that lags, or a gateway that stands still, shows nothing of an order.
    """
    now_ns, place = book.words[EVENT_TS_NS], book.rows[row, FIRST]
    while place != END:
        order = book.orders[place]
        awaited = order[SINCE_TS_NS] >= 0 and order[GENERATION] == book.words[OWN_GENERATION]
        heard = book.words[UPDATES_SEQ] > order[SINCE_SEQ]
        if awaited and heard and now_ns - order[SINCE_TS_NS] > book.limits[ANSWER_NS_MAX]:
            book.diverged[_OVERDUE] += 1
            return True
        place = order[NEXT]
    return False


@compiled
def await_anew(book: ShadowBook) -> None:
    """The session is back: whatever is awaited is awaited from now on."""
    for row in range(book.rows.shape[0]):
        place = book.rows[row, FIRST]
        while place != END:
            order = book.orders[place]
            if order[SINCE_TS_NS] >= 0:
                order[SINCE_TS_NS], order[SINCE_SEQ] = book.words[EVENT_TS_NS], book.words[UPDATES_SEQ]
            place = order[NEXT]
