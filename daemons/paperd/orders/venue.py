"""What OUCH 5.0 says happens to an order: enter, replace, cancel, modify, account query, and the fills in between.

Pure of sockets and files: messages come in as bytes with their receive stamp, and go out through the outbox.
"""

from collections.abc import Callable
from typing import Any

from paperd.orders.checks import DAY, GOOD_TILL_TIME, IMMEDIATE, Reason, check_enter, check_terms
from paperd.orders.faults import ENTER, PENDING, REPLACE, OrderFaults, Outgoing
from paperd.orders.ledger import Ledger
from paperd.orders.market import END_OF_MARKET_HOURS, END_OF_MESSAGES, END_OF_SYSTEM_HOURS, Market
from paperd.orders.matching import Instrument, Matcher, SelfMatch
from paperd.orders.order import Order, State
from paperd.orders.ouch50 import INBOUND, Message, OuchError, decode
from paperd.orders.tally import Execution, Tally

_SIDE_CHANGES = (("S", "E"), ("S", "T"), ("E", "T"))
_SELF_MATCH_STRATEGY = "O"

BY_USER, OF_IOC, OF_POST_ONLY, CLOSED, TIMED_OUT, SELF_MATCH, SYSTEM = "U", "I", "G", "E", "T", "Q", "Z"
"""Cancel reasons the venue uses by itself."""


