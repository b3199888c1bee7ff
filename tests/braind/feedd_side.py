"""feedd as braind sees it: its regions, written and read by a test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from paper_gateway import PaperGateway

from hft._native import BoardWriter
from hft.layout.dtypes import (
    BOARD_ENTRY,
    GATEWAY_ORDER,
    GATEWAY_POSITION,
    GATEWAY_STATE,
    ORDER_INTENT,
    ORDER_UPDATE,
    RefusalReason,
    RegionKind,
    UpdateKind,
    VenueSession,
)
from hft.regions import DaemonLock, IntentConsumer, Region, RingWriter


class FeeddSide:
    """What feedd writes and reads, scripted by a test: ring, board, updates, gateway and its tables."""

    def __init__(
        self,
        run_directory: Path,
        ring_records: int = 1 << 14,
        updates_records: int = 1 << 10,
        reconciled: bool = True,
    ) -> None:
        self.directory = run_directory
        folder = run_directory / "feedd"
        self.lock = DaemonLock(str(folder))
        self.ring = Region.create(str(folder / "market.ring"), RegionKind.MARKET_RING, ring_records, 128)
        self.board = Region.create(
            str(folder / "market.board"), RegionKind.MARKET_BOARD, 64, BOARD_ENTRY.itemsize,
            peer_generation=self.ring.generation,
        )  # fmt: skip
        self.updates = Region.create(
            str(folder / "updates.ring"), RegionKind.UPDATES_RING, updates_records, ORDER_UPDATE.itemsize
        )
        self.orders = Region.create(
            str(folder / "gateway.orders"), RegionKind.GATEWAY_ORDERS, 64, GATEWAY_ORDER.itemsize,
            peer_generation=self.updates.generation,
        )  # fmt: skip
        self.positions = Region.create(
            str(folder / "gateway.positions"), RegionKind.GATEWAY_POSITIONS, 64, GATEWAY_POSITION.itemsize,
            peer_generation=self.updates.generation,
        )  # fmt: skip
        self.gateway = Region.create(
            str(folder / "gateway.state"), RegionKind.GATEWAY_STATE, 1, GATEWAY_STATE.itemsize
        )
        self.set_reconciled(reconciled)
        self.market_writer, self._board_writer = RingWriter(self.ring), BoardWriter(self.board)
        self._updates_writer, self._consumer = RingWriter(self.updates), IntentConsumer(self.gateway)
        self._intents: Region | None = None
        self.venue: PaperGateway | None = None

    def set_reconciled(self, reconciled: bool) -> None:
        """With a venue session that is up."""
        self.gateway.records(GATEWAY_STATE)["venue_session"] = int(VenueSession.UP)
        self.gateway.records(GATEWAY_STATE)["reconciled"] = reconciled

    def name(self, instrument_id: int, symbol: str, sequence: int) -> None:
        """Writes a board entry that reflects ring record `sequence`."""
        entry = np.zeros(1, BOARD_ENTRY)
        entry["symbol"][0, : len(symbol)] = list(symbol.encode())
        entry["sequence"], entry["instrument_id"], entry["price_decimals"] = sequence, instrument_id, 4
        self._board_writer.write(instrument_id, entry)

    def attach(self) -> int:
        """Takes over the intents queue that is there now; returns its generation."""
        path = str(self.directory / "braind" / "intents.ring")
        self._intents = Region.open(path, RegionKind.INTENTS_RING)
        self._consumer.attach(self._intents)
        self.venue = PaperGateway(self.publish_update, int(self._intents.generation), self.venue)
        return int(self._intents.generation)

    def publish_update(self, update: np.ndarray) -> int:
        return int(self._updates_writer.publish(update))

    def write_tables(self) -> None:
        """The tables and the watermark, as the gateway leaves them behind every update."""
        orders, positions = self.venue.tables(self.orders.capacity_records, self.positions.capacity_records)
        self.orders.records(GATEWAY_ORDER)[:] = orders
        self.positions.records(GATEWAY_POSITION)[:] = positions
        self.gateway.records(GATEWAY_STATE)["updates_watermark"] = self._updates_writer.sequence

    def trade_all(self) -> np.ndarray:
        """Takes every intent that waits to the paper gateway, and lets some of what rests be filled; returns them."""
        taken, intent = [], np.zeros(1, ORDER_INTENT)
        while self._consumer.pop(intent):
            taken.append(intent.copy())
            self.venue.handle(intent[0])
        self.venue.trade()
        self.write_tables()
        self._consumer.commit()
        return np.concatenate(taken) if taken else np.zeros(0, ORDER_INTENT)

    def answer_all(self, kind: int = UpdateKind.REFUSED) -> np.ndarray:
        """Takes every intent that waits and answers it, by default with a refusal; returns them in order."""
        assert self._intents is not None, "attach() first"
        taken, intent, update = [], np.zeros(1, ORDER_INTENT), np.zeros(1, ORDER_UPDATE)
        while self._consumer.pop(intent):
            taken.append(intent.copy())
            update["intent_id"], update["intents_generation"] = intent["intent_id"], self._intents.generation
            update["intent_sequence"] = intent["sequence"]
            for name in (
                "order_id",
                "replaced_order_id",
                "instrument_id",
                "action",
                "side",
                "price",
                "quantity",
            ):
                update[name] = intent[name]
            refused = kind == UpdateKind.REFUSED
            update["kind"], update["reason"] = kind, RefusalReason.FENCE_CLOSED if refused else 0
            self._updates_writer.publish(update)
        self.gateway.records(GATEWAY_STATE)["updates_watermark"] = self._updates_writer.sequence
        self._consumer.commit()
        return np.concatenate(taken) if taken else np.zeros(0, ORDER_INTENT)

    def retire(self) -> None:
        for region in (self.ring, self.board, self.updates, self.orders, self.positions, self.gateway):
            region.retire()
        self.lock.close()
