"""An independent plain-Python model: braind's wishes, the gateway and an OUCH venue, and all that is on its way
between them. The shadow book under test is told nothing but what the gateway publishes.

    want ──intents──► gateway ──wire──► venue          each arrow is a queue that the caller moves on
      ▲                  │  ▲              │
      └─────updates──────┘  └───replies────┘
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from street_gateway import GENERATION_HERE, Gateway
from street_venue import BUY, CANCEL, DAY, INSTRUMENTS, NEW, REPLACE, SELL, Intent

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
    VenueSession,
)  # fmt: skip


@dataclass
class Street(Gateway):
    """`book` is under test, the rest is the truth."""

    position_max: int = 500
    capacity: int = 32
    book: ShadowBook = field(init=False)
    last_id: int = 0

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
