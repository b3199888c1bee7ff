"""A stand-in for braind that trades: trader.py --config FILE

As standin.py, but priced from the board: it rests buy orders far below the bid, and now and then takes ten shares from
one side of the book or the other. It goes on when it is refused.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

import standin

from hft.layout.dtypes import BOARD_ENTRY, RegionKind, Side, TimeInForce
from hft.regions import Region, RegionError, read_board_entry

TAKES_EVERY = 10


class BoardOutlet(standin.Outlet):
    """Sees the book of the instrument that its intent names."""

    def __init__(self, run: str, queue: Region) -> None:
        super().__init__(run, queue)
        self._directory = run
        self._board: Region | None = None
        self._entry = np.zeros(1, BOARD_ENTRY)

    def _looked(self) -> bool:
        """Whether there is a book of two sides; it is in `_entry` then."""
        if self._board is None or self._board.retired:
            try:
                self._board = Region.open(
                    f"{self._directory}/feedd/market.board", int(RegionKind.MARKET_BOARD)
                )
            except RegionError:
                return False
        found = read_board_entry(self._board, int(self._intent["instrument_id"][0]), self._entry)
        return found and bool(self._entry[0]["bid_levels"]) and bool(self._entry[0]["ask_levels"])


class Trader(BoardOutlet):
    """One instrument. `pushed` counts rounds, too: a loop that waits for a book is not stalled."""

    def __init__(self, run: str, queue: Region) -> None:
        super().__init__(run, queue)
        self._rounds = 0

    def push(self) -> None:
        self._rounds += 1
        self.pushed += 1
        if not self._looked():
            return
        book, intent = self._entry[0], self._intent
        bid, ask = int(book["bids"]["price"][0]), int(book["asks"]["price"][0])
        if self._rounds % TAKES_EVERY:
            intent["side"], intent["time_in_force"] = int(Side.BUY), int(TimeInForce.DAY)
            intent["price"], intent["quantity"] = bid * 9 // 10 // 100 * 100, 10 + self._rounds % 50
        else:
            buys = self._rounds % (2 * TAKES_EVERY) == 0
            intent["side"], intent["time_in_force"] = (
                int(Side.BUY if buys else Side.SELL),
                int(TimeInForce.IOC),
            )
            intent["price"], intent["quantity"] = ask if buys else bid, 10
        super().push()


if __name__ == "__main__":
    standin.Outlet = Trader  # type: ignore[misc]
    standin.main(sys.argv[-1])
