"""An independent plain-Python model: braind's wishes, the gateway and an OUCH venue, and all that is on its way
between them. The shadow book under test is told nothing but what the gateway publishes.

    want ──intents──► gateway ──wire──► venue          each arrow is a queue that the caller moves on
      ▲                  │  ▲              │
      └─────updates──────┘  └───replies────┘

Rules of the venue (OUCH 5.0): a cancel or replace of a dead order has no reply; a replace with invalid details cancels
the order; one that comes too late is ignored; one that can not be done now is rejected and the order stays; a replace's
quantity counts what was filled before; an order can be filled between a cancel and its answer.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from braind import policy
from braind.shadow.admission import record, refusal
from braind.shadow.answers import apply_updates
from braind.shadow.layout import (
    EVENT_TS_NS,
    FIRST,
    GENERATION,
    HELD,
    LEAVES,
    NEXT,
    NOT_REBUILT,
    OPEN_BUY,
    OPEN_SELL,
    ORDER_ID,
    POSITION,
    PRICE,
    REQUEST,
    SIDE,
    STATE,
    ShadowBook,
)  # fmt: skip
from braind.shadow.names import begin_rebuild, name_row, take_orders, take_position
from braind.shadow.reconciler import _as_inputs
from hft.layout.dtypes import (
    GATEWAY_ORDER,
    ORDER_UPDATE,
    IntentAction,
    OrderState,
    RefusalReason,
    Side,
    TimeInForce,
    UpdateKind,
    VenueSession,
)  # fmt: skip

GENERATION_HERE = 77
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
class AtVenue:
    """An order as it lives at the venue."""

    order_id: int
    instrument: int
    side: int
    price: int
    leaves: int
    chain_filled: int = 0


@dataclass
class Street:
    """`book` is under test, the rest is the truth."""

    position_max: int = 500
    capacity: int = 32
    book: ShadowBook = field(init=False)
    intents: deque = field(default_factory=deque)
    wire: deque = field(default_factory=deque)
    replies: deque = field(default_factory=deque)
    updates: deque = field(default_factory=deque)
    table: dict[int, AtGateway] = field(default_factory=dict)
    live: dict[int, AtVenue] = field(default_factory=dict)
    venue_position: dict[int, int] = field(default_factory=lambda: dict.fromkeys(INSTRUMENTS, 0))
    position: dict[int, int] = field(default_factory=lambda: dict.fromkeys(INSTRUMENTS, 0))
    position_seq: dict[int, int] = field(default_factory=lambda: dict.fromkeys(INSTRUMENTS, 0))
    trades: list = field(default_factory=list)
    published: int = 0
    last_id: int = 0
    up: bool = True

    def __post_init__(self) -> None:
        self.book = ShadowBook.allocated(len(INSTRUMENTS), 16, self.capacity, (self.position_max, 0, 10**9))
        self.book.clear(GENERATION_HERE, 0)
        for slot, instrument in enumerate(INSTRUMENTS):
            name_row(self.book, instrument, slot, 100)
            take_position(self.book, slot, 0, 0)

    # braind

    def want(
        self, slot: int, action: int, side=0, price=0, quantity=0, lifetime=DAY, order_id=0
    ) -> int | None:
        """As the loop does it: None when held, else why it was prevented, 0 when an intent was emitted."""
        self.book.words[EVENT_TS_NS] += 1
        if self.book.words[HELD]:
            return None
        wanted = np.zeros(policy.ACTION_FIELDS, np.int64)
        wanted[policy.ACTION], wanted[policy.SIDE], wanted[policy.PRICE] = action, side, price
        wanted[policy.QUANTITY], wanted[policy.TIME_IN_FORCE] = quantity, lifetime
        wanted[policy.ORDER_ID] = order_id
        reason = int(refusal(self.book, slot, wanted))
        if reason == 0:
            self.last_id += 1
            record(self.book, slot, wanted, self.last_id)
            made = self.last_id if action != CANCEL else order_id
            replaced = order_id if action == REPLACE else 0
            self.intents.append(
                Intent(
                    self.last_id, action, INSTRUMENTS[slot], side, price, quantity, lifetime, made, replaced
                )
            )
        return reason

    def take_updates(self, count: int) -> None:
        """braind reads the next `count` updates."""
        count = min(count, len(self.updates))
        if count:
            apply_updates(self.book, np.concatenate([self.updates.popleft() for _ in range(count)]))

    def lose_updates(self, count: int) -> None:
        """braind is lapped: the oldest ones are gone."""
        for _ in range(min(count, len(self.updates))):
            self.updates.popleft()
        self.book.words[HELD] |= NOT_REBUILT

    def rebuild(self, behind: int) -> bool:
        """From the gateway's tables, read when the watermark was `behind` what is in them. False: not yet."""
        oldest = int(self.updates[0]["sequence"][0]) if self.updates else self.published + 1
        if self.intents:
            return False
        watermark = max(oldest - 1, self.published - behind)
        entries = np.zeros(len(self.table), GATEWAY_ORDER)
        for entry, one in zip(entries, self.table.values(), strict=True):
            entry["order_id"], entry["intents_generation"] = one.order_id, GENERATION_HERE
            entry["instrument_id"], entry["side"], entry["price"] = one.instrument, one.side, one.price
            entry["leaves_quantity"], entry["state"] = one.leaves, self.state_of(one)
            entry["time_in_force"], entry["replacing_order_id"] = one.lifetime, one.heir
            entry["updates_seq"] = one.updates_seq
        begin_rebuild(
            self.book, watermark, self.published, int(VenueSession.UP if self.up else VenueSession.DOWN)
        )
        take_orders(self.book, _as_inputs(entries))
        for slot, instrument in enumerate(INSTRUMENTS):
            take_position(
                self.book, slot, self.position[instrument], max(watermark, self.position_seq[instrument])
            )
        return True

    # the gateway

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

    # the venue

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

    def settle(self) -> None:
        """Until nothing is on its way."""
        if not self.up:
            self.restore_session()
        while self.intents or self.wire or self.replies:
            self.gateway_step()
            self.venue_step()
            self.reply_step()
        if self.book.words[HELD] & NOT_REBUILT:
            self.rebuild(0)
        self.take_updates(len(self.updates))

    # what must hold

    def orders_of(self, slot: int) -> list:
        found, place = [], int(self.book.rows[slot, FIRST])
        while place >= 0:
            found.append(self.book.orders[place])
            place = int(self.book.orders[place, NEXT])
        return found

    def could_become(self, instrument: int, side: int) -> int:
        """Worst case of the truth: open at the venue, and what is on its way to it."""
        mine = [one for one in self.live.values() if (one.instrument, one.side) == (instrument, side)]
        total = sum(one.leaves for one in mine)
        sent = [message[1] for message in self.wire if message[0] in "OU"]
        for intent in (*sent, *self.intents):
            if intent.action == CANCEL or (intent.instrument, intent.side) != (instrument, side):
                continue
            old = self.live.get(intent.replaced)
            if intent.action == NEW:
                total += intent.quantity
            elif old is not None and intent in self.intents:
                total += intent.quantity  # what is filled before the gateway sends it comes on top
            elif old is not None:
                chain = next(
                    message[2] for message in self.wire if message[0] == "U" and message[1] is intent
                )
                total += max(0, chain - old.chain_filled - old.leaves)
        return total

    def check(self) -> None:
        """At any moment."""
        assert self.book.diverged.sum() == 0, self.book.diverged
        for slot, instrument in enumerate(INSTRUMENTS):
            row, truth = self.book.rows[slot], self.venue_position[instrument]
            if not self.book.words[HELD] & NOT_REBUILT:
                assert row[POSITION] + row[OPEN_BUY] >= truth + self.could_become(instrument, BUY)
                assert -row[POSITION] + row[OPEN_SELL] >= -truth + self.could_become(instrument, SELL)
            assert truth + self.could_become(instrument, BUY) <= self.position_max
            assert -truth + self.could_become(instrument, SELL) <= self.position_max
            mine = [one for one in self.live.values() if one.instrument == instrument]
            assert len({(one.side, one.price) for one in mine}) == len(mine), "two live at one side and price"
            bids, asks = ([one.price for one in mine if one.side == side] for side in (BUY, SELL))
            assert max(bids, default=0) < min(asks, default=1 << 40), "own orders would meet"

    def check_quiet(self) -> None:
        """When nothing is on its way, the three ledgers agree."""
        for slot, instrument in enumerate(INSTRUMENTS):
            assert (
                self.book.rows[slot, POSITION] == self.position[instrument] == self.venue_position[instrument]
            )
            believed = sorted(
                (int(one[ORDER_ID]), int(one[SIDE]), int(one[PRICE]), int(one[LEAVES]))
                for one in self.orders_of(slot)
            )
            true = sorted(
                (one.order_id, one.side, one.price, one.leaves)
                for one in self.live.values() if one.instrument == instrument
            )  # fmt: skip
            assert believed == true
            assert all(one[GENERATION] == GENERATION_HERE for one in self.orders_of(slot))
            states = {int(one[ORDER_ID]): int(one[STATE]) for one in self.orders_of(slot)}
            assert states == {name: self.state_of(self.table[name]) for name in states}
            assert not any(one[REQUEST] for one in self.orders_of(slot)), "every intent was answered"
            for column, side in ((OPEN_BUY, BUY), (OPEN_SELL, SELL)):
                assert self.book.rows[slot, column] == sum(
                    leaves for _, its, _, leaves in true if its == side
                )
