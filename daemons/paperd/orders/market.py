"""The market the venue trades in: instruments, and ITCH messages applied to them in order.

`Market` alone has the books that were given by hand. `ReplayedMarket` follows a capture as far as the replay has sent
it; a symbol's book is built when somebody first asks for it, out of the messages before, so that a day's messages
about symbols nobody trades cost next to nothing.
"""

import time
from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from paperd.capture import Capture
from paperd.itch50 import LAYOUTS
from paperd.orders.book import Displayed
from paperd.orders.matching import TRADING, Instrument, Matcher

MARKET_HOURS = "Q"
END_OF_MARKET_HOURS = "M"
END_OF_SYSTEM_HOURS = "E"
END_OF_MESSAGES = "C"

_BOOK_TYPES = b"AFECXDUPQH"
_Values = tuple[bytes | int, ...]


class Market:
    """Instruments by symbol. `clock` counts what was seen: the venue's measure of time priority."""

    def __init__(self) -> None:
        self.clock = 0
        self.phase = MARKET_HOURS
        self.matcher: Matcher
        self.on_system_event: Callable[[str], None] = lambda _code: None
        self._instruments: dict[str, Instrument] = {}
        self._by_locate: dict[int, Instrument] = {}
        today = datetime.now(ZoneInfo("America/New_York")).replace(hour=0, minute=0, second=0, microsecond=0)
        self._midnight_ns = int(today.timestamp()) * 1_000_000_000
        self._handlers: dict[str, Callable[[Instrument, _Values, int], None]] = {
            "A": self._add, "F": self._add, "E": self._execute, "C": self._execute, "X": self._cancel,
            "D": self._delete, "U": self._replace, "P": self._trade, "Q": self._cross, "H": self._action,
        }  # fmt: skip

    def find(self, symbol: str) -> Instrument | None:
        """The instrument, None when the venue does not know it (yet)."""
        return self._instruments.get(symbol)

    def instruments(self) -> list[Instrument]:
        """Those with a book so far."""
        return list(self._instruments.values())

    def time_ns(self) -> int:
        """Nanoseconds since New York midnight."""
        return time.time_ns() - self._midnight_ns

    def advance(self) -> None:
        """See what has been sent since."""

    def list_instrument(self, symbol: str, locate: int, trading_state: str = "") -> Instrument:
        instrument = self._instruments.get(symbol)
        if instrument is None:
            instrument = self._instruments[symbol] = Instrument(symbol, locate, trading_state)
            self._by_locate[locate] = instrument
        return instrument

    def set_book(self, symbol: str, bid_e4: int, ask_e4: int, shares: int) -> Instrument:
        """A book of one order a side, in place of what was there; own orders that it crosses trade with it."""
        instrument = self.list_instrument(symbol, max(self._by_locate, default=0) + 1, TRADING)
        instrument.book.clear()
        for buy, price_e4 in ((True, bid_e4), (False, ask_e4)):
            self.clock += 1
            displayed = Displayed((1 << 63) + self.clock, buy, price_e4, shares, self.clock - 1)
            instrument.book.add(displayed)
            self.matcher.arrived(instrument, displayed)
        return instrument

    def set_trading_state(self, instrument: Instrument, state: str) -> None:
        resumed = state == TRADING and not instrument.trading
        instrument.trading_state = state
        if resumed:
            self.matcher.uncross(instrument)

    def inject(self, message: bytes) -> None:
        """One ITCH message by hand. ValueError when it is none."""
        layout = LAYOUTS.get(message[:1].decode("latin-1"))
        if layout is None or len(message) != layout.size:
            raise ValueError("no whole ITCH 5.0 message")
        self.clock += 1
        self._apply(memoryview(message), 0, self.clock - 1)

    def _apply(self, data: memoryview, offset: int, number: int) -> None:
        kind = chr(data[offset])
        values = LAYOUTS[kind].packer.unpack_from(data, offset)
        if kind == "S":
            self.phase = _text(values[5])
            self.on_system_event(self.phase)
            return
        if kind == "R":
            self.list_instrument(_text(values[5]), int(values[1]))
            return
        handler = self._handlers.get(kind)
        instrument = self._by_locate.get(int(values[1]))
        if handler is not None and instrument is not None:
            handler(instrument, values[5:], number)

    def _add(self, instrument: Instrument, values: _Values, number: int) -> None:
        reference, side, shares, _, price_e4 = values[:5]
        displayed = Displayed(int(reference), side == b"B", int(price_e4), int(shares), number)
        instrument.book.add(displayed)
        self.matcher.arrived(instrument, displayed)

    def _execute(self, instrument: Instrument, values: _Values, _number: int) -> None:
        reference, shares = int(values[0]), int(values[1])
        displayed = instrument.book.get(reference)
        if displayed is not None:
            self.matcher.executed(instrument, displayed, shares)
            instrument.book.reduce(reference, shares)

    def _cancel(self, instrument: Instrument, values: _Values, _number: int) -> None:
        instrument.book.reduce(int(values[0]), int(values[1]))

    def _delete(self, instrument: Instrument, values: _Values, _number: int) -> None:
        instrument.book.delete(int(values[0]))

    def _replace(self, instrument: Instrument, values: _Values, number: int) -> None:
        reference, new, shares, price_e4 = (int(value) for value in values[:4])
        displayed = instrument.book.replace(reference, new, shares, price_e4, number)
        if displayed is not None:
            self.matcher.arrived(instrument, displayed)

    def _trade(self, instrument: Instrument, values: _Values, _number: int) -> None:
        self.matcher.traded(instrument, int(values[4]), int(values[2]))

    def _cross(self, instrument: Instrument, values: _Values, _number: int) -> None:
        if values[0]:  # a cross of nothing is announced as well
            self.matcher.traded(instrument, int(values[2]), int(values[0]))

    def _action(self, instrument: Instrument, values: _Values, _number: int) -> None:
        self.set_trading_state(instrument, _text(values[1]))


