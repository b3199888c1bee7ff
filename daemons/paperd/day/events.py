"""One event of an instrument's order flow: book change and its messages, for compiled code.

The weights are shares of events. What the mix of messages becomes is stated in `paperd.day`.
"""

import math

from paperd.compiled import compiled
from paperd.day import wire
from paperd.day.book import add_order, occupied_level, price_e4, reduce_order
from paperd.day.flow import leans_to_bid
from paperd.day.random_stream import below, geometric, uniform
from paperd.day.state import ASK, BID, NONE, ORDERS_MAX, PARTICIPANTS, WINDOW_TICKS, Instrument, Tape

TRADE, HIDDEN, RETAIL, PARTIAL, REPLACE = 0.022, 0.007, 0.0004, 0.021, 0.09
"""Shares of events; adds and deletes split the rest so that books keep their size."""

ATTRIBUTED, PRICED_EXECUTION, NEAR_TOP, AT_BEST = 0.023, 0.03, 0.72, 0.48
SIDE_ORDERS_MIN = 4
"""Neither cancels nor trades take a side below this, so no book runs empty."""
FILLS_MAX = 8
EVENT_MESSAGES_MAX = FILLS_MAX

LEAN_QUOTES, LEAN_TRADES, LEAN_HOME = 0.35, 0.85, 1.0
"""How far full pressure tips limit orders and cancels, how far full lagged pressure tips trades and quotes
inside the spread, and how far the distance from the opening price (as a share of the window) pulls back."""


@compiled
def order_event(instrument: Instrument, tape: Tape, single: bool) -> None:
    """Do one event; `single` keeps it to one message."""
    strength = instrument.strength
    quote_lean = strength * LEAN_QUOTES * math.tanh(instrument.pressure)
    trade_lean = strength * LEAN_TRADES * math.tanh(instrument.lagged_pressure)
    middle = 0.5 * (instrument.best[BID] + instrument.best[ASK])
    home_lean = LEAN_HOME * (WINDOW_TICKS / 2 - middle) / (WINDOW_TICKS / 2)
    draw = uniform(tape)
    if instrument.halted or (single and draw < TRADE):
        draw = 1.0
    buys = leans_to_bid(tape, trade_lean + home_lean)
    cancel_side = ASK if leans_to_bid(tape, quote_lean) else BID
    if draw < TRADE:
        trade(instrument, tape, ASK if buys else BID)
    elif draw < TRADE + HIDDEN:
        hidden_trade(instrument, tape)
    elif draw < TRADE + HIDDEN + RETAIL:
        wire.write_retail_interest(tape, instrument, _RETAIL_FLAGS[below(tape, 4)])
    elif draw < TRADE + HIDDEN + RETAIL + PARTIAL:
        cancel(instrument, tape, cancel_side, True)
    elif draw < TRADE + HIDDEN + RETAIL + PARTIAL + REPLACE:
        replace(instrument, tape, ASK if cancel_side == BID else BID, buys)
    elif _wants_add(instrument, tape):
        add(instrument, tape, BID if cancel_side == ASK else ASK, buys)
    else:
        cancel(instrument, tape, cancel_side, False)


_RETAIL_FLAGS = (ord("B"), ord("S"), ord("A"), ord("N"))


@compiled
def _wants_add(instrument: Instrument, tape: Tape) -> bool:
    target = instrument.orders_target
    shortfall = (target - instrument.live_count) / target
    return bool(uniform(tape) < min(max(0.5 + 0.5 * shortfall, 0.05), 0.95))


@compiled
def order_shares(tape: Tape) -> int:
    """Round lots mostly, odd lots a quarter of the time."""
    draw = uniform(tape)
    if draw < 0.25:
        return 1 + below(tape, 99)
    return 100 if draw < 0.75 else 100 * (2 + geometric(tape, 0.35))


@compiled
def new_level(instrument: Instrument, tape: Tape, side: int, lean_up: bool) -> int:
    """A price for a new order: inside an open spread, at the best, or behind it; never crossing."""
    best_bid, best_ask = int(instrument.best[BID]), int(instrument.best[ASK])
    spread = best_ask - best_bid
    favoured = (side == BID) == lean_up
    inside = instrument.inside_chance * (1.0 if favoured else 0.35) * min(spread - 1, 4)
    if uniform(tape) < inside:
        behind = -(1 + below(tape, min(spread - 1, 2)))
    elif uniform(tape) < AT_BEST:
        behind = 0
    else:
        behind = 1 + min(geometric(tape, 0.3), 60)
    if side == BID:
        return min(max(best_bid - behind, 1), best_ask - 1)
    return max(min(best_ask + behind, WINDOW_TICKS - 2), best_bid + 1)


@compiled
def next_reference(tape: Tape) -> int:
    reference = tape.reference + 1 + below(tape, 4)
    tape.reference = reference
    return int(reference)


@compiled
def next_match(instrument: Instrument, tape: Tape) -> int:
    match = tape.match + 1
    tape.match = match
    instrument.last_match = match
    return int(match)