class Venue:
    """One port: its numbers, its orders, its tally. `send` takes what goes out."""

    def __init__(
        self,
        market: Market,
        tally: Tally,
        ledger: Ledger,
        send: Callable[[Outgoing], None],
        self_match: SelfMatch,
    ) -> None:
        self.market = market
        self.tally = tally
        self.faults = OrderFaults()
        self.last_ref = 0
        self._ledger = ledger
        self._send = send
        self._matcher = Matcher(self, self_match)
        market.matcher = self._matcher
        market.on_system_event = self._system_event
        self._last_reference = 0
        self._last_match = 0
        self._last_ts_ns = 0
        self._expiring: list[Order] = []
        self._handlers: dict[str, Callable[[Message, int], str]] = {
            "O": self._enter, "U": self._replace, "X": self._cancel, "M": self._modify, "Q": self._query,
        }  # fmt: skip

    # Inbound

    def handle(self, data: bytes, received_ns: int) -> None:
        """One message of the client. Every one has one line in the ledger."""
        try:
            message = decode(INBOUND, data)
        except OuchError as error:
            self.tally.received(chr(data[0]) if data else "", 0, "malformed", received_ns)
            problem = {"result": "malformed", "error": str(error), "hex": data.hex()}
            self._ledger.write("in", problem, received_ns)
            return
        kind = message["type"]
        dropped = self.faults.drops(kind)
        result = "dropped" if dropped else self._handlers[kind](message, received_ns)
        self.tally.received(kind, message.get("user_ref", 0), result, received_ns)
        self._ledger.write("in", message | {"result": result}, received_ns)

    def _enter(self, message: Message, received_ns: int) -> str:
        if message["user_ref"] <= self.last_ref:
            return "duplicate"
        self.last_ref = message["user_ref"]
        instrument = self.market.find(message["symbol"])
        order = self._new_order(message, received_ns)
        code = self.faults.reject_code(ENTER, order.symbol) or check_enter(
            message, instrument, self.market.phase
        )
        if code:
            return self._reject(order, code)
        assert instrument is not None
        for name, value in self.faults.takes_amendment().items():
            setattr(order, name, value)
        order.open = message["quantity"]
        self._accept(order, "A", quantity=order.open)
        return self._begin(order, instrument, "accepted")

    def _replace(self, message: Message, received_ns: int) -> str:
        if message["user_ref"] <= self.last_ref:
            return "duplicate"
        old = self.tally.orders.get(message["original_ref"])
        if old is None or not old.live:
            return "ignored"  # and the number stays free
        hold = self.faults.hold_of(old.symbol)
        code = self.faults.reject_code(REPLACE, old.symbol)
        if hold is not None:
            code = code or (Reason.CANCEL_PENDING if hold.answer == PENDING else Reason.REPLACE_NOT_ALLOWED)
        if code:
            self.last_ref = message["user_ref"]
            return self._reject(self._new_order(message, received_ns, old), code)
        if check_terms(message) or message["quantity"] <= old.executed:
            self.take_off(old, old.open, BY_USER)  # the old order is gone, the number stays free
            return "cancelled"
        self.last_ref = message["user_ref"]
        order = self._new_order(message, received_ns, old)
        order.executed = old.executed
        order.open = message["quantity"] - old.executed
        self._end(old, State.REPLACED)
        self._accept(order, "U", quantity=order.open, original_ref=old.user_ref)
        self.tally.counts["replaced"] += 1
        instrument = self.market.find(order.symbol)
        assert instrument is not None
        return self._begin(order, instrument, "replaced")

    def _cancel(self, message: Message, _received_ns: int) -> str:
        order = self.tally.orders.get(message["user_ref"])
        if order is None or not order.live or message["quantity"] >= order.total:
            return "ignored"
        hold = self.faults.hold_of(order.symbol)
        if hold is not None:
            return self._hold_cancel(order, message["quantity"], hold.answer)
        self.reduce_to(order, message["quantity"], BY_USER)
        return "cancelled"

    def _hold_cancel(self, order: Order, total: int, answer: str) -> str:
        if order.pending_total is not None:
            return "ignored"
        if answer == PENDING:
            order.pending_total = total
            self.say(order, "P")
            self.tally.counts["cancel_pending"] += 1
            return "pending"
        self.say(order, "I")
        self.tally.counts["cancel_rejected"] += 1
        return "cancel_rejected"

    def _modify(self, message: Message, _received_ns: int) -> str:
        order = self.tally.orders.get(message["user_ref"])
        if order is None or not order.live:
            return "ignored"
        side = message["side"]
        if side != order.side and (order.side, side) not in _SIDE_CHANGES:
            return "ignored"
        if message["quantity"] <= order.executed:
            self.take_off(order, order.open, BY_USER)
            return "cancelled"
        self.modified(order, side, min(order.open, message["quantity"] - order.executed))
        return "modified"

    def _query(self, _message: Message, _received_ns: int) -> str:
        self.say(None, "Q", next_ref=self.last_ref + 1)
        return "answered"

    # An order's life

    def _new_order(self, message: Message, received_ns: int, old: Order | None = None) -> Order:
        """From an enter order, or from a replace of `old`. Nothing is open of it yet."""
        terms = message if old is None else vars_of(old) | message
        order = Order(
            user_ref=message["user_ref"],
            chain=message["user_ref"] if old is None else old.chain,
            open=0,
            executed=0,
            reference=self.next_reference(),
            arrived=self.market.clock,
            received_ns=received_ns,
            **{name: terms[name] for name in _TERMS},
        )
        order.options = dict(message["options"])
        self.tally.begin(order)
        return order

    def _reject(self, order: Order, reason: int) -> str:
        self.tally.end(order, State.REJECTED)
        self.tally.counts["rejected"] += 1
        self.say(order, "J", reason=int(reason), client_id=order.client_id)
        return "rejected"

    def _accept(self, order: Order, kind: str, **fields: Any) -> None:
        order.accepted = True
        dead = self.faults.takes_dead()
        self.tally.counts["accepted"] += kind == "A"
        fields |= {name: getattr(order, name) for name in _ECHOED}
        self.say(order, kind, state="D" if dead else "L", order_reference=order.reference, **fields)
        if dead:
            self.tally.end(order, State.DEAD)
            order.open = 0
            self.tally.counts["accepted_dead"] += 1

    def _begin(self, order: Order, instrument: Instrument, result: str) -> str:
        """After its acceptance: match, rest, or end. The result for the ledger."""
        if not order.live:
            return "accepted_dead"
        if self.market.phase == END_OF_MARKET_HOURS and order.time_in_force == DAY:
            self.take_off(order, order.open, CLOSED)
        elif instrument.trading and order.post_only and self._matcher.would_take(order, instrument):
            self.take_off(order, order.open, OF_POST_ONLY)
        elif instrument.trading:
            self._matcher.take(order, instrument)
        if order.live and order.time_in_force == IMMEDIATE:
            self.take_off(order, order.open, OF_IOC)
        if order.live:
            order.resting = True
            instrument.own(order.buy).insert(order)
            if order.time_in_force == GOOD_TILL_TIME:
                self._expiring.append(order)
        return result

    def _end(self, order: Order, state: State) -> None:
        self.tally.end(order, state)
        order.open = 0
        order.pending_total = None
        if order.resting:
            instrument = self.market.find(order.symbol)
            assert instrument is not None
            instrument.own(order.buy).remove(order)
            order.resting = False

    def filled(self, order: Order, shares: int, price_e4: int, liquidity: str) -> None:
        """A match (MatchListener): tell it, count it, end the order when nothing is left."""
        self._last_match += 1
        order.open -= shares
        order.executed += shares
        self.tally.execute(self._last_match, Execution(order, shares, price_e4, liquidity))
        self.say(
            order,
            "E",
            quantity=shares,
            price_e4=price_e4,
            liquidity=liquidity,
            match_number=self._last_match,
            options={},
        )
        if order.open == 0:
            self.tally.counts["orders_filled"] += 1
            self._end(order, State.FILLED)

    def self_matched(self, victim: Order, other: Order, price_e4: int) -> None:
        """Two of our own orders met (MatchListener): one is cancelled whole."""
        prevented = min(victim.open, other.open)
        self.take_off(
            victim, victim.open, SELF_MATCH, kind="D", prevented_quantity=prevented, price_e4=price_e4,
            liquidity="A" if victim.resting else "R", strategy=_SELF_MATCH_STRATEGY,
        )  # fmt: skip

    def take_off(self, order: Order, shares: int, reason: str, kind: str = "C", **fields: Any) -> None:
        """Cancel `shares` of an order, the amount being an increment; the order ends when nothing is left."""
        order.open -= shares
        counts = self.tally.counts
        counts["cancel_messages" if kind == "C" else "self_match_messages"] += 1
        self.say(order, kind, quantity=shares, reason=reason, **fields)
        if order.open == 0:
            counts["orders_cancelled"] += 1
            self._end(order, State.CANCELLED)

    def reduce_to(self, order: Order, total: int, reason: str) -> None:
        """Cancel what is open above a total size."""
        self.take_off(order, min(order.open, order.total - total), reason)

    def modified(self, order: Order, side: str, shares_open: int) -> None:
        order.side = side
        order.open = shares_open
        self.tally.counts["modified"] += 1
        self.say(order, "M", side=side, quantity=shares_open)

    # Time

    def expire(self) -> None:
        """Good-till-time orders whose time has come."""
        if not self._expiring:
            return
        now_s = self.market.time_ns() / 1e9
        for order in self._expiring:
            if order.live and int(order.options.get("expire_time_s", 0)) <= now_s:
                self.take_off(order, order.open, TIMED_OUT)
        self._expiring = [order for order in self._expiring if order.live]

    def _system_event(self, code: str) -> None:
        """Day orders end with the market's hours, all others with the system's."""
        over = code in (END_OF_SYSTEM_HOURS, END_OF_MESSAGES)
        if not over and code != END_OF_MARKET_HOURS:
            return
        for order in self.tally.open_orders():
            if over or order.time_in_force == DAY:
                self.take_off(order, order.open, TIMED_OUT)

    # Outbound

    def next_reference(self) -> int:
        self._last_reference += 1
        return self._last_reference

    def say(self, order: Order | None, kind: str, **fields: Any) -> None:
        """A message about an order (or about none), stamped by the market's clock, never twice the same."""
        self._last_ts_ns = max(self.market.time_ns(), self._last_ts_ns + 1)
        message: Message = {"type": kind, "timestamp_ns": self._last_ts_ns}
        if order is not None:
            message["user_ref"] = order.user_ref
        self._send(Outgoing(0 if order is None else order.chain, message | fields))


_TERMS = ("symbol", "side", "price_e4", "time_in_force", "display", "capacity", "iso", "cross", "client_id")
_ECHOED = (*_TERMS, "options")


def vars_of(order: Order) -> dict[str, Any]:
    """An order's terms, for the replacement that keeps those it does not name."""
    return {name: getattr(order, name) for name in _TERMS}
