"""Writers of framed ITCH messages for compiled code; offsets come from the layouts of paperd.itch50.

Every writer appends to the tape: u16 length, then the message.
"""

import numpy as np
import numpy.typing as npt

from paperd.compiled import compiled
from paperd.day.state import Instrument, Tape
from paperd.itch50 import LAYOUTS

_FRAME = 2


def _offset(message_type: str, field: str) -> int:
    return _FRAME + LAYOUTS[message_type].offset(field)


_TYPE = _FRAME
_LOCATE = _offset("S", "stock_locate")
_TRACKING = _offset("S", "tracking_number")
TIMESTAMP = _offset("S", "timestamp_ns")
_ORDER = _offset("A", "order_reference")  # at the same place in A F E C X D U P
_SIDE, _SHARES, _STOCK, _PRICE = (_offset("A", f) for f in ("side", "shares", "stock", "price_e4"))
_ATTRIBUTION = _offset("F", "attribution")
_EXECUTED, _MATCH = _offset("E", "executed_shares"), _offset("E", "match_number")
_PRINTABLE, _EXECUTION_PRICE = _offset("C", "printable"), _offset("C", "execution_price_e4")
_CANCELLED = _offset("X", "cancelled_shares")
_NEW_ORDER, _NEW_SHARES = _offset("U", "new_order_reference"), _offset("U", "shares")
_NEW_PRICE = _offset("U", "price_e4")
_TRADE_MATCH = _offset("P", "match_number")
_CROSS_SHARES, _CROSS_STOCK = _offset("Q", "cross_shares"), _offset("Q", "stock")
_CROSS_PRICE, _CROSS_MATCH = _offset("Q", "cross_price_e4"), _offset("Q", "match_number")
_CROSS_TYPE = _offset("Q", "cross_type")
_BROKEN_MATCH = _offset("B", "match_number")
_PAIRED, _IMBALANCE = _offset("I", "paired_shares"), _offset("I", "imbalance_shares")
_DIRECTION, _IMBALANCE_STOCK = _offset("I", "imbalance_direction"), _offset("I", "stock")
_FAR, _NEAR, _CURRENT = (_offset("I", f"{name}_price_e4") for name in ("far", "near", "reference"))
_IMBALANCE_CROSS, _VARIATION = _offset("I", "cross_type"), _offset("I", "price_variation")
_INTEREST_STOCK, _INTEREST = _offset("N", "stock"), _offset("N", "interest_flag")

_A, _F, _E, _C, _X, _D = ord("A"), ord("F"), ord("E"), ord("C"), ord("X"), ord("D")
_U, _P, _Q, _B, _I, _N = ord("U"), ord("P"), ord("Q"), ord("B"), ord("I"), ord("N")
_A_BYTES, _F_BYTES, _E_BYTES, _C_BYTES = (LAYOUTS[kind].size for kind in "AFEC")
_X_BYTES, _D_BYTES, _U_BYTES, _P_BYTES = (LAYOUTS[kind].size for kind in "XDUP")
_Q_BYTES, _B_BYTES, _I_BYTES, _N_BYTES = (LAYOUTS[kind].size for kind in "QBIN")

BUY, SELL, NO_IMBALANCE, YES, NO = ord("B"), ord("S"), ord("N"), ord("Y"), ord("N")
_BELOW_ONE_PERCENT = ord("L")


@compiled
def put(buffer: npt.NDArray[np.uint8], at: int, width: int, value: int) -> None:
    """Write an unsigned big-endian integer of `width` bytes."""
    for byte in range(width):
        buffer[at + byte] = (value >> (8 * (width - 1 - byte))) & 0xFF


@compiled
def _begin(tape: Tape, kind: int, size: int, instrument: Instrument) -> int:
    """Write frame and prefix; returns where the frame starts."""
    at = tape.bytes
    put(tape.buffer, at, 2, size)
    tape.buffer[at + _TYPE] = kind
    put(tape.buffer, at + _LOCATE, 2, instrument.locate)
    put(tape.buffer, at + _TRACKING, 2, tape.messages & 0xFFFF)
    put(tape.buffer, at + TIMESTAMP, 6, tape.now_ns)
    tape.bytes = at + _FRAME + size
    tape.messages += 1
    return int(at)


@compiled
def _put_stock(tape: Tape, at: int, instrument: Instrument) -> None:
    for byte in range(8):
        tape.buffer[at + byte] = instrument.stock[byte]


@compiled
def write_add(
    tape: Tape,
    instrument: Instrument,
    reference: int,
    is_bid: bool,
    shares: int,
    price_e4: int,
    participant: int,
) -> None:
    """A, or F when `participant` is not negative."""
    kind, size = (_F, _F_BYTES) if participant >= 0 else (_A, _A_BYTES)
    at = _begin(tape, kind, size, instrument)
    put(tape.buffer, at + _ORDER, 8, reference)
    tape.buffer[at + _SIDE] = BUY if is_bid else SELL
    put(tape.buffer, at + _SHARES, 4, shares)
    _put_stock(tape, at + _STOCK, instrument)
    put(tape.buffer, at + _PRICE, 4, price_e4)
    if participant >= 0:
        for byte in range(4):
            tape.buffer[at + _ATTRIBUTION + byte] = tape.mpid[participant, byte]