@compiled
def place(instrument: Instrument, tape: Tape, side: int, level: int) -> None:
    """A new order and its A or F message."""
    reference, shares = next_reference(tape), order_shares(tape)
    add_order(instrument, side, level, shares, reference)
    participant = below(tape, PARTICIPANTS) if uniform(tape) < ATTRIBUTED else NONE
    price = price_e4(instrument, level)
    wire.write_add(tape, instrument, reference, side == BID, shares, price, participant)


@compiled
def add(instrument: Instrument, tape: Tape, side: int, lean_up: bool) -> None:
    """A new limit order, unless the book is full: then its oldest-listed order goes."""
    if instrument.live_count >= ORDERS_MAX - 1:
        full_side = BID if instrument.side_orders[BID] > SIDE_ORDERS_MIN else ASK
        delete(instrument, tape, pick_order(instrument, tape, full_side))
    else:
        place(instrument, tape, side, new_level(instrument, tape, side, lean_up))


@compiled
def pick_order(instrument: Instrument, tape: Tape, side: int) -> int:
    """A live order of the side: near the top mostly, the young before the old; else any."""
    if uniform(tape) >= NEAR_TOP:
        for _ in range(4):
            slot = instrument.live[below(tape, instrument.live_count)]
            if instrument.side[slot] == side:
                return int(slot)
    level = instrument.best[side]
    for _ in range(geometric(tape, 0.38)):
        deeper = occupied_level(instrument, side, level)
        if not 0 <= deeper < WINDOW_TICKS:
            break
        level = deeper
    if uniform(tape) < 0.7:
        return int(instrument.level_tail[level])
    return int(instrument.level_head[level])


@compiled
def delete(instrument: Instrument, tape: Tape, slot: int) -> None:
    wire.write_delete(tape, instrument, instrument.reference[slot])
    reduce_order(instrument, slot, instrument.shares[slot])


@compiled
def cancel(instrument: Instrument, tape: Tape, side: int, partial: bool) -> None:
    """D, or X for a part of the shares; an add instead where the side is thin."""
    if instrument.side_orders[side] <= SIDE_ORDERS_MIN:
        add(instrument, tape, side, side == BID)
        return
    slot = pick_order(instrument, tape, side)
    shares = instrument.shares[slot]
    if partial and shares > 1:
        taken = 1 + below(tape, shares - 1)
        wire.write_cancel(tape, instrument, instrument.reference[slot], taken)
        reduce_order(instrument, slot, taken)
    else:
        delete(instrument, tape, slot)


@compiled
def replace(instrument: Instrument, tape: Tape, side: int, lean_up: bool) -> None:
    """U: the old order leaves, the new one queues behind its level with a new reference."""
    if instrument.side_orders[side] <= SIDE_ORDERS_MIN:
        add(instrument, tape, side, lean_up)
        return
    slot = pick_order(instrument, tape, side)
    reference, shares = instrument.reference[slot], instrument.shares[slot]
    reduce_order(instrument, slot, shares)
    level = new_level(instrument, tape, side, lean_up)
    if uniform(tape) < 0.3:
        shares = order_shares(tape)
    new_reference = next_reference(tape)
    add_order(instrument, side, level, shares, new_reference)
    price = price_e4(instrument, level)
    wire.write_replace(tape, instrument, reference, new_reference, shares, price)


@compiled
def trade(instrument: Instrument, tape: Tape, side: int) -> None:
    """A marketable order takes resting orders of `side` in price-time priority: one E (or C) each."""
    if instrument.side_orders[side] <= SIDE_ORDERS_MIN:
        add(instrument, tape, side, side == BID)
        return
    wanted = order_shares(tape) + order_shares(tape)
    for _ in range(FILLS_MAX):
        if wanted == 0 or instrument.side_orders[side] <= SIDE_ORDERS_MIN:
            return
        slot = instrument.level_head[instrument.best[side]]
        filled = min(wanted, instrument.shares[slot])
        _write_fill(instrument, tape, slot, filled)
        reduce_order(instrument, slot, filled)
        wanted -= filled


@compiled
def _write_fill(instrument: Instrument, tape: Tape, slot: int, shares: int) -> None:
    reference, match = instrument.reference[slot], next_match(instrument, tape)
    if uniform(tape) >= PRICED_EXECUTION:
        wire.write_executed(tape, instrument, reference, shares, match)
        return
    # A displayed order that ranked half a tick better than it showed.
    better = 50 if instrument.side[slot] == BID else -50
    price = price_e4(instrument, instrument.level[slot]) + better
    wire.write_executed_at(tape, instrument, reference, shares, match, wire.YES, price)


@compiled
def hidden_trade(instrument: Instrument, tape: Tape) -> None:
    """P: a midpoint trade against non-displayed interest; the displayed book does not change."""
    levels = instrument.best[BID] + instrument.best[ASK]
    price = instrument.base_tick * 100 + levels * 50
    match = next_match(instrument, tape)
    wire.write_hidden_trade(tape, instrument, order_shares(tape), price, match)
