"""A stand-in for braind that quotes both sides of several books: quoter.py --config FILE

As trader.py, but busier: some intents a round, new orders near the touch and through it, cancels and replaces of orders
that may just be gone, so that at any moment orders rest and messages are on their way. It goes on when it is refused.
Every intent is in `<HFT_TEST_INTENTS>/<queue generation>.intents` before it is pushed: whatever kills this process,
what reached the gateway is a part of what is written there.
"""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path
from typing import BinaryIO

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

import standin
from trader import BoardOutlet

from hft.layout.dtypes import GATEWAY_ORDER, IntentAction, RegionKind, Side, TimeInForce
from hft.regions import Region, RegionError, monotonic_ns

INTENTS_A_ROUND = int(os.environ.get("HFT_TEST_BURST", "2"))
# Every intent is a new order that does not rest, so that most of them pass.
FLEETING = "HFT_TEST_FLEETING" in os.environ
INSTRUMENTS = 4  # ids 1 … 4
TICK = 100
_NEW, _CANCEL, _REPLACE = (
    int(action) for action in (IntentAction.NEW, IntentAction.CANCEL, IntentAction.REPLACE)
)


class Quoter(BoardOutlet):
    """`pushed` counts rounds: a loop that waits for a book is not stalled."""

    def __init__(self, run: str, queue: Region) -> None:
        super().__init__(run, queue)
        self._random = random.Random(queue.generation)
        self._orders: Region | None = None
        self._written: BinaryIO | None = None
        if directory := os.environ.get("HFT_TEST_INTENTS"):
            self._written = (Path(directory) / f"{queue.generation}.intents").open("ab", buffering=0)

    def push(self) -> None:
        self.pushed += 1
        for _ in range(INTENTS_A_ROUND):
            if self._attached() and self._decided():
                self._send()

    def _send(self) -> None:
        assert self._producer is not None
        intent = self._intent
        intent["intent_id"] += 1
        if intent["action"] != _CANCEL:
            intent["order_id"] = intent["intent_id"]
        intent["epoch"] = standin.read_control_record(self._fence, "Fence")["epoch"]
        intent["emit_ts_ns"] = monotonic_ns()
        if self._written is not None:
            self._written.write(intent.tobytes())
        if self._producer.push(intent) != standin.PUSHED:
            self.refused += 1

    def _decided(self) -> bool:
        """Fills in the next intent; False: nothing is known to price it from."""
        dice, intent = self._random.random(), self._intent
        intent["replaced_order_id"] = 0
        if dice < 0.5 and not FLEETING and (order := self._open_order()) is not None:
            side = int(order["side"])
            intent["instrument_id"], intent["side"] = order["instrument_id"], side
            if dice < 0.35:
                intent["action"], intent["order_id"] = _CANCEL, order["order_id"]
                return True
            intent["action"], intent["replaced_order_id"] = _REPLACE, order["order_id"]
            return self._priced(side, takes=False)
        side = self._random.choice((int(Side.BUY), int(Side.SELL)))
        intent["instrument_id"], intent["side"] = self._random.randint(1, INSTRUMENTS), side
        intent["action"] = _NEW
        return self._priced(side, takes=dice > 0.9 and not FLEETING)

    def _priced(self, side: int, *, takes: bool) -> bool:
        if not self._looked():
            return False
        book, intent = self._entry[0], self._intent
        own, other = ("bids", "asks") if side == int(Side.BUY) else ("asks", "bids")
        away = TICK * self._random.randint(0, 20) * (-1 if side == int(Side.BUY) else 1)
        intent["time_in_force"] = int(TimeInForce.IOC if takes or FLEETING else TimeInForce.DAY)
        intent["price"] = int(book[other]["price"][0]) if takes else int(book[own]["price"][0]) + away
        intent["quantity"] = self._random.randint(1, 50)
        return bool(intent["price"][0] > 0)

    def _open_order(self) -> np.void | None:
        """One of those in gateway.orders, read without care: by the time it is named it may be gone anyway."""
        try:
            if self._orders is None or self._orders.retired:
                path = f"{self._directory}/feedd/gateway.orders"
                self._orders = Region.open(path, int(RegionKind.GATEWAY_ORDERS))
        except RegionError:
            return None
        records = self._orders.records(GATEWAY_ORDER)
        used = np.flatnonzero(records["state"])
        return records[self._random.choice(used)].copy() if len(used) else None


if __name__ == "__main__":
    standin.Outlet = Quoter  # type: ignore[misc]
    standin.main(sys.argv[-1])
