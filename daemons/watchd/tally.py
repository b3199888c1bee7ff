"""What we hold and what it is worth, by watchd's own count of the gateway's updates. Pure.

The gateway counts positions and loss for its gate; this is the second count, of another process and language, from the
stream of fills alone. Where the two differ one of them is wrong, and trading stops (LEDGERS_DISAGREE).

* A holding begins as the gateway's entry (gateway.positions); from then on only fills and broken fills move it. The
  gateway's POSITION (a start of day, a replay of an earlier life) begins it anew.
* An entry names the last update that is in it. So a holding and an entry can be compared at any time: no fill that we
  have counted came after that update, and we have read up to it. Then they must be equal, and not "nearly".
* Values are price × quantity in integers. Realized is at average cost. Where a holding began in the middle of the day
  its cost is the day's average on its side: exact unless the position went through zero before.
"""

from __future__ import annotations

from dataclasses import dataclass, field

BUY = 1  # enum Side
COMPARED = ("position", "bought_quantity", "sold_quantity", "bought_value", "sold_value")


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of gateway.positions, read at one moment."""

    updates_seq: int
    instrument_id: int
    position: int
    start_position: int
    bought_quantity: int
    sold_quantity: int
    bought_value: int
    sold_value: int
    start_price: int
    mark_price: int


@dataclass(slots=True)
class Holding:
    """One instrument. `moved_seq`: the last update that moved it; `disagrees_since_ns` 0 = it agrees."""

    instrument_id: int
    moved_seq: int
    position: int
    start_position: int
    start_price: int
    bought_quantity: int
    sold_quantity: int
    bought_value: int
    sold_value: int
    mark_price: int
    cost_value: int
    symbol: str = ""
    disagrees_since_ns: int = 0

    @classmethod
    def of(cls, entry: Entry) -> Holding:
        cost_value = _cost(entry)
        mark_price = entry.mark_price or (cost_value // entry.position if entry.position else 0)
        return cls(
            entry.instrument_id, entry.updates_seq, entry.position, entry.start_position, entry.start_price,
            entry.bought_quantity, entry.sold_quantity, entry.bought_value, entry.sold_value, mark_price, cost_value,
        )  # fmt: skip

    @property
    def marked_value(self) -> int:
        """Realized and unrealized, of the day."""
        held = self.position * self.mark_price - self.start_position * self.start_price
        return self.sold_value - self.bought_value + held

    @property
    def realized_value(self) -> int:
        start = self.start_position * self.start_price
        return self.sold_value - self.bought_value - start + self.cost_value

    def fill(self, side: int, quantity: int, price: int) -> None:
        if side == BUY:
            self.bought_quantity += quantity
            self.bought_value += quantity * price
        else:
            self.sold_quantity += quantity
            self.sold_value += quantity * price
        self._move(quantity if side == BUY else -quantity, price)
        if self.mark_price == 0:
            self.mark_price = price

    def break_fill(self, side: int, quantity: int, price: int) -> None:
        """As if that fill had never been."""
        if side == BUY:
            self.bought_quantity -= quantity
            self.bought_value -= quantity * price
        else:
            self.sold_quantity -= quantity
            self.sold_value -= quantity * price
        self._move(-quantity if side == BUY else quantity, price)

    def _move(self, signed_quantity: int, price: int) -> None:
        adds = self.position == 0 or (self.position > 0) == (signed_quantity > 0)
        closing = 0 if adds else min(abs(self.position), abs(signed_quantity))
        if closing:
            share = abs(self.cost_value) * closing // abs(self.position)
            self.cost_value -= share if self.cost_value > 0 else -share
        opening = abs(signed_quantity) - closing
        self.cost_value += (opening if signed_quantity > 0 else -opening) * price
        self.position += signed_quantity

    def difference(self, entry: Entry, read_seq: int) -> str | None:
        """What the gateway says otherwise, "" = nothing. None: not to be compared, they are of two moments."""
        if not self.moved_seq <= entry.updates_seq <= read_seq:
            return None
        for name in COMPARED:
            ours, theirs = getattr(self, name), getattr(entry, name)
            if ours != theirs:
                who = self.symbol or f"instrument {self.instrument_id}"
                return f"{who}: {name} is {theirs:,} by the gateway's account and {ours:,} by its updates"
        return ""


def _cost(entry: Entry) -> int:
    start = entry.start_position * entry.start_price
    if entry.position == entry.start_position and not entry.bought_quantity and not entry.sold_quantity:
        return start
    long_start = max(entry.start_position, 0)
    short_start = max(-entry.start_position, 0)
    if entry.position > 0:
        quantity, value = (
            entry.bought_quantity + long_start,
            entry.bought_value + long_start * entry.start_price,
        )
    else:
        quantity, value = (
            entry.sold_quantity + short_start,
            entry.sold_value + short_start * entry.start_price,
        )
    return entry.position * value // quantity if quantity else entry.position * entry.start_price


@dataclass(frozen=True, slots=True)
class WindowOrder:
    """An order that the fence's closing caught between the gateway's last look and its send."""

    order_id: int
    instrument_id: int
    epoch: int
    venue_token: int


@dataclass(slots=True)
class TallyLook:
    """The count as it is. `holdings` and `in_window` are the tally's own: for reading, within the pass."""

    marked_value: int = 0
    realized_value: int = 0
    disagreement: str = ""  # that has lasted
    updates: int = 0  # taken in all
    lost_records: int = 0  # overwritten before they were read; each time all began anew
    rebuilds: int = 0
    holdings: dict[int, Holding] = field(default_factory=dict)
    in_window: list[WindowOrder] = field(default_factory=list)

    @property
    def positions(self) -> int:
        return sum(1 for holding in self.holdings.values() if holding.position)