@compiled
def write_executed(tape: Tape, instrument: Instrument, reference: int, shares: int, match: int) -> None:
    at = _begin(tape, _E, _E_BYTES, instrument)
    put(tape.buffer, at + _ORDER, 8, reference)
    put(tape.buffer, at + _EXECUTED, 4, shares)
    put(tape.buffer, at + _MATCH, 8, match)


@compiled
def write_executed_at(
    tape: Tape, instrument: Instrument, reference: int, shares: int, match: int, printable: int, price_e4: int
) -> None:
    at = _begin(tape, _C, _C_BYTES, instrument)
    put(tape.buffer, at + _ORDER, 8, reference)
    put(tape.buffer, at + _EXECUTED, 4, shares)
    put(tape.buffer, at + _MATCH, 8, match)
    tape.buffer[at + _PRINTABLE] = printable
    put(tape.buffer, at + _EXECUTION_PRICE, 4, price_e4)


@compiled
def write_cancel(tape: Tape, instrument: Instrument, reference: int, shares: int) -> None:
    at = _begin(tape, _X, _X_BYTES, instrument)
    put(tape.buffer, at + _ORDER, 8, reference)
    put(tape.buffer, at + _CANCELLED, 4, shares)


@compiled
def write_delete(tape: Tape, instrument: Instrument, reference: int) -> None:
    at = _begin(tape, _D, _D_BYTES, instrument)
    put(tape.buffer, at + _ORDER, 8, reference)


@compiled
def write_replace(
    tape: Tape, instrument: Instrument, reference: int, new_reference: int, shares: int, price_e4: int
) -> None:
    at = _begin(tape, _U, _U_BYTES, instrument)
    put(tape.buffer, at + _ORDER, 8, reference)
    put(tape.buffer, at + _NEW_ORDER, 8, new_reference)
    put(tape.buffer, at + _NEW_SHARES, 4, shares)
    put(tape.buffer, at + _NEW_PRICE, 4, price_e4)


@compiled
def write_hidden_trade(tape: Tape, instrument: Instrument, shares: int, price_e4: int, match: int) -> None:
    """P: the reference is 0 and the side B whatever the truth, as the feed has done since July 2014."""
    at = _begin(tape, _P, _P_BYTES, instrument)
    put(tape.buffer, at + _ORDER, 8, 0)
    tape.buffer[at + _SIDE] = BUY
    put(tape.buffer, at + _SHARES, 4, shares)
    _put_stock(tape, at + _STOCK, instrument)
    put(tape.buffer, at + _PRICE, 4, price_e4)
    put(tape.buffer, at + _TRADE_MATCH, 8, match)


@compiled
def write_cross(
    tape: Tape, instrument: Instrument, shares: int, price_e4: int, match: int, cross_type: int
) -> None:
    at = _begin(tape, _Q, _Q_BYTES, instrument)
    put(tape.buffer, at + _CROSS_SHARES, 8, shares)
    _put_stock(tape, at + _CROSS_STOCK, instrument)
    put(tape.buffer, at + _CROSS_PRICE, 4, price_e4)
    put(tape.buffer, at + _CROSS_MATCH, 8, match)
    tape.buffer[at + _CROSS_TYPE] = cross_type


@compiled
def write_broken_trade(tape: Tape, instrument: Instrument, match: int) -> None:
    at = _begin(tape, _B, _B_BYTES, instrument)
    put(tape.buffer, at + _BROKEN_MATCH, 8, match)


@compiled
def write_imbalance(
    tape: Tape,
    instrument: Instrument,
    bid_shares: int,
    ask_shares: int,
    prices_e4: tuple[int, int, int],
    cross_type: int,
) -> None:
    """I: `prices_e4` are far, near and current reference price."""
    at = _begin(tape, _I, _I_BYTES, instrument)
    put(tape.buffer, at + _PAIRED, 8, min(bid_shares, ask_shares))
    put(tape.buffer, at + _IMBALANCE, 8, abs(bid_shares - ask_shares))
    direction = NO_IMBALANCE
    if bid_shares != ask_shares:
        direction = BUY if bid_shares > ask_shares else SELL
    tape.buffer[at + _DIRECTION] = direction
    _put_stock(tape, at + _IMBALANCE_STOCK, instrument)
    put(tape.buffer, at + _FAR, 4, prices_e4[0])
    put(tape.buffer, at + _NEAR, 4, prices_e4[1])
    put(tape.buffer, at + _CURRENT, 4, prices_e4[2])
    tape.buffer[at + _IMBALANCE_CROSS] = cross_type
    tape.buffer[at + _VARIATION] = _BELOW_ONE_PERCENT


@compiled
def write_retail_interest(tape: Tape, instrument: Instrument, flag: int) -> None:
    at = _begin(tape, _N, _N_BYTES, instrument)
    _put_stock(tape, at + _INTEREST_STOCK, instrument)
    tape.buffer[at + _INTEREST] = flag


@compiled
def write_ready(tape: Tape, raw: npt.NDArray[np.uint8], start: int, size: int) -> None:
    """A framed message encoded beforehand, `size` bytes of `raw`; tracking number and time are set here."""
    at = tape.bytes
    for byte in range(size):
        tape.buffer[at + byte] = raw[start + byte]
    put(tape.buffer, at + _TRACKING, 2, tape.messages & 0xFFFF)
    put(tape.buffer, at + TIMESTAMP, 6, tape.now_ns)
    tape.bytes = at + size
    tape.messages += 1
