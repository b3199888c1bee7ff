"""The gate, the bucket and the duplicate window a second time, as plainly as Python allows.

Written from the rules of docs/GATE.md, not from the C++: integers of any size, no shared code. test_gate.py holds the
two against each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from hft.layout.dtypes import BookValidity, MarketPhase, RefusalReason, Side, TradeState

UNKNOWN: Final = 2**64 - 1

BUY, SELL = int(Side.BUY), int(Side.SELL)
TRADING, VALID = int(TradeState.TRADING), int(BookValidity.VALID)
REGULAR, EXTENDED = int(MarketPhase.REGULAR), int(MarketPhase.EXTENDED)
WITHIN: Final = {
    (REGULAR, REGULAR),
    (REGULAR, EXTENDED),
    (EXTENDED, EXTENDED),
}  # the market's phase, risk.hours
R: Final = {reason.name: int(reason) for reason in RefusalReason}


def _signed(word: int) -> int:
    return word - 2**64 if word >= 2**63 else word


def gate_refusal(case: Sequence[int]) -> int:  # noqa: C901, PLR0911, PLR0912 - one rule after the other, as in the table
    """The first rule that says no. `case`: the words of gate_cases.FIELDS."""
    (
        side, quantity, price, replaced_leaves, emit,
        allowed, trade_state, validity, bid, ask, position, open_buy, open_sell, own_bid, own_ask, duplicate,
        own_quantity_max, own_notional_max, own_position_max,
        gross_others, open_orders, unacknowledged, marked_value, phase, heard, message_allowed,
        hours, quantity_max, notional_max, position_max, gross_max, open_orders_max, unacknowledged_max, loss_max,
        collar_bps, book_age_max, intent_age_max, tick, lot,
        now,
    ) = case  # fmt: skip
    position, marked_value = _signed(position), _signed(marked_value)

    if side not in (BUY, SELL) or not 1 <= price < 2**63 or quantity == 0:
        return R["MALFORMED_INTENT"]
    if not allowed:
        return R["NOT_ALLOWED"]
    if (phase, hours) not in WITHIN:
        return R["OUTSIDE_HOURS"]
    if trade_state != TRADING:
        return R["NOT_TRADING"]
    if validity != VALID or not 0 < bid < ask < 2**63:
        return R["BOOK_INVALID"]
    if book_age_max == 0 or heard == 0 or abs(now - heard) > book_age_max:
        return R["BOOK_STALE"]
    if intent_age_max == 0 or emit == 0 or not 0 <= now - emit <= intent_age_max:
        return R["INTENT_TOO_OLD"]
    if tick == 0 or (price >= 10_000 and price % tick):
        return R["PRICE_OFF_TICK"]
    if lot == 0 or quantity % lot:
        return R["QUANTITY_OFF_LOT"]
    if quantity > quantity_max or quantity > own_quantity_max:
        return R["QUANTITY_LIMIT"]
    if price * quantity > notional_max or price * quantity > own_notional_max:
        return R["NOTIONAL_LIMIT"]
    if not 1 <= collar_bps <= 10_000:
        return R["PRICE_COLLAR"]
    if side == BUY and price * 10_000 > ask * (10_000 + collar_bps):
        return R["PRICE_COLLAR"]
    if side == SELL and price * 10_000 < bid * (10_000 - collar_bps):
        return R["PRICE_COLLAR"]

    # The range of positions that fills can lead to, before the order and with it.
    lowest_before, highest_before = position - open_sell, position + open_buy
    lowest, highest = lowest_before, highest_before
    if side == BUY:
        highest += quantity - replaced_leaves
    else:
        lowest -= quantity - replaced_leaves
    if replaced_leaves > (open_buy if side == BUY else open_sell):
        return R["POSITION_LIMIT"]
    if position_max == 0 or own_position_max == 0:
        return R["POSITION_LIMIT"]
    if (highest if side == BUY else -lowest) > min(position_max, own_position_max):
        return R["POSITION_LIMIT"]

    exposure = max(highest, -lowest)
    exposure_before = max(highest_before, -lowest_before)
    mark = -(-(bid + ask) // 2)
    if gross_max == 0 or gross_others == UNKNOWN or exposure >= 2**64:
        return R["GROSS_LIMIT"]
    if gross_others + exposure * mark > gross_max and exposure > exposure_before:
        return R["GROSS_LIMIT"]

    counted = open_orders - 1 if replaced_leaves and open_orders else open_orders
    if open_orders == UNKNOWN or counted >= open_orders_max or (replaced_leaves and open_orders == 0):
        return R["OPEN_ORDERS_LIMIT"]
    if unacknowledged >= unacknowledged_max:
        return R["UNACKNOWLEDGED_LIMIT"]
    if duplicate:
        return R["DUPLICATE_ORDER"]
    if (side == BUY and price >= own_ask) or (side == SELL and price <= own_bid):
        return R["SELF_TRADE"]
    if loss_max == 0 or marked_value == -(2**63) or -marked_value > loss_max:
        return R["LOSS_LIMIT"]
    if not message_allowed:
        return R["MESSAGE_RATE"]
    return R["NONE"]


class Bucket:
    """Tokens as exact fractions."""

    def __init__(self, rate: int, burst: int, reserve: int, start_ns: int) -> None:
        self._rate, self._reserve = rate, reserve
        self._burst = burst if rate else 0
        self._tokens, self._at_ns = Fraction(self._burst), start_ns

    def ask(self, kind: int, now_ns: int) -> tuple[bool, int]:
        """As gate_driver.cpp's `bucket`: allowed, and whole tokens afterwards."""
        if now_ns > self._at_ns:
            come = Fraction((now_ns - self._at_ns) * self._rate, 10**9)
            self._tokens, self._at_ns = min(Fraction(self._burst), self._tokens + come), now_ns
        order = kind % 2 == 0
        allowed = self._tokens - 1 >= self._reserve if order else self._burst == 0 or self._tokens >= 1
        if allowed and kind >= 2:
            self._tokens = max(self._tokens - 1, Fraction(0))
        return allowed, int(self._tokens)


class Duplicates:
    """Everything that was ever sent. The C++ may say yes more often, never less often."""

    def __init__(self, window_ns: int) -> None:
        self._window_ns = window_ns
        self._sent: dict[tuple[int, ...], int] = {}

    def ask(self, kind: int, key: tuple[int, ...], now_ns: int) -> bool:
        """As gate_driver.cpp's `duplicates`."""
        sent_ns = self._sent.get(key)
        seen = self._window_ns > 0 and sent_ns is not None and now_ns - sent_ns < self._window_ns
        if kind == 1:
            self._sent[key] = now_ns
        return seen
