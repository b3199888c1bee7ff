"""Which ring ids the configured symbols have: asked of the board when the stream first names an instrument.

feedd writes the board after the packet whose records are in the ring already, so the answer may have to be
awaited; it counts once the board reflects the record that asked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from braind.features.state import NOT_FOLLOWED
from hft.layout.dtypes import BOARD_ENTRY
from hft.regions import Region, monotonic_ns, read_board_entry

# A board that still says nothing this long after the record: the instrument will not be named.
NAMING_NS_MAX = 100_000_000


@dataclass(frozen=True)
class Settled:
    """What became of one id: its `symbol` ("" = the board never named it), its row and its prices' scale."""

    instrument_id: int
    symbol: str
    slot: int
    price_decimals: int


class Instruments:
    """Rows of a brain by symbol; entry k of `symbols` has row k. `name`: Brain.name, told what was found."""

    def __init__(self, symbols: tuple[str, ...], name: Callable[[int, int, int], None]) -> None:
        self._slot_of_symbol = {symbol: slot for slot, symbol in enumerate(symbols)}
        self._name = name
        self._entry = np.zeros(1, BOARD_ENTRY)
        self._waiting_for = 0
        self._waiting_since_ns = 0
        self.found: set[str] = set()

    def forget(self) -> None:
        """Another feed: its ids and its record numbers are its own."""
        self._waiting_for = 0
        self.found.clear()

    def resolve(self, board: Region, instrument_id: int, asked_by_seq: int) -> Settled | None:
        """Looks `instrument_id` up and names it to the brain. None: not yet, ask again."""
        settled = self._look_up(board, instrument_id, asked_by_seq)
        if settled is not None:
            self._name(instrument_id, settled.slot, settled.price_decimals)
            if settled.slot != NOT_FOLLOWED:
                self.found.add(settled.symbol)
        return settled

    def _look_up(self, board: Region, instrument_id: int, asked_by_seq: int) -> Settled | None:
        entry = self._entry[0]
        known = read_board_entry(board, instrument_id, self._entry)
        symbol = bytes(entry["symbol"]).rstrip(b"\0 ").decode("ascii", "replace")
        if known and symbol and int(entry["sequence"]) >= asked_by_seq:
            slot = self._slot_of_symbol.get(symbol, NOT_FOLLOWED)
            return Settled(instrument_id, symbol, slot, int(entry["price_decimals"]))
        now_ns = monotonic_ns()
        if self._waiting_for != asked_by_seq:
            self._waiting_for, self._waiting_since_ns = asked_by_seq, now_ns
        if now_ns - self._waiting_since_ns < NAMING_NS_MAX:
            return None
        return Settled(instrument_id, "", NOT_FOLLOWED, 0)
