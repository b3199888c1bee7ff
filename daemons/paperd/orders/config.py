"""What the order side is told to be."""

from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path

from paperd.line import Address
from paperd.orders.matching import SelfMatch
from paperd.orders.tally import Fees


def price_e4(text: str) -> int:
    """A decimal number with at most four decimals, as an integer. ValueError when it is none."""
    try:
        scaled = Decimal(text) * 10_000
    except InvalidOperation:
        scaled = Decimal("nan")
    if not scaled.is_finite() or scaled != int(scaled):
        raise ValueError(f"{text!r} is no price with four decimals")
    return int(scaled)


class Disconnect(StrEnum):
    """What becomes of open orders when the last connection is lost."""

    YES = "yes"
    LATE = "late"
    NO = "no"


@dataclass(frozen=True)
class CancelOnDisconnect:
    """At once, `late_ns` after (also when the client is back by then), or not at all."""

    mode: Disconnect = Disconnect.YES
    late_ns: int = 0


@dataclass(frozen=True)
class Book:
    """A book by hand: one order a side."""

    symbol: str
    bid_e4: int
    ask_e4: int
    shares: int


@dataclass(frozen=True)
class OrdersConfig:
    """Everything of the order side. `password` None: not checked. `mirror`: several logins at once, one stream."""

    address: Address
    username: str = "HFT001"
    password: str | None = None
    session: str = "OUCH000001"
    heartbeat_ns: int = 1_000_000_000
    client_timeout_ns: int = 15_000_000_000
    login_timeout_ns: int = 30_000_000_000
    mirror: bool = False
    cancel_on_disconnect: CancelOnDisconnect = CancelOnDisconnect()
    self_match: SelfMatch = SelfMatch.OLDEST
    fees: Fees = field(default_factory=Fees)
    receive_buffer_bytes: int | None = None
    seed: int = 1
    ledger: Path | None = None
    summary: Path | None = None
    control: Path | None = None
    script: Path | None = None
