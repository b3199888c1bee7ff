"""What the venue refuses by itself, as pure functions: a reject reason of OUCH 5.0, or ACCEPTABLE.

Not offered by this venue, and said so with the reason that comes closest: reserve (max floor), pegs, discretion,
routes, crosses. Every other reason, the exchange's own risk checks among them, is raised on demand (ctl reject).
"""

from enum import IntEnum

from paperd.orders.market import END_OF_MESSAGES, END_OF_SYSTEM_HOURS
from paperd.orders.matching import Instrument
from paperd.orders.ouch50 import PRICE_MAX_E4, QUANTITY_MAX, Message

DAY, IMMEDIATE, EXTENDED, GOOD_TILL_TIME, AFTER_HOURS = "0", "3", "5", "6", "E"
_SUB_PENNY_BELOW_E4 = 10_000


class Reason(IntEnum):
    """The reject reasons that the venue raises by itself."""

    ACCEPTABLE = 0
    DESTINATION_CLOSED = 0x2
    DISPLAY = 0x3
    MAX_FLOOR = 0x4
    PEG_TYPE = 0x5
    HALTED = 0x7
    ISO = 0x8
    SIDE = 0x9
    CANCEL_PENDING = 0xB
    MINIMUM_QUANTITY = 0xD
    OTHER = 0xF
    CROSS_ORDER = 0x14
    REPLACE_NOT_ALLOWED = 0x15
    QUANTITY = 0x13
    ROUTING = 0x16
    SYMBOL = 0x17
    PRICE = 0x1D


REASON_MAX = 0x2A


def check_enter(message: Message, instrument: Instrument | None, phase: str) -> Reason:
    """An enter order as it came, in the market as it is."""
    if phase in (END_OF_SYSTEM_HOURS, END_OF_MESSAGES):
        return Reason.DESTINATION_CLOSED
    if instrument is None or not instrument.trading:
        return Reason.SYMBOL if instrument is None else Reason.HALTED
    if message["side"] not in tuple("BSTE"):
        return Reason.SIDE
    if message["cross"] != "N":
        return Reason.CROSS_ORDER
    if message["capacity"] not in tuple("APRO"):
        return Reason.OTHER
    return check_terms(message)


def check_terms(message: Message) -> Reason:
    """What an enter order and a replace have in common."""
    options = message["options"]
    if not 1 <= message["quantity"] <= QUANTITY_MAX:
        return Reason.QUANTITY
    if not _price_fits(message["price_e4"]):
        return Reason.PRICE
    if message["display"] not in tuple("YNA"):
        return Reason.DISPLAY
    if message["iso"] not in tuple("YN"):
        return Reason.ISO
    if not _time_fits(message["time_in_force"], options):
        return Reason.OTHER
    return _check_options(options, message["quantity"])


def _price_fits(price_e4: int) -> bool:
    whole_cents = price_e4 < _SUB_PENNY_BELOW_E4 or price_e4 % 100 == 0
    return 0 < price_e4 <= PRICE_MAX_E4 and whole_cents


def _time_fits(time_in_force: str, options: dict[str, int | str]) -> bool:
    if time_in_force == GOOD_TILL_TIME:
        return 0 < int(options.get("expire_time_s", 0)) < 86_400
    return time_in_force in (DAY, IMMEDIATE, EXTENDED, AFTER_HOURS)


def _check_options(options: dict[str, int | str], quantity: int) -> Reason:
    if int(options.get("minimum_quantity", 0)) > quantity:
        return Reason.MINIMUM_QUANTITY
    if options.get("max_floor"):
        return Reason.MAX_FLOOR
    if options.get("price_type", "L") not in ("L", ""):
        return Reason.PEG_TYPE
    if options.get("route"):
        return Reason.ROUTING
    if options.get("discretion_price_e4"):
        return Reason.OTHER
    return Reason.ACCEPTABLE
