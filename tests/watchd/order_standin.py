"""A stand-in for the order side of feedd: positions, updates and a board, written as the gateway writes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hft.layout.dtypes import (
    BOARD_ENTRY,
    GATEWAY_ORDER,
    GATEWAY_POSITION,
    ORDER_UPDATE,
    BookValidity,
    RegionKind,
    Side,
    UpdateKind,
)
from hft.regions import BoardWriter, Region, RingWriter

CAPACITY = 1024


class OrderStandin:
    """Regions of a gateway with positions in a few instruments. It counts for itself, honestly unless told otherwise.

    `words`: its gateway.state.
    """

    def __init__(self, directory: Path, words: np.ndarray) -> None:
        self.words = words
        self.positions = self._region(
            directory, "gateway.positions", RegionKind.GATEWAY_POSITIONS, 64, GATEWAY_POSITION
        )
        self.ring = self._region(directory, "updates.ring", RegionKind.UPDATES_RING, CAPACITY, ORDER_UPDATE)
        self.board = self._region(directory, "market.board", RegionKind.MARKET_BOARD, 64, BOARD_ENTRY)
        self.writer, self.books = RingWriter(self.ring), BoardWriter(self.board)
        self.orders = self._region(directory, "gateway.orders", RegionKind.GATEWAY_ORDERS, 16, GATEWAY_ORDER)

    def _region(self, directory: Path, name: str, kind: int, capacity: int, layout: np.dtype) -> Region:
        return Region.create(str(directory / name), int(kind), capacity, layout.itemsize)

    def hold(self, instrument_id: int, position: int, price: int) -> None:
        """A start of day."""
        row = self.positions.records(GATEWAY_POSITION)[instrument_id]
        row["instrument_id"], row["position"], row["start_position"] = instrument_id, position, position
        row["start_price"] = row["mark_price"] = price
        row["updates_seq"] = self.writer.sequence

    def tell(self, kind: int, instrument_id: int = 0, **fields: int) -> int:
        update = np.zeros(1, ORDER_UPDATE)
        update["kind"], update["instrument_id"] = int(kind), instrument_id
        for name, value in fields.items():
            update[name] = value
        return self.writer.publish(update)

    def fill(
        self, instrument_id: int, quantity: int, price: int, *, lie: int = 0, kind: int = UpdateKind.FILLED
    ) -> None:
        """`quantity` < 0 sells. `lie` is added to the gateway's own position."""
        side = Side.BUY if quantity > 0 else Side.SELL
        sequence = self.tell(kind, instrument_id, side=int(side), quantity=abs(quantity), price=price)
        row = self.positions.records(GATEWAY_POSITION)[instrument_id]
        undo = -1 if kind == UpdateKind.BROKEN else 1
        row["instrument_id"] = instrument_id
        row["position"] = int(row["position"]) + quantity * undo + lie
        name = "bought" if quantity > 0 else "sold"
        row[f"{name}_quantity"] = int(row[f"{name}_quantity"]) + undo * abs(quantity)
        row[f"{name}_value"] = int(row[f"{name}_value"]) + undo * abs(quantity) * price
        row["updates_seq"] = sequence
        self.words["updates_watermark"] = sequence

    def quote(
        self, instrument_id: int, symbol: str, bid: int, ask: int, validity: int = BookValidity.VALID
    ) -> None:
        entry = np.zeros(1, BOARD_ENTRY)
        entry["symbol"][0, : len(symbol)] = np.frombuffer(symbol.encode(), np.uint8)
        entry["instrument_id"], entry["validity"] = instrument_id, int(validity)
        entry["bid_levels"] = entry["ask_levels"] = 1
        entry["bids"]["price"][0, 0], entry["asks"]["price"][0, 0] = bid, ask
        self.books.write(instrument_id, entry)

    def open_orders(self, count: int, instrument_id: int, strategy_id: int) -> None:
        """So many in the table, all alike."""
        table = self.orders.records(GATEWAY_ORDER)
        table[:] = 0
        table["state"][:count], table["instrument_id"][:count] = 2, instrument_id
        table["strategy_id"][:count] = strategy_id
        self.words["open_orders"] = count
