"""Positions, values, fees and counts: what `report` and the summary say. All integers, prices with four decimals."""

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Any

from paperd.orders.matching import REMOVED
from paperd.orders.order import Order, State

COUNTS = (
    "enters", "replaces", "cancels", "modifies", "queries", "unknown",  # received, whatever became of them
    "duplicates", "ignored", "dropped", "malformed",                    # of those: without any effect
    "accepted", "accepted_dead", "rejected", "replaced", "cancel_messages", "self_match_messages", "fills",
    "cancel_pending", "cancel_rejected", "broken", "modified", "restated", "reprioritized",
    "orders_filled", "orders_cancelled",
)  # fmt: skip
STAMPS = ("last_enter_ns", "last_replace_ns", "last_cancel_ns", "last_accepted_ns")
"""When the last one was received, CLOCK_MONOTONIC; 0 = never."""
RECEIVED = {"O": "enters", "U": "replaces", "X": "cancels", "M": "modifies", "Q": "queries"}
ACCEPTED = ("accepted", "accepted_dead", "replaced")
"""Results of orders and replaces that the venue took."""


@dataclass(frozen=True)
class Fees:
    """Per share, with four decimals: what a taker pays, what a maker pays (negative: a rebate)."""

    taker_e4: int = 30
    maker_e4: int = -20

    def of(self, shares: int, liquidity: str) -> int:
        return shares * (self.taker_e4 if liquidity == REMOVED else self.maker_e4)


@dataclass
class Execution:
    """One fill, as it can be broken later."""

    order: Order
    shares: int
    price_e4: int
    liquidity: str
    broken: bool = False


@dataclass
class Position:
    """One symbol's day."""

    bought: int = 0
    sold: int = 0
    bought_value_e4: int = 0
    sold_value_e4: int = 0
    fees_e4: int = 0
    fills: int = 0

    def add(self, execution: Execution, fees: Fees, sign: int = 1) -> None:
        """Count a fill, or with sign -1 take it back."""
        shares = sign * execution.shares
        value_e4 = shares * execution.price_e4
        if execution.order.buy:
            self.bought += shares
            self.bought_value_e4 += value_e4
        else:
            self.sold += shares
            self.sold_value_e4 += value_e4
        self.fees_e4 += fees.of(shares, execution.liquidity)
        self.fills += sign

    def fields(self) -> dict[str, int]:
        return {"position": self.bought - self.sold} | vars(self)


@dataclass
class Tally:
    """All of it. Executions by match number; orders by UserRefNum, the dead ones too; `live`: those that are open."""

    fees: Fees = field(default_factory=Fees)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))
    positions: dict[str, Position] = field(default_factory=dict)
    executions: dict[int, Execution] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    live: dict[int, Order] = field(default_factory=dict)
    states: dict[str, int] = field(default_factory=lambda: dict.fromkeys((state.value for state in State), 0))
    stamps: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STAMPS, 0))
    _order_ns: list[int] = field(default_factory=list)
    _order_results: list[tuple[int, str]] = field(default_factory=list)

    def received(self, kind: str, user_ref: int, result: str, received_ns: int) -> None:
        """Count an inbound message and remember when the last of its kind came."""
        name = RECEIVED.get(kind, "unknown")
        self.counts[name] += 1
        if result in ("duplicate", "ignored", "dropped", "malformed"):
            self.counts[result if result in self.counts else f"{result}s"] += 1
        self.stamps[f"last_{name.removesuffix('s')}_ns"] = received_ns
        if result in ACCEPTED:
            self.stamps["last_accepted_ns"] = received_ns
        if kind in ("O", "U"):
            self._order_ns.append(received_ns)
            self._order_results.append((user_ref, result))

    def execute(self, match_number: int, execution: Execution) -> None:
        self.counts["fills"] += 1
        self.executions[match_number] = execution
        self.positions.setdefault(execution.order.symbol, Position()).add(execution, self.fees)

    def break_trade(self, match_number: int) -> None:
        execution = self.executions[match_number]
        execution.broken = True
        self.counts["broken"] += 1
        self.positions[execution.order.symbol].add(execution, self.fees, -1)

    def begin(self, order: Order) -> None:
        """A new order, open until it ends."""
        self.orders[order.user_ref] = self.live[order.user_ref] = order

    def end(self, order: Order, state: State) -> None:
        order.end(state)
        del self.live[order.user_ref]
        self.states[state.value] += 1

    def open_orders(self) -> list[Order]:
        return list(self.live.values())

    def after(self, ns: int) -> dict[str, Any]:
        """Orders and replaces received after a moment (CLOCK_MONOTONIC), and those of them that were accepted."""
        late = self._order_results[bisect_right(self._order_ns, ns) :]
        accepted = [ref for ref, result in late if result in ACCEPTED]
        return {"received": len(late), "accepted": len(accepted), "user_refs": accepted}

    def report(self) -> dict[str, Any]:
        """The summary. `states` counts every UserRefNum once."""
        open_orders = self.open_orders()
        symbols: dict[str, Any] = {}
        for symbol in sorted({*self.positions, *(order.symbol for order in open_orders)}):
            mine = [order for order in open_orders if order.symbol == symbol]
            symbols[symbol] = self.positions.get(symbol, Position()).fields() | {
                "open_orders": len(mine),
                "open_buy": sum(order.open for order in mine if order.buy),
                "open_sell": sum(order.open for order in mine if not order.buy),
            }
        return {
            "counts": dict(self.counts),
            "states": self.states | {State.LIVE.value: len(open_orders)},
            "open": len(open_orders),
            "symbols": symbols,
            "stamps": dict(self.stamps),
        }
