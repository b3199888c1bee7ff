"""One symbol's displayed book, order by order, and what our own orders took out of it.

The replay goes on as if we had taken nothing, so each displayed order remembers how many of its shares are `taken`:
they can not be taken twice, and they are gone when the replay executes, cancels or deletes them.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class Displayed:
    """A displayed order. `entered`: its place in time among everything the venue saw."""

    reference: int
    buy: bool
    price_e4: int
    shares: int
    entered: int
    taken: int = 0

    @property
    def available(self) -> int:
        return self.shares - self.taken


class Side:
    """One side: levels best first, orders of a level in time priority."""

    def __init__(self, buy: bool) -> None:
        self._sign = -1 if buy else 1
        self._ranks: list[int] = []  # signed prices, best first
        self._levels: dict[int, dict[int, Displayed]] = {}

    def insert(self, order: Displayed) -> None:
        level = self._levels.get(order.price_e4)
        if level is None:
            level = self._levels[order.price_e4] = {}
            rank = self._sign * order.price_e4
            self._ranks.insert(bisect_left(self._ranks, rank), rank)
        level[order.reference] = order

    def remove(self, order: Displayed) -> None:
        level = self._levels[order.price_e4]
        del level[order.reference]
        if not level:
            del self._levels[order.price_e4]
            del self._ranks[bisect_left(self._ranks, self._sign * order.price_e4)]

    def best_first(self) -> Iterator[Displayed]:
        """Orders with shares still to be had, in price-time priority. The side must not change meanwhile."""
        for rank in self._ranks:
            for order in self._levels[self._sign * rank].values():
                if order.available > 0:
                    yield order

    def best(self) -> Displayed | None:
        return next(self.best_first(), None)

    def ahead(self, price_e4: int, arrived: int) -> int:
        """Shares displayed at a price before `arrived`."""
        level = self._levels.get(price_e4, {}).values()
        return sum(order.available for order in level if order.entered < arrived)


class DisplayedBook:
    """Both sides and the orders by reference. Messages about unknown references change nothing."""

    def __init__(self) -> None:
        self.bids = Side(buy=True)
        self.asks = Side(buy=False)
        self._orders: dict[int, Displayed] = {}

    def side(self, buy: bool) -> Side:
        return self.bids if buy else self.asks

    def get(self, reference: int) -> Displayed | None:
        return self._orders.get(reference)

    def add(self, order: Displayed) -> None:
        self.delete(order.reference)
        self._orders[order.reference] = order
        self.side(order.buy).insert(order)

    def reduce(self, reference: int, shares: int) -> None:
        order = self._orders.get(reference)
        if order is None:
            return
        order.shares -= shares
        if order.shares <= 0:
            self.delete(reference)
        order.taken = min(order.taken, order.shares)

    def delete(self, reference: int) -> None:
        order = self._orders.pop(reference, None)
        if order is not None:
            self.side(order.buy).remove(order)

    def replace(self, reference: int, new: int, shares: int, price_e4: int, entered: int) -> Displayed | None:
        """The new order, at the end of its queue; what was taken of the old one stays taken."""
        old = self._orders.get(reference)
        if old is None:
            return None
        self.delete(reference)
        order = Displayed(new, old.buy, price_e4, shares, entered, min(old.taken, shares))
        self.add(order)
        return order

    def clear(self) -> None:
        for reference in list(self._orders):
            self.delete(reference)
