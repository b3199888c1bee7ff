"""The venue of the street, by OUCH 5.0.

A cancel or replace of a dead order has no reply; a replace with invalid details cancels
the order; one that comes too late is ignored; one that can not be done now is rejected and the order stays; a replace's
quantity counts what was filled before; an order can be filled between a cancel and its answer.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from hft.layout.dtypes import IntentAction, Side, TimeInForce

INSTRUMENTS = (11, 12)
BUY, SELL = int(Side.BUY), int(Side.SELL)
NEW, CANCEL, REPLACE = int(IntentAction.NEW), int(IntentAction.CANCEL), int(IntentAction.REPLACE)
DAY, IOC = int(TimeInForce.DAY), int(TimeInForce.IOC)


@dataclass
class Intent:
    intent_id: int
    action: int
    instrument: int
    side: int = 0
    price: int = 0
    quantity: int = 0
    lifetime: int = DAY
    order_id: int = 0
    replaced: int = 0


@dataclass
class AtVenue:
    """An order as it lives at the venue."""

    order_id: int
    instrument: int
    side: int
    price: int
    leaves: int
    chain_filled: int = 0


@dataclass
class Venue:
    """`wire`: what the gateway sent, `replies`: what it has not read yet."""

    wire: deque = field(default_factory=deque)
    replies: deque = field(default_factory=deque)
    live: dict[int, AtVenue] = field(default_factory=dict)
    venue_position: dict[int, int] = field(default_factory=lambda: dict.fromkeys(INSTRUMENTS, 0))
    trades: list = field(default_factory=list)

    def venue_step(self, how: int = 0, quantity: int = 0) -> None:
        """Handles the next message; `how` chooses among what the rules allow (0: does it)."""
        if self.wire:
            kind, *message = self.wire.popleft()
            getattr(self, f"venue_{kind.lower()}")(how, quantity, *message)

    def venue_o(self, how: int, quantity: int, intent: Intent) -> None:
        if how == 1:
            self.replies.append(("J", intent.order_id))
            return
        if how == 2:
            self.replies.append(("A", intent.order_id, 0))
            return
        one = AtVenue(intent.order_id, intent.instrument, intent.side, intent.price, intent.quantity)
        self.live[one.order_id] = one
        self.replies.append(("A", one.order_id, one.leaves))
        if intent.lifetime == IOC:
            self.fill(one, min(quantity, one.leaves))
            self.cancel(one)

    def venue_x(self, how: int, _quantity: int, order_id: int) -> None:
        one = self.live.get(order_id)
        if one is None:
            return
        if how == 1:
            self.replies.append(("I", order_id))
        elif how == 2:
            self.replies.append(("P", order_id))
        else:
            self.cancel(one)

    def venue_u(self, how: int, _quantity: int, intent: Intent, chain: int) -> None:
        old = self.live.get(intent.replaced)
        if old is None:
            return
        leaves = chain - old.chain_filled
        if how == 1 or leaves <= 0:
            self.cancel(old)
        elif how == 2:
            self.replies.append(("J", intent.order_id))
        else:
            del self.live[old.order_id]
            self.live[intent.order_id] = AtVenue(
                intent.order_id, intent.instrument, intent.side, intent.price, leaves, old.chain_filled
            )
            self.replies.append(("U", intent.order_id, leaves))

    def fill(self, one: AtVenue, quantity: int) -> None:
        if quantity == 0:
            return
        one.leaves, one.chain_filled = one.leaves - quantity, one.chain_filled + quantity
        self.venue_position[one.instrument] += quantity if one.side == BUY else -quantity
        self.trades.append((one.instrument, one.side, quantity))
        self.replies.append(("E", one.order_id, quantity, len(self.trades)))
        if one.leaves == 0:
            del self.live[one.order_id]

    def cancel(self, one: AtVenue, quantity: int = 0) -> None:
        """All of it, or a part."""
        quantity = min(quantity, one.leaves) or one.leaves
        if quantity == 0:
            return
        one.leaves -= quantity
        self.replies.append(("C", one.order_id, quantity))
        if one.leaves == 0:
            del self.live[one.order_id]
