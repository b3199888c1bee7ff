"""One book and the updates that a test tells it, field by field."""

from __future__ import annotations

import numpy as np

from braind import policy
from braind.shadow import layout
from braind.shadow.admission import record, refusal
from braind.shadow.answers import apply_updates
from braind.shadow.layout import Divergence, Prevented, ShadowBook
from braind.shadow.names import name_row, take_position
from hft.layout.dtypes import ORDER_UPDATE, IntentAction, Side, TimeInForce

OURS, THEIRS = 77, 66
INSTRUMENT, OTHER = 11, 12
BUY, SELL = int(Side.BUY), int(Side.SELL)
NEW, CANCEL, REPLACE = int(IntentAction.NEW), int(IntentAction.CANCEL), int(IntentAction.REPLACE)
DAY, IOC = int(TimeInForce.DAY), int(TimeInForce.IOC)


class Desk:
    """Row 0 is INSTRUMENT, flat. `position` and open quantities of an update are the book's unless said otherwise."""

    def __init__(self, position_max=1000, capacity=8, divergences_max=3, answer_ns_max=1000) -> None:
        self.book = ShadowBook.allocated(2, 16, capacity, (position_max, divergences_max, answer_ns_max))
        self.book.clear(OURS, 0)
        name_row(self.book, INSTRUMENT, 0, 100)
        take_position(self.book, 0, 0, 0)
        self.last_id = self.sequence = 0

    def want(self, action=NEW, side=BUY, price=9900, quantity=100, lifetime=DAY, order_id=0) -> Prevented:
        """Admitted (NONE) actions are recorded as intent `last_id`."""
        wanted = np.zeros(policy.ACTION_FIELDS, np.int64)
        wanted[policy.ACTION], wanted[policy.SIDE], wanted[policy.PRICE] = action, side, price
        wanted[policy.QUANTITY], wanted[policy.TIME_IN_FORCE], wanted[policy.ORDER_ID] = (
            quantity,
            lifetime,
            order_id,
        )
        reason = Prevented(int(refusal(self.book, 0, wanted)))
        if reason == Prevented.NONE:
            self.last_id += 1
            record(self.book, 0, wanted, self.last_id)
        return reason

    def tell(self, kind, order_id=0, generation=OURS, instrument=INSTRUMENT, **fields) -> None:
        update = np.zeros(1, ORDER_UPDATE)
        self.sequence += 1
        update["sequence"], update["kind"], update["order_id"] = self.sequence, int(kind), order_id
        update["intents_generation"], update["instrument_id"] = generation, instrument
        update["position"] = self.row(layout.POSITION)
        update["side"], update["price"] = BUY, 9900
        for name, value in fields.items():
            update[name] = value
        before = self.book.diverged.copy()
        apply_updates(self.book, update)
        if "open_buy_quantity" not in fields:
            # Not what this test is about.
            unsaid = self.book.diverged[Divergence.OPEN_QUANTITY] - before[Divergence.OPEN_QUANTITY]
            self.book.diverged[Divergence.OPEN_QUANTITY] -= unsaid
            self.book.words[layout.DIVERGED] -= unsaid

    def row(self, column) -> int:
        return int(self.book.rows[0, column])

    def order(self, order_id, row=0, generation=OURS) -> dict[str, int] | None:
        place = int(self.book.rows[row, layout.FIRST])
        while place != layout.END:
            one = self.book.orders[place]
            if (one[layout.ORDER_ID], one[layout.GENERATION]) == (order_id, generation):
                names = ("SIDE", "PRICE", "LEAVES", "STATE", "REQUEST", "REPLACES", "GENERATION")
                return {name.lower(): int(one[getattr(layout, name)]) for name in names}
            place = int(one[layout.NEXT])
        return None

    @property
    def diverged(self) -> dict[str, int]:
        return {how.name: int(self.book.diverged[how]) for how in Divergence if self.book.diverged[how]}
