"""The venue's ledger, read while it grows, and everything in it that must never be.

The judge of the order tests: positions, open orders and worst cases are computed here from the messages alone, in no
way as paperd or the gateway do it. What breaks a promise is kept in `broken`, in words.

A worst case at the venue is never beyond the gateway's own: what the gateway does not know yet of a fill changes
position and open shares by the same amount, and of a cancel it knows later than the venue. So the limits that the
gate keeps to must hold here, at each order, exactly.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_TAG_DIGITS = 6
ACCEPTED = ("accepted", "accepted_dead", "replaced")


@dataclass(frozen=True)
class Limits:
    """Those of [risk] that can be recomputed without the gateway's clock and marks. Notional: price × shares."""

    order_quantity_max: int
    order_notional_max: int
    position_max: int
    open_orders_max: int


@dataclass
class Order:
    """As the messages have it. `open` is an amount of shares; `heir` took them over."""

    ref: int
    symbol: str
    side: str
    price_e4: int
    open: int
    executed: int
    client_id: str
    received_ns: int
    heir: Order | None = None

    @property
    def sign(self) -> int:
        return 1 if self.side == "B" else -1


@dataclass
class Account:
    """One symbol's: what was traded, in shares and price × shares, and what is open."""

    bought_quantity: int = 0
    sold_quantity: int = 0
    bought_value: int = 0
    sold_value: int = 0
    open_buy: int = 0
    open_sell: int = 0

    @property
    def position(self) -> int:
        return self.bought_quantity - self.sold_quantity

    def trade(self, sign: int, shares: int, price_e4: int) -> None:
        """A fill, or with negative `shares` one that was broken."""
        if sign > 0:
            self.bought_quantity += shares
            self.bought_value += shares * price_e4
        else:
            self.sold_quantity += shares
            self.sold_value += shares * price_e4

    def change_open(self, sign: int, shares: int) -> None:
        if sign > 0:
            self.open_buy += shares
        else:
            self.open_sell += shares


def origin_of(client_id: str) -> tuple[int, int]:
    """(tag of the intents queue, order id) of what the gateway wrote into the client order id."""
    tag = order_id = 0
    for place, digit in enumerate(client_id):
        if place < _TAG_DIGITS:
            tag = tag << 6 | _DIGITS.index(digit)
        else:
            order_id = order_id << 6 | _DIGITS.index(digit)
    return tag, order_id


@dataclass
class VenueLedger:
    """`read()` takes in what was written since the last time."""

    path: Path
    limits: Limits
    accounts: dict[str, Account] = field(default_factory=lambda: defaultdict(Account))
    orders: dict[int, Order] = field(default_factory=dict)
    live: dict[int, Order] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    received: list[dict[str, Any]] = field(
        default_factory=list
    )  # orders and replaces, whatever became of them
    fills: int = 0
    last_off_ns: int = 0  # when the last order ended otherwise than by a fill
    _offset: int = 0
    _clients: dict[str, int] = field(default_factory=dict)
    _matches: dict[int, tuple[Order, int, int]] = field(default_factory=dict)

    def read(self) -> VenueLedger:
        with self.path.open("rb") as file:
            file.seek(self._offset)
            data = file.read()
        whole = data.rfind(b"\n") + 1
        self._offset += whole
        for text in data[:whole].splitlines():
            line = json.loads(text)
            if line["what"] == "in" and line["type"] in ("O", "U"):
                self._take_in(line)
            elif line["what"] == "out" and not line.get("copy"):
                self._take_out(line)
        return self

    def accepted_since(self, ns: int) -> list[int]:
        """Refs of the orders and replaces received later than that (CLOCK_MONOTONIC) and accepted."""
        return [
            int(line["user_ref"]) for line in self.received if line["ns"] > ns and line["result"] in ACCEPTED
        ]

    # -- what came ------------------------------------------------------------------------------------------------

    def _take_in(self, line: dict[str, Any]) -> None:
        self.received.append(line)
        result, ref = line["result"], int(line["user_ref"])
        if result == "duplicate":
            self.broken.append(f"token {ref} reached the venue twice")
        if result not in ACCEPTED:
            return
        client = line["client_id"]
        if client in self._clients:
            self.broken.append(f"intent {origin_of(client)} is order {self._clients[client]} and order {ref}")
        self._clients[client] = ref
        if line["type"] == "O":
            order = Order(
                ref, line["symbol"], line["side"], line["price_e4"], line["quantity"], 0, client, line["ns"]
            )
        else:
            old = self.orders[int(line["original_ref"])]
            shares = line["quantity"] - old.executed
            order = Order(
                ref, old.symbol, old.side, line["price_e4"], shares, old.executed, client, line["ns"]
            )
            self._reduce(old, old.open)
            old.heir = order
        self.orders[ref] = self.live[ref] = order
        self.accounts[order.symbol].change_open(order.sign, order.open)
        self._keeps_to_limits(order)

    def _keeps_to_limits(self, order: Order) -> None:
        account, limits = self.accounts[order.symbol], self.limits
        worst = {
            "order_quantity_max": order.open,
            "order_notional_max": order.open * order.price_e4,
            "position_max": account.position + account.open_buy
            if order.sign > 0
            else account.open_sell - account.position,
            "open_orders_max": len(self.live),
        }
        for name, amount in worst.items():
            if amount > getattr(limits, name):
                self.broken.append(
                    f"order {order.ref} of {order.symbol}: {name} {getattr(limits, name):,}: {amount:,}"
                )

    # -- what went out --------------------------------------------------------------------------------------------

    def _take_out(self, line: dict[str, Any]) -> None:
        order = self.orders.get(line.get("user_ref", 0))
        kind = line["type"]
        if order is None:
            return
        if kind in ("A", "U"):
            order.price_e4 = line["price_e4"]
            if line["state"] == "D":
                self._take_off(order, order.open, line["ns"])
        elif kind in ("C", "D"):
            self._take_off(order, 0 if order.heir else line["quantity"], line["ns"])
        elif kind == "E":
            self._execute(order, line)
        elif kind == "B":
            _, shares, price_e4 = self._matches[line["match_number"]]
            self.accounts[order.symbol].trade(order.sign, -shares, price_e4)
        elif kind == "M" and not order.heir:  # one from before a replace may be told after it came
            self._reduce(order, order.open - line["quantity"])
        elif kind == "T":
            order.price_e4 = line["price_e4"]

    def _execute(self, order: Order, line: dict[str, Any]) -> None:
        """A fill from before a replace may be told after it came: the shares are missing from the replacement."""
        shares, price_e4, match = line["quantity"], line["price_e4"], line["match_number"]
        if match in self._matches:
            self.broken.append(f"match {match} was told twice")
        filled = order
        while order.heir:
            order = order.heir
        if shares > order.open:
            self.broken.append(f"order {order.ref} had {order.open} shares open, and {shares} were filled")
        self._matches[match] = (filled, shares, price_e4)
        self.fills += 1
        order.executed += shares
        self.accounts[order.symbol].trade(order.sign, shares, price_e4)
        self._reduce(order, shares)

    def _take_off(self, order: Order, shares: int, ns: int) -> None:
        self._reduce(order, shares)
        self.last_off_ns = ns

    def _reduce(self, order: Order, shares: int) -> None:
        order.open -= shares
        self.accounts[order.symbol].change_open(order.sign, -shares)
        if order.open == 0:
            self.live.pop(order.ref, None)