class ReplayedMarket(Market):
    """Follows a capture; `released` says how many messages have been sent."""

    def __init__(self, capture: Capture, released: Callable[[], int]) -> None:
        super().__init__()
        self.phase = ""
        self._capture = capture
        self._released = released
        self._data = memoryview(capture.data)  # type: ignore[arg-type]
        offset = capture.offset
        self._locate = capture.data[offset + 1].astype(np.uint16) << 8 | capture.data[offset + 2]
        self._matters = np.isin(capture.type, np.frombuffer(_BOOK_TYPES, np.uint8))
        self._system = capture.type == ord("S")
        self._followed = np.zeros(1 << 16, np.bool_)
        self._listed: dict[
            str, tuple[int, int]
        ] = {}  # symbol: its locate and the number of its directory message
        for number in np.flatnonzero(capture.type == ord("R")).tolist():
            values = LAYOUTS["R"].packer.unpack_from(self._data, int(offset[number]))
            self._listed.setdefault(_text(values[5]), (int(values[1]), number))

    def find(self, symbol: str) -> Instrument | None:
        instrument = super().find(symbol)
        if instrument is None and symbol in self._listed:
            locate, number = self._listed[symbol]
            if number < self.clock:
                instrument = self.list_instrument(symbol, locate)
                self._followed[locate] = True
                past = (self._locate[: self.clock] == locate) & self._matters[: self.clock]
                self._apply_all(np.flatnonzero(past).tolist())
        return instrument

    def time_ns(self) -> int:
        return int(self._capture.timestamp_ns[max(self.clock - 1, 0)])

    def advance(self) -> None:
        start, end = self.clock, self._released()
        if start == end:
            return
        rows = slice(start, end)
        wanted = (self._followed[self._locate[rows]] & self._matters[rows]) | self._system[rows]
        for number in (np.flatnonzero(wanted) + start).tolist():
            self.clock = number + 1
            self._apply(self._data, int(self._capture.offset[number]), number)
        self.clock = end

    def _apply_all(self, numbers: list[int]) -> None:
        for number in numbers:
            self._apply(self._data, int(self._capture.offset[number]), number)


def _text(value: bytes | int) -> str:
    assert isinstance(value, bytes)
    return value.decode("latin-1").rstrip(" ")
