"""Which ring ids the configured symbols have: asked of the board when the stream first names an instrument.

feedd writes the board after the packet whose records are in the ring already, so the answer may have to be
awaited; it counts once the board reflects the record that asked.
"""

from __future__ import annotations

import numpy as np

from braind.features.state import NOT_FOLLOWED, FeatureState
from hft.layout.dtypes import BOARD_ENTRY
from hft.regions import Region, monotonic_ns, read_board_entry

# A board that still says nothing this long after the record: the instrument will not be named.
NAMING_NS_MAX = 100_000_000


class Instruments:
    """Rows of `state` by symbol; entry k of `symbols` has row k."""

    def __init__(self, symbols: tuple[str, ...], state: FeatureState) -> None:
        self._slot_of_symbol = {symbol: slot for slot, symbol in enumerate(symbols)}
        self._state = state
        self._entry = np.zeros(1, BOARD_ENTRY)
        self._waiting_for = 0
        self._waiting_since_ns = 0
        self.found: set[str] = set()

    def resolve(self, board: Region, instrument_id: int, asked_by_seq: int) -> bool | None:
        """Looks `instrument_id` up. True: settled. None: not yet, ask again. False: given up."""
        entry = self._entry[0]
        known = read_board_entry(board, instrument_id, self._entry)
        symbol = bytes(entry["symbol"]).rstrip(b"\0 ").decode("ascii", "replace")
        if known and symbol and int(entry["sequence"]) >= asked_by_seq:
            self._settle(instrument_id, symbol, int(entry["price_decimals"]))
            return True
        now_ns = monotonic_ns()
        if self._waiting_for != asked_by_seq:
            self._waiting_for, self._waiting_since_ns = asked_by_seq, now_ns
        if now_ns - self._waiting_since_ns < NAMING_NS_MAX:
            return None
        self._state.slot_of_instrument[instrument_id] = NOT_FOLLOWED
        return False

    def _settle(self, instrument_id: int, symbol: str, price_decimals: int) -> None:
        slot = self._slot_of_symbol.get(symbol, NOT_FOLLOWED)
        self._state.slot_of_instrument[instrument_id] = slot
        if slot != NOT_FOLLOWED:
            self._state.tick[slot] = 10.0 ** (price_decimals - 2)
            self.found.add(symbol)
