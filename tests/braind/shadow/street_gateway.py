"""The gateway of the street: answers intents, reads the venue's replies, tells both in updates."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from street_venue import BUY, CANCEL, INSTRUMENTS, NEW, REPLACE, SELL, Intent, Venue

from hft.layout.dtypes import ORDER_UPDATE, OrderState, RefusalReason, UpdateKind, VenueSession

GENERATION_HERE = 77


@dataclass
class AtGateway:
    """An order as the gateway knows it."""

    order_id: int
    instrument: int
    side: int
    price: int
    leaves: int
    lifetime: int
    filled: int = 0
    unanswered: bool = True
    cancel_sent: bool = False
    cancel_waits: bool = False
    heir: int = 0
    replaces: int = 0
    updates_seq: int = 0


@dataclass
class Gateway(Venue):
    """`table`: the orders it knows, `updates`: what braind has not read yet."""

    intents: deque = field(default_factory=deque)
    updates: deque = field(default_factory=deque)
    table: dict[int, AtGateway] = field(default_factory=dict)
    position: dict[int, int] = field(default_factory=lambda: dict.fromkeys(INSTRUMENTS, 0))
    position_seq: dict[int, int] = field(default_factory=lambda: dict.fromkeys(INSTRUMENTS, 0))
    published: int = 0
    up: bool = True

    def state_of(self, one: AtGateway) -> int:
        if not self.up and (one.unanswered or one.heir or (one.cancel_sent and not one.cancel_waits)):
            return int(OrderState.UNKNOWN)
        if one.cancel_sent:
            return int(OrderState.CANCELING)
        if one.heir:
            return int(OrderState.REPLACING)
        return int(OrderState.SENT if one.unanswered else OrderState.LIVE)

    def open_quantity(self, instrument: int, side: int) -> int:
        total = 0
        for one in self.table.values():
            if (one.instrument, one.side) == (instrument, side):
                old = self.table.get(one.replaces)
                total += max(0, one.leaves - old.leaves) if old else one.leaves
        return total

    def publish(
        self, kind: int, instrument: int = 0, order_id: int = 0, dead: bool = False, **fields
    ) -> None:
        update = np.zeros(1, ORDER_UPDATE)
        self.published += 1
        one = self.table.get(order_id)
        update["sequence"], update["kind"], update["instrument_id"] = self.published, int(kind), instrument
        update["order_id"] = order_id
        if order_id:
            update["intents_generation"] = GENERATION_HERE
        if one is not None:
            update["side"], update["price"], update["leaves_quantity"] = one.side, one.price, one.leaves
            update["filled_quantity"], update["order_state"] = one.filled, self.state_of(one)
            update["time_in_force"] = one.lifetime
            one.updates_seq = self.published
        if dead:
            update["order_state"], update["leaves_quantity"] = int(OrderState.DEAD), 0
        if instrument:
            update["position"] = self.position[instrument]
            update["open_buy_quantity"] = self.open_quantity(instrument, BUY)
            update["open_sell_quantity"] = self.open_quantity(instrument, SELL)
        for name, value in fields.items():
            update[name] = value
        self.updates.append(update)

    def gateway_step(self, refuse: bool = False) -> None:
        """Answers the next intent."""
        if not self.intents:
            return
        intent = self.intents.popleft()
        named = self.table.get(intent.order_id if intent.action == CANCEL else intent.replaced)
        reason = self.why_refused(intent, named, refuse)
        about = {"intent_id": intent.intent_id, "intent_sequence": intent.intent_id, "action": intent.action}
        if reason:
            asked = {"side": intent.side, "price": intent.price, "quantity": intent.quantity}
            self.publish(
                UpdateKind.REFUSED, intent.instrument, intent.order_id, reason=reason, leaves_quantity=0,
                order_state=0, replaced_order_id=intent.replaced, **about, **asked,
            )  # fmt: skip
            return
        self.send(intent, named)
        self.publish(
            UpdateKind.SENT, intent.instrument, intent.order_id, quantity=intent.quantity,
            replaced_order_id=intent.replaced, **about,
        )  # fmt: skip

    def why_refused(self, intent: Intent, named: AtGateway | None, refuse: bool) -> int:
        if refuse:
            return int(RefusalReason.MESSAGE_RATE)
        if not self.up:
            return int(RefusalReason.NO_SESSION)
        if intent.action == NEW:
            return 0
        if named is None:
            return int(RefusalReason.UNKNOWN_ORDER)
        return int(RefusalReason.ORDER_BUSY) if named.cancel_sent or named.heir else 0

    def send(self, intent: Intent, named: AtGateway | None) -> None:
        if intent.action == CANCEL:
            named.cancel_sent = True
            self.wire.append(("X", intent.order_id))
            return
        self.table[intent.order_id] = AtGateway(
            intent.order_id, intent.instrument, intent.side, intent.price, intent.quantity, intent.lifetime,
            replaces=intent.replaced, filled=named.filled if named else 0,
        )  # fmt: skip
        if named is None:
            self.wire.append(("O", intent))
        else:
            named.heir = intent.order_id
            self.wire.append(("U", intent, named.filled + intent.quantity))

    def cancel_all(self) -> None:
        """The gateway's own cancels, as when the fence closes."""
        for one in list(self.table.values()):
            if self.up and not one.cancel_sent and not one.heir:
                one.cancel_sent = True
                self.wire.append(("X", one.order_id))
                self.publish(UpdateKind.SENT, one.instrument, one.order_id, action=CANCEL)

    def bury(self, one: AtGateway) -> None:
        """Over. What was to take its place is ignored by the venue."""
        del self.table[one.order_id]
        heir = self.table.get(one.heir)
        if heir is not None and heir.unanswered:
            del self.table[one.heir]
        old = self.table.get(one.replaces)
        if old is not None:
            old.heir = 0

    def reply_step(self) -> None:
        """The gateway reads the venue's next message."""
        if not self.replies:
            return
        kind, order_id, *more = self.replies.popleft()
        one = self.table[order_id]
        getattr(self, f"on_{kind.lower()}")(one, *more)

    def on_a(self, one: AtGateway, leaves: int) -> None:
        one.unanswered, one.leaves = False, leaves
        if leaves == 0:
            self.bury(one)
        self.publish(
            UpdateKind.ACCEPTED, one.instrument, one.order_id, dead=leaves == 0, side=one.side, price=one.price,
            quantity=leaves,
        )  # fmt: skip

    def on_e(self, one: AtGateway, quantity: int, match: int) -> None:
        one.leaves, one.filled = one.leaves - quantity, one.filled + quantity
        self.position[one.instrument] += quantity if one.side == BUY else -quantity
        self.position_seq[one.instrument] = self.published + 1
        if one.leaves == 0:
            self.bury(one)
        self.publish(
            UpdateKind.FILLED, one.instrument, one.order_id, dead=one.leaves == 0, side=one.side, price=one.price,
            quantity=quantity, match_number=match,
        )  # fmt: skip

    def on_c(self, one: AtGateway, quantity: int) -> None:
        one.leaves -= quantity
        if one.leaves == 0:
            self.bury(one)
        self.publish(
            UpdateKind.CANCELED,
            one.instrument,
            one.order_id,
            dead=one.leaves == 0,
            side=one.side,
            quantity=quantity,
        )

    def on_j(self, one: AtGateway) -> None:
        old = self.table.get(one.replaces)
        self.bury(one)
        self.publish(
            UpdateKind.REJECTED, one.instrument, one.order_id, action=REPLACE if one.replaces else NEW,
            order_state=int(OrderState.DEAD), leaves_quantity=old.leaves if old else 0, replaced_order_id=one.replaces,
            side=one.side,
        )  # fmt: skip
        if old:
            old.updates_seq = self.published

    def on_i(self, one: AtGateway) -> None:
        one.cancel_sent = one.cancel_waits = False
        self.publish(UpdateKind.CANCEL_REJECTED, one.instrument, one.order_id)

    def on_p(self, one: AtGateway) -> None:
        one.cancel_waits = True
        self.publish(UpdateKind.CANCEL_PENDING, one.instrument, one.order_id)

    def on_u(self, one: AtGateway, leaves: int) -> None:
        old = self.table.pop(one.replaces)
        one.unanswered, one.leaves, one.filled, one.replaces = False, leaves, old.filled, 0
        self.publish(
            UpdateKind.REPLACED, one.instrument, one.order_id, quantity=leaves, replaced_order_id=old.order_id
        )

    def break_session(self, arrived: int, venue_step) -> None:
        """`arrived` messages of the wire still reach the venue, the rest never does."""
        for _ in range(min(arrived, len(self.wire))):
            venue_step()
        self.wire.clear()
        self.up = False
        self.publish(UpdateKind.SESSION, venue_reason=int(VenueSession.DOWN))
        for one in list(self.table.values()):
            if self.state_of(one) == OrderState.UNKNOWN:
                self.publish(UpdateKind.UNKNOWN, one.instrument, one.order_id)

    def restore_session(self) -> None:
        """Everything missed is read first; then what has no answer was never received."""
        while self.replies:
            self.reply_step()
        self.up = True
        for one in list(self.table.values()):
            if one.order_id not in self.table:
                continue
            about = {"side": one.side, "replaced_order_id": one.replaces}
            if one.unanswered:
                old = self.table.get(one.replaces)
                self.bury(one)
                self.publish(
                    UpdateKind.IGNORED, one.instrument, one.order_id, action=REPLACE if one.replaces else NEW,
                    leaves_quantity=old.leaves if old else 0, order_state=int(OrderState.DEAD), **about,
                )  # fmt: skip
                if old:
                    old.updates_seq = self.published
            elif one.cancel_sent and not one.cancel_waits:
                one.cancel_sent = False
                self.publish(UpdateKind.IGNORED, one.instrument, one.order_id, action=CANCEL, **about)
        self.publish(UpdateKind.SESSION, venue_reason=int(VenueSession.UP))
