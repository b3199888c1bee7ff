"""Our own orders at the venue: what each is, and where it stands in its book.

    (enter) ──▶ LIVE ──▶ FILLED | CANCELLED | REPLACED (its chain goes on under a new number)
       └──▶ REJECTED | DEAD (accepted, and dead on arrival)

Every order ends in exactly one state beside LIVE. A chain is an order and its replacements; `executed` counts for the
chain.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum


class State(StrEnum):
    """Where an order is in its life."""

    LIVE = "live"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REPLACED = "replaced"
    REJECTED = "rejected"
    DEAD = "dead"


@dataclass(slots=True, eq=False)
class Order:
    """One UserRefNum. `arrived`: its place in time; `chain`: the first number of its chain."""

    user_ref: int
    chain: int
    symbol: str
    side: str
    price_e4: int
    open: int
    executed: int
    time_in_force: str
    display: str
    capacity: str
    iso: str
    cross: str
    client_id: str
    reference: int
    arrived: int
    received_ns: int
    options: dict[str, int | str] = field(default_factory=dict)
    state: State = State.LIVE
    accepted: bool = False
    resting: bool = False
    pending_total: int | None = None
    """Total size that a cancel asked for and the venue could not yet do."""

    @property
    def buy(self) -> bool:
        return self.side == "B"

    @property
    def live(self) -> bool:
        return self.state == State.LIVE

    @property
    def total(self) -> int:
        """The chain's total size, as cancels name it."""
        return self.executed + self.open

    @property
    def displayed(self) -> bool:
        return self.display != "N"

    @property
    def post_only(self) -> bool:
        return self.options.get("post_only") == "P"

    @property
    def minimum_quantity(self) -> int:
        return int(self.options.get("minimum_quantity", 0))

    @property
    def rank(self) -> tuple[int, bool, int, int]:
        """Smaller is served first: price, displayed before hidden, time."""
        return (
            -self.price_e4 if self.buy else self.price_e4,
            not self.displayed,
            self.arrived,
            self.user_ref,
        )

    def meets(self, price_e4: int) -> bool:
        """A counterpart at this price would do."""
        return price_e4 <= self.price_e4 if self.buy else price_e4 >= self.price_e4

    def end(self, state: State) -> None:
        assert self.live, f"order {self.user_ref} is {self.state}, can not become {state}"
        self.state = state


class OwnSide:
    """Our resting orders on one side of a symbol, best first."""

    def __init__(self) -> None:
        self._orders: list[Order] = []

    def __iter__(self) -> Iterator[Order]:
        return iter(self._orders)

    def __len__(self) -> int:
        return len(self._orders)

    def best(self) -> Order | None:
        return self._orders[0] if self._orders else None

    def insert(self, order: Order) -> None:
        insort(self._orders, order, key=_rank)

    def remove(self, order: Order) -> None:
        """The order's rank must be what it was when it was inserted."""
        at = bisect_left(self._orders, order.rank, key=_rank)
        assert self._orders[at] is order
        del self._orders[at]


def _rank(order: Order) -> tuple[int, bool, int, int]:
    return order.rank