class Tally:
    """All holdings. A difference counts when it has lasted `disagree_ns` over several looks."""

    IN_WINDOW_MAX = 64

    def __init__(self, disagree_ns: int) -> None:
        self._disagree_ns = disagree_ns
        self.look = TallyLook()
        self._due: dict[
            int, int
        ] = {}  # instrument -> update that its entry must hold before it is begun from it

    @property
    def holdings(self) -> dict[int, Holding]:
        return self.look.holdings

    @property
    def due(self) -> dict[int, int]:
        """Instruments to be begun (anew) from their entries, and the update that must be in those."""
        return self._due

    def forget(self) -> None:
        """Everything is to be begun anew."""
        self.look.holdings.clear()
        self._due.clear()
        self.look.disagreement = ""

    def begin(self, entry: Entry) -> bool:
        """False: the entry is older than what we have read of it."""
        if entry.updates_seq < self._due.get(entry.instrument_id, 0):
            return False
        self._due.pop(entry.instrument_id, None)
        before = self.holdings.get(entry.instrument_id)
        holding = Holding.of(entry)
        if before is not None:
            holding.symbol, holding.mark_price = before.symbol, before.mark_price or holding.mark_price
        self.holdings[entry.instrument_id] = holding
        return True

    def moved(
        self, sequence: int, instrument_id: int, side: int, quantity: int, price: int, *, broken: bool
    ) -> None:
        """A fill, or a broken one, in the order of the ring."""
        if instrument_id in self._due:
            self._due[instrument_id] = sequence  # the entry that it begins from has this one in it
            return
        holding = self.holdings.get(instrument_id)
        if holding is None:
            self._due[instrument_id] = sequence
            return
        if sequence <= holding.moved_seq:
            return
        holding.moved_seq = sequence
        (holding.break_fill if broken else holding.fill)(side, quantity, price)

    def restarted(self, sequence: int, instrument_id: int) -> None:
        """POSITION: the gateway begins this instrument; so do we."""
        if sequence > getattr(self.holdings.get(instrument_id), "moved_seq", 0):
            self._due[instrument_id] = sequence

    def caught(self, order: WindowOrder) -> None:
        self.look.in_window.append(order)
        del self.look.in_window[: -self.IN_WINDOW_MAX]

    def compare(self, entry: Entry, read_seq: int, now_ns: int) -> None:
        """Of an instrument that has a holding."""
        holding = self.holdings[entry.instrument_id]
        difference = holding.difference(entry, read_seq)
        if difference is None or entry.instrument_id in self._due:
            return
        if not difference:
            holding.disagrees_since_ns = 0
        elif holding.disagrees_since_ns == 0:
            holding.disagrees_since_ns = now_ns
        elif now_ns - holding.disagrees_since_ns >= self._disagree_ns:
            self.look.disagreement = difference

    def sum(self) -> TallyLook:
        look = self.look
        look.marked_value = sum(holding.marked_value for holding in self.holdings.values())
        look.realized_value = sum(holding.realized_value for holding in self.holdings.values())
        return look
