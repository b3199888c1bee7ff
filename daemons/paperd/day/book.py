"""Price-time priority book of one instrument in its record, for compiled code.

A level is a FIFO of order slots linked by slot number; bids and asks share the window's levels because a
book is never crossed. `live` is a permutation of the slots whose first `live_count` are in use, so that
both a free slot and a random live order are found in one step. Levels are ticks above `base_tick`.
"""

from paperd.compiled import compiled
from paperd.day.state import ASK, BID, NONE, WINDOW_TICKS, Instrument


@compiled
def price_e4(instrument: Instrument, level: int) -> int:
    """One tick is $0.01."""
    return int((instrument.base_tick + level) * 100)


@compiled
def add_order(instrument: Instrument, side: int, level: int, shares: int, reference: int) -> None:
    """Put an order behind its level's queue. The price must not cross."""
    position = instrument.live_count
    slot = instrument.live[position]
    instrument.live_count = position + 1
    instrument.side_orders[side] += 1
    instrument.reference[slot] = reference
    instrument.shares[slot] = shares
    instrument.level[slot] = level
    instrument.side[slot] = side
    tail = instrument.level_tail[level]
    instrument.ahead[slot] = tail
    instrument.behind[slot] = NONE
    if tail == NONE:
        instrument.level_head[level] = slot
    else:
        instrument.behind[tail] = slot
    instrument.level_tail[level] = slot
    instrument.level_shares[level] += shares
    best = instrument.best[side]
    if (side == BID and level > best) or (side == ASK and level < best):
        instrument.best[side] = level


@compiled
def reduce_order(instrument: Instrument, slot: int, shares: int) -> None:
    """Take shares off an order; the order leaves the book when none remain."""
    instrument.shares[slot] -= shares
    instrument.level_shares[instrument.level[slot]] -= shares
    if instrument.shares[slot] == 0:
        _unlink(instrument, slot)
        _release(instrument, slot)


@compiled
def _unlink(instrument: Instrument, slot: int) -> None:
    level = instrument.level[slot]
    ahead, behind = instrument.ahead[slot], instrument.behind[slot]
    if ahead == NONE:
        instrument.level_head[level] = behind
    else:
        instrument.behind[ahead] = behind
    if behind == NONE:
        instrument.level_tail[level] = ahead
    else:
        instrument.ahead[behind] = ahead
    side = instrument.side[slot]
    if ahead == NONE and behind == NONE and instrument.best[side] == level:
        instrument.best[side] = occupied_level(instrument, side, level)


@compiled
def _release(instrument: Instrument, slot: int) -> None:
    last = instrument.live_count - 1
    position = instrument.live_at[slot]
    moved = instrument.live[last]
    instrument.live[position] = moved
    instrument.live_at[moved] = position
    instrument.live[last] = slot
    instrument.live_at[slot] = last
    instrument.live_count = last
    instrument.side_orders[instrument.side[slot]] -= 1


@compiled
def occupied_level(instrument: Instrument, side: int, level: int) -> int:
    """The next level with orders, away from the market from `level`; the empty-side value when none."""
    step = -1 if side == BID else 1
    level = level + step
    while 0 <= level < WINDOW_TICKS and instrument.level_head[level] == NONE:
        level += step
    return level
