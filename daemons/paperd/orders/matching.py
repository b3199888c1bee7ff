"""Our orders against the replayed book: what is taken, and when a resting order is filled.

docs/PAPER_VENUE.md argues each rule.

Taking: displayed orders from the best price on, in time priority, at their prices; own orders on the way by the
self-match policy.

Resting: a displayed order is ahead of ours when it entered before ours at the same price. Ours is filled by an
execution of anything behind it (same price, entered later, or a worse price), by a displayed order that arrives and
would cross it, and by a hidden trade or a cross strictly through its price; always at its own price, and never with
more shares than that event had.
"""

from enum import StrEnum
from typing import Protocol

from paperd.orders.book import Displayed, DisplayedBook
from paperd.orders.order import Order, OwnSide

ADDED, REMOVED = "A", "R"
"""Liquidity flags: a resting order was hit, an arriving one took."""
TRADING = "T"


class SelfMatch(StrEnum):
    """What happens when our own orders meet."""

    OLDEST = "oldest"
    NEWEST = "newest"
    TRADE = "trade"


class MatchListener(Protocol):
    """Who is told of matches, and changes the orders."""

    def filled(self, order: Order, shares: int, price_e4: int, liquidity: str) -> None: ...
    def self_matched(self, victim: Order, other: Order, price_e4: int) -> None: ...


class Instrument:
    """A symbol at the venue: trading state, displayed book, our resting orders."""

    def __init__(self, symbol: str, locate: int, trading_state: str = "") -> None:
        self.symbol = symbol
        self.locate = locate
        self.trading_state = trading_state
        self.book = DisplayedBook()
        self._own = {True: OwnSide(), False: OwnSide()}

    @property
    def trading(self) -> bool:
        return self.trading_state == TRADING

    def own(self, buy: bool) -> OwnSide:
        return self._own[buy]


class Matcher:
    """The rules. Holds nothing of its own but the policy."""

    def __init__(self, listener: MatchListener, self_match: SelfMatch = SelfMatch.OLDEST) -> None:
        self._listener = listener
        self._self_match = self_match

    def would_take(self, order: Order, instrument: Instrument) -> bool:
        """Something on the other side would trade with it now."""
        displayed = instrument.book.side(not order.buy).best()
        own = instrument.own(not order.buy).best()
        return (displayed is not None and order.meets(displayed.price_e4)) or (
            own is not None and order.meets(own.price_e4)
        )

    def take(self, order: Order, instrument: Instrument) -> None:
        """Let an arriving order trade with all it meets; a minimum that can not be had takes nothing."""
        reachable = []
        shares = 0
        for displayed in instrument.book.side(not order.buy).best_first():
            if shares >= order.open or not order.meets(displayed.price_e4):
                break
            reachable.append(displayed)
            shares += displayed.available
        if shares < min(order.minimum_quantity, order.open):
            return
        for displayed in reachable:
            self._meet_own(order, instrument, displayed.price_e4)
            if not order.live:
                return
            taken = min(order.open, displayed.available)
            displayed.taken += taken
            self._listener.filled(order, taken, displayed.price_e4, REMOVED)
            if not order.live:
                return
        self._meet_own(order, instrument, None)

    def _meet_own(self, order: Order, instrument: Instrument, before_e4: int | None) -> None:
        """Own orders on the way, up to a displayed price (which comes first) or as far as the limit goes."""
        for own in list(instrument.own(not order.buy)):
            beyond = before_e4 is not None and not _better(own, before_e4)
            if beyond or not order.live or not order.meets(own.price_e4):
                return
            if self._self_match == SelfMatch.OLDEST:
                self._listener.self_matched(own, order, own.price_e4)
            elif self._self_match == SelfMatch.NEWEST:
                self._listener.self_matched(order, own, own.price_e4)
            else:
                shares = min(own.open, order.open)
                self._listener.filled(order, shares, own.price_e4, REMOVED)
                self._listener.filled(own, shares, own.price_e4, ADDED)

    def executed(self, instrument: Instrument, displayed: Displayed, shares: int) -> None:
        """The replay executes a displayed order: ours that stand before it would have been hit first."""
        for order in list(instrument.own(displayed.buy)):
            same_price = order.price_e4 == displayed.price_e4
            before = same_price and order.displayed and displayed.entered >= order.arrived
            if shares == 0 or not (before or _better(order, displayed.price_e4)):
                return
            shares -= self._hit(order, shares)

    def arrived(self, instrument: Instrument, displayed: Displayed) -> None:
        """A displayed order appears: one that crosses ours would have traded with them."""
        if not instrument.trading:
            return
        for order in list(instrument.own(not displayed.buy)):
            if displayed.available <= 0 or not order.meets(displayed.price_e4):
                return
            displayed.taken += self._hit(order, displayed.available)

    def traded(self, instrument: Instrument, price_e4: int, shares: int) -> None:
        """A trade that no displayed order took part in."""
        if not instrument.trading:
            return
        for buy in (True, False):
            left = shares
            for order in list(instrument.own(buy)):
                if left == 0 or not _better(order, price_e4):
                    break
                left -= self._hit(order, left)

    def uncross(self, instrument: Instrument) -> None:
        """Trading goes on after a halt: what came to cross our orders meanwhile trades with them."""
        for buy in (True, False):
            for displayed in list(instrument.book.side(buy).best_first()):
                self.arrived(instrument, displayed)

    def _hit(self, order: Order, shares: int) -> int:
        """Fill a resting order out of `shares`; how many it got."""
        if shares < min(order.minimum_quantity, order.open):
            return 0
        shares = min(shares, order.open)
        self._listener.filled(order, shares, order.price_e4, ADDED)
        return shares


def _better(order: Order, price_e4: int) -> bool:
    """The order's price is strictly better for its counterpart than this one."""
    return order.price_e4 > price_e4 if order.buy else order.price_e4 < price_e4
