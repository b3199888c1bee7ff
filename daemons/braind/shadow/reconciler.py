"""The gateway's tables, read when they say what the book has to know.

A table is complete up to the watermark that was stored before it was read, and holds parts of what came later: each
entry names the last update that is in it. So updates up to the watermark are passed over afterwards, and those of an
entry up to its own number. Nothing is read before

* the watermark has reached the update that was consumed last: else that one may be in neither;
* the gateway has answered every intent of this queue: else one may become an order that no table shows yet.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from braind.answers import Answers
from hft.layout.dtypes import (
    GATEWAY_ORDER,
    GATEWAY_POSITION,
    LOOP_ORDER,
    InputKind,
    OrderState,
    VenueSession,
)
from hft.regions import Region, read_entries, read_gateway_state

_SAME_NAME = (
    "order_id", "instrument_id", "side", "state", "time_in_force", "price", "leaves_quantity", "replacing_order_id"
)  # fmt: skip


class Rebuilt(NamedTuple):
    """`orders` (LoopOrder) with every update up to `watermark` in them, and perhaps some up to `horizon`."""

    watermark: int
    horizon: int
    session: int
    orders: NDArray[np.void]


class TooManyOrders(Exception):
    """The gateway has more orders open than the book has room for; `orders`, `room`."""

    def __init__(self, orders: int, room: int) -> None:
        super().__init__(f"{orders} orders are open, braind.shadow_orders is {room}")


class Reconciler:
    """Reads `gateway.state`, `gateway.orders` and `gateway.positions` of one feedd."""

    def __init__(self, state: Region, orders: Region, positions: Region, room: int) -> None:
        self._state, self._orders, self._positions = state, orders, positions
        self._room = room
        self._entries: NDArray[np.void] = np.zeros(orders.capacity_records, GATEWAY_ORDER)
        self._entry: NDArray[np.void] = np.zeros(1, GATEWAY_POSITION)

    def rebuild(self, intents: Region, pushed: int, answers: Answers) -> Rebuilt | None:
        """All open orders; None: not yet. `pushed`: last queue sequence. Raises TooManyOrders."""
        words = read_gateway_state(self._state)
        attached = words["intents_generation"] == intents.generation
        if pushed and not (attached and words["intents_cursor"] >= pushed):
            return None
        watermark = self._watermark()
        if watermark < answers.sequence or not read_entries(self._orders, 0, self._entries):
            return None
        horizon = max(answers.head, watermark)
        found = self._entries[self._entries["state"] != OrderState.NONE]
        if len(found) > self._room:
            raise TooManyOrders(len(found), self._room)
        return Rebuilt(watermark, horizon, words["venue_session"], _as_inputs(found))

    def position(self, instrument_id: int, updates_seq: int) -> tuple[int, int] | None:
        """(position, last update in it) of an instrument, 0 where it has none; None: not yet."""
        watermark = self._watermark()
        if watermark < updates_seq:
            return None
        if instrument_id >= self._positions.capacity_records:
            return 0, watermark
        if not read_entries(self._positions, instrument_id, self._entry):
            return None
        entry = self._entry[0]
        return int(entry["position"]), max(watermark, int(entry["updates_seq"]))

    def is_reconciled(self) -> bool:
        """Whether the gateway has nothing unsettled of earlier lives; without a venue there is nothing to settle."""
        words = read_gateway_state(self._state)
        return bool(words["reconciled"]) or words["venue_session"] == VenueSession.NONE

    def _watermark(self) -> int:
        return read_gateway_state(self._state)["updates_watermark"]


def _as_inputs(found: NDArray[np.void]) -> NDArray[np.void]:
    """Orders that are being replaced last: each then finds who is to take its place."""
    found = found[np.argsort(found["replacing_order_id"] != 0, kind="stable")]
    orders = np.zeros(len(found), LOOP_ORDER)
    for name in _SAME_NAME:
        orders[name] = found[name]
    orders["order_generation"], orders["order_updates_seq"] = (
        found["intents_generation"],
        found["updates_seq"],
    )
    orders["kind"] = int(InputKind.ORDER)
    return orders
