"""The day's main loop in compiled code: scripted items and order events in time order, onto the tape."""

import numpy as np
import numpy.typing as npt

from paperd.compiled import compiled
from paperd.day import wire
from paperd.day.book import price_e4, reduce_order
from paperd.day.events import EVENT_MESSAGES_MAX, next_match, order_event, place
from paperd.day.flow import advance_pressure, excite, next_event, sift_root
from paperd.day.random_stream import below, geometric
from paperd.day.state import ASK, BID, TAPE_BYTES, WINDOW_TICKS, Instrument, Tape

READY, POPULATE, HALT, RESUME, IMBALANCE, OPENING_CROSS, CROSS, BREAK_TRADE = range(8)
"""What a script item does. READY and the halting pair write the item's own bytes."""

SCRIPT_ITEM = np.dtype(
    [
        ("time_ns", "i8"),
        ("start", "i8"),  # of the item's bytes in the script's raw bytes
        ("size", "i4"),
        ("instrument", "i4"),
        ("action", "i4"),
        ("argument", "i4"),  # POPULATE: side; IMBALANCE and crosses: cross type
    ],
    align=True,
)

EVENT_BYTES_MAX = 1024
TAPE_FULL, DAY_DONE = range(2)


@compiled
def run(
    instruments: "np.recarray[tuple[int], np.dtype[np.record]]",
    heap: npt.NDArray[np.int32],
    due_ns: npt.NDArray[np.int64],
    tape: Tape,
    items: "np.recarray[tuple[int], np.dtype[np.record]]",
    raw: npt.NDArray[np.uint8],
    closing_items: int,
    messages_max: int,
    flow_end_ns: int,
) -> int:
    """Write messages until the tape is full (TAPE_FULL) or the day is done (DAY_DONE).

    `heap` orders instrument numbers by `due_ns`, their next event; `items` SCRIPT_ITEM[m] are sorted by
    time, and the last `closing_items` wait for the end of the order flow. That comes at `flow_end_ns`, or
    when what remains of `messages_max` is just the script's.
    """
    while tape.bytes + EVENT_BYTES_MAX <= TAPE_BYTES:
        number = heap[0]
        scripted = len(items) - tape.script_item
        room = messages_max - tape.messages - scripted
        over = room <= 0 or due_ns[number] >= flow_end_ns
        if scripted > 0 and (
            over or (scripted > closing_items and items[tape.script_item].time_ns <= due_ns[number])
        ):
            item = items[tape.script_item]
            tape.script_item += 1
            tape.now_ns = max(tape.now_ns, item.time_ns)
            _perform(instruments[item.instrument], tape, item, raw)
        elif over:
            return DAY_DONE
        else:
            tape.now_ns = due_ns[number]
            due_ns[number] = _flow(instruments[number], tape, room < EVENT_MESSAGES_MAX)
            sift_root(heap, due_ns)
    return TAPE_FULL


@compiled
def _flow(instrument: Instrument, tape: Tape, single: bool) -> int:
    """One order event now; returns when the instrument's next one is due."""
    advance_pressure(instrument, tape, tape.now_ns)
    order_event(instrument, tape, single)
    excite(instrument)
    return next_event(instrument, tape, tape.now_ns)


@compiled
def first_events(
    instruments: "np.recarray[tuple[int], np.dtype[np.record]]",
    due_ns: npt.NDArray[np.int64],
    tape: Tape,
    open_ns: int,
) -> None:
    """Draw every instrument's first event after the open."""
    for number in range(len(instruments)):
        due_ns[number] = next_event(instruments[number], tape, open_ns)


@compiled
def _perform(instrument: Instrument, tape: Tape, item: np.record, raw: npt.NDArray[np.uint8]) -> None:
    action = item.action
    if action == POPULATE:
        _populate(instrument, tape, item.argument)
    elif action == IMBALANCE:
        _imbalance(instrument, tape, item.argument)
    elif action == OPENING_CROSS:
        _opening_cross(instrument, tape, item.argument)
    elif action == CROSS:
        _cross(instrument, tape, item.argument)
    elif action == BREAK_TRADE:
        wire.write_broken_trade(tape, instrument, instrument.last_match)
    else:
        if action == HALT:
            instrument.halted = 1
        elif action == RESUME:
            instrument.halted = 0
        wire.write_ready(tape, raw, item.start, item.size)


@compiled
def _populate(instrument: Instrument, tape: Tape, side: int) -> None:
    """A pre-open order at or behind the reference price, which is the window's middle."""
    middle = WINDOW_TICKS // 2
    behind = min(geometric(tape, 0.25), 40)
    place(instrument, tape, side, middle - 1 - behind if side == BID else middle + behind)


@compiled
def _imbalance(instrument: Instrument, tape: Tape, cross_type: int) -> None:
    bid, ask = instrument.best[BID], instrument.best[ASK]
    prices_e4 = (
        price_e4(instrument, bid),
        price_e4(instrument, ask),
        price_e4(instrument, bid),
    )
    bid_shares, ask_shares = instrument.level_shares[bid], instrument.level_shares[ask]
    wire.write_imbalance(tape, instrument, bid_shares, ask_shares, prices_e4, cross_type)


@compiled
def _cross(instrument: Instrument, tape: Tape, cross_type: int) -> None:
    """An auction among non-displayed auction orders, at the best bid: the displayed book stays."""
    shares = 100 * (1 + below(tape, 500))
    price = price_e4(instrument, instrument.best[BID])
    wire.write_cross(tape, instrument, shares, price, next_match(instrument, tape), cross_type)


@compiled
def _opening_cross(instrument: Instrument, tape: Tape, cross_type: int) -> None:
    """The oldest order at the best bid takes part in the cross: a C that is not to be counted as volume."""
    best = instrument.best[BID]
    slot = instrument.level_head[best]
    shares = instrument.shares[slot]
    price = price_e4(instrument, best)
    match = next_match(instrument, tape)
    reference = instrument.reference[slot]
    wire.write_executed_at(tape, instrument, reference, shares, match, wire.NO, price)
    reduce_order(instrument, slot, shares)
    auction_shares = shares + 100 * below(tape, 500)
    wire.write_cross(tape, instrument, auction_shares, price, match, cross_type)
