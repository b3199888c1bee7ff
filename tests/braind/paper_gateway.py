"""A gateway and a venue that a test plays: every order rests or fills by a seeded chance, every update is complete."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hft.layout.dtypes import (
    GATEWAY_ORDER,
    GATEWAY_POSITION,
    ORDER_UPDATE,
    IntentAction,
    OrderState,
    RefusalReason,
    Side,
    TimeInForce,
    UpdateKind,
)

BUY, SELL = int(Side.BUY), int(Side.SELL)


@dataclass
class Resting:
    order_id: int
    instrument: int
    side: int
    price: int
    leaves: int
    filled: int = 0
    updates_seq: int = 0


class PaperGateway:
    """`handle(intent)` publishes what follows from it. `publish(update)` gives the update's sequence."""

    def __init__(self, publish, generation: int, before: PaperGateway | None = None, seed: int = 1) -> None:
        """`before`: of the queue before this one, whose orders rest on."""
        self._publish, self.generation = publish, generation
        self.foreign: list[tuple[int, Resting]] = []
        self._random = np.random.default_rng(seed)
        self.orders: dict[int, Resting] = {}
        self.position: dict[int, int] = {}
        self.position_seq: dict[int, int] = {}
        self.matches = 0
        self.sequence = 0
        if before is not None:
            self.foreign = before.foreign + [(before.generation, one) for one in before.orders.values()]
            self.position, self.position_seq, self.sequence = (
                before.position,
                before.position_seq,
                before.sequence,
            )

    def handle(self, intent) -> None:
        action, name = int(intent["action"]), int(intent["order_id"])
        old = self.orders.get(int(intent["replaced_order_id"]) if action == IntentAction.REPLACE else name)
        about = {
            "intent_id": intent["intent_id"], "intent_sequence": intent["sequence"], "action": action,
            "replaced_order_id": intent["replaced_order_id"], "quantity": intent["quantity"],
        }  # fmt: skip
        if action != IntentAction.NEW and old is None:
            self.tell(
                UpdateKind.REFUSED, intent, 0, reason=RefusalReason.UNKNOWN_ORDER, order_state=0, **about
            )
        elif action == IntentAction.CANCEL:
            self.tell(UpdateKind.SENT, old, old.leaves, order_state=OrderState.CANCELING, **about)
            self.cancel(old)
        else:
            self.enter(intent, old, about)

    def enter(self, intent, old: Resting | None, about: dict) -> None:
        one = Resting(
            int(intent["order_id"]), int(intent["instrument_id"]), int(intent["side"]), int(intent["price"]),
            int(intent["quantity"]),
        )  # fmt: skip
        self.orders[one.order_id] = one
        self.tell(UpdateKind.SENT, one, one.leaves, order_state=OrderState.SENT, **about)
        if old is not None:
            del self.orders[old.order_id]
            one.filled = old.filled
            self.tell(
                UpdateKind.REPLACED, one, one.leaves, replaced_order_id=old.order_id, quantity=one.leaves
            )
        else:
            self.tell(UpdateKind.ACCEPTED, one, one.leaves, quantity=one.leaves)
        if intent["time_in_force"] == TimeInForce.IOC:
            self.fill(one, int(self._random.integers(0, one.leaves // 10 + 1)) * 10)
            self.cancel(one)

    def trade(self) -> None:
        """Some of what rests is filled."""
        for one in list(self.orders.values()):
            if self._random.random() < 0.3:
                self.fill(one, min(one.leaves, 10 * int(self._random.integers(1, 15))))

    def fill(self, one: Resting, quantity: int) -> None:
        if quantity == 0:
            return
        one.leaves, one.filled = one.leaves - quantity, one.filled + quantity
        self.position[one.instrument] = self.position.get(one.instrument, 0) + (
            quantity if one.side == BUY else -quantity
        )
        self.matches += 1
        self.position_seq[one.instrument] = self.sequence + 1
        self.end_or_go_on(UpdateKind.FILLED, one, quantity=quantity, match_number=self.matches)

    def cancel(self, one: Resting) -> None:
        if one.order_id in self.orders:
            quantity, one.leaves = one.leaves, 0
            self.end_or_go_on(UpdateKind.CANCELED, one, quantity=quantity, venue_reason=ord("U"))

    def end_or_go_on(self, kind: int, one: Resting, **fields) -> None:
        if one.leaves == 0:
            del self.orders[one.order_id]
        state = OrderState.LIVE if one.leaves else OrderState.DEAD
        self.tell(kind, one, one.leaves, order_state=state, **fields)

    def tell(self, kind: int, one, leaves: int, **fields) -> None:
        """One update of an order (Resting) or of an intent that made none."""
        update = np.zeros(1, ORDER_UPDATE)
        of_order = isinstance(one, Resting)
        instrument = one.instrument if of_order else int(one["instrument_id"])
        update["kind"], update["intents_generation"], update["instrument_id"] = (
            int(kind),
            self.generation,
            instrument,
        )
        update["order_id"] = one.order_id if of_order else one["order_id"]
        update["leaves_quantity"], update["order_state"] = leaves, int(OrderState.LIVE)
        if of_order:
            update["side"], update["price"], update["filled_quantity"] = one.side, one.price, one.filled
            update["time_in_force"] = int(TimeInForce.DAY)
        update["position"] = self.position.get(instrument, 0)
        everything = (*self.orders.values(), *(each for _, each in self.foreign))
        for column, side in (("open_buy_quantity", BUY), ("open_sell_quantity", SELL)):
            update[column] = sum(
                each.leaves for each in everything if (each.instrument, each.side) == (instrument, side)
            )
        for name, value in fields.items():
            update[name] = value
        self.sequence = self._publish(update)
        if of_order:
            one.updates_seq = self.sequence

    def tables(self, orders: int, instruments: int) -> tuple[np.ndarray, np.ndarray]:
        """What gateway.orders and gateway.positions hold now."""
        table, positions = np.zeros(orders, GATEWAY_ORDER), np.zeros(instruments, GATEWAY_POSITION)
        mine = [(self.generation, one) for one in self.orders.values()]
        for entry, (generation, one) in zip(table, self.foreign + mine, strict=False):
            entry["order_id"], entry["intents_generation"], entry["side"] = (
                one.order_id,
                generation,
                one.side,
            )
            entry["instrument_id"], entry["price"], entry["leaves_quantity"] = (
                one.instrument,
                one.price,
                one.leaves,
            )
            entry["state"], entry["time_in_force"] = int(OrderState.LIVE), int(TimeInForce.DAY)
            entry["updates_seq"] = one.updates_seq
        for instrument, position in self.position.items():
            entry = positions[instrument]
            entry["instrument_id"], entry["position"] = instrument, position
            entry["updates_seq"] = self.position_seq.get(instrument, 0)
        return table, positions
