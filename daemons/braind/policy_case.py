"""A strategy's policy, asked without feed, model and venue: for the tests of strategies.

    case = PolicyCase(MyStrategy, position=200, order_quantity=100)
    (order,) = case.decide(up=0.9)        what it wants with these scores and this book
    case.fill(order_id=1, quantity=100)   what the gateway tells it then

The shadow book is braind's own: what it admits of the actions is on its way from then on, as orders 1, 2, … in the
order in which actions were admitted (a cancel takes a number too); what it does not admit is in `prevented`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from braind import policy
from braind.features.registry import feature_hash
from braind.model import isa
from braind.model.network import CLASSES
from braind.model.package import FORMAT_VERSION, Binary, Manifest, Scores, Training
from braind.shadow import layout
from braind.shadow.admission import record, refusal
from braind.shadow.answers import apply_updates
from braind.shadow.layout import Prevented, ShadowBook
from braind.shadow.names import name_row, take_position
from braind.shadow.table import find
from hft.config import Braind
from hft.layout.dtypes import (
    MARKET_EVENT,
    ORDER_UPDATE,
    IntentAction,
    IntentFlags,
    Side,
    TimeInForce,
    UpdateKind,
)

BID, ASK = 1_000_000, 1_000_100  # 100.00, 100.01
_GENERATION, _INSTRUMENT, _ROW, _TICK = 1, 1, 0, 100
_ORDERS = 64


class Action(NamedTuple):
    """A wish of the policy. Price in 10^-4, quantity in shares, `order_id`: the order to cancel or to replace.

    The order is that of the columns in braind.policy.
    """

    action: IntentAction
    side: Side
    time_in_force: TimeInForce
    price: int
    quantity: int
    order_id: int
    flags: IntentFlags


class PolicyCase:
    """One instrument of one strategy. `configured`: keys of [braind]; `position`: shares that are held before."""

    def __init__(
        self,
        strategy_class: type[policy.Strategy],
        *,
        position: int = 0,
        horizon_ms: int = 10,
        **configured: Any,
    ) -> None:
        config = Braind(model="none", symbols=("TEST",), **configured)
        strategy = strategy_class(config, _manifest(strategy_class.features, horizon_ms))
        self.horizon_ns = horizon_ms * 1_000_000
        self.now_ns = 10**18
        self.prevented: list[Prevented] = []
        self.book = ShadowBook.allocated(
            1, 16, _ORDERS, (config.position_max, config.divergences_max, 10**18)
        )
        self.book.clear(_GENERATION, 0)
        name_row(self.book, _INSTRUMENT, _ROW, _TICK)
        take_position(self.book, _ROW, position, 0)
        self._policy, self._parameters = strategy.policy, strategy.parameters()
        self._own = np.zeros((1, max(1, strategy_class.state_words)), np.int64)
        self._orders = self._updates = 0

    @property
    def position(self) -> int:
        """Shares, by what was filled."""
        return int(self.book.rows[_ROW, layout.POSITION])

    def decide(
        self,
        *,
        down: float = 0.0,
        up: float = 0.0,
        bid: int = BID,
        ask: int = ASK,
        bid_quantity: int = 100,
        ask_quantity: int = 100,
        ready: bool = True,
        after_ns: int = 0,
    ) -> list[Action]:
        """What the policy wants with these scores and this book, `after_ns` of event time after the last call."""
        self.now_ns += after_ns
        self.book.words[layout.EVENT_TS_NS] = self.now_ns
        event = np.zeros(1, MARKET_EVENT)
        event["bid_price"], event["ask_price"] = bid, ask
        event["bid_quantity"], event["ask_quantity"] = bid_quantity, ask_quantity
        scores = np.array([down, 1.0 - down - up, up] if ready else [0.0, 0.0, 0.0], np.float32)
        wanted = np.zeros((policy.ACTIONS_MAX, policy.ACTION_FIELDS), np.int64)
        count = self._policy(
            scores, ready, event[0], self.now_ns, self._own, _ROW, self._parameters, self.book, wanted
        )
        assert 0 <= count <= policy.ACTIONS_MAX, f"the policy says that {count} rows of its actions are meant"
        for row in wanted[:count]:
            self._admit(row)
        return [_action(row) for row in wanted[:count]]

    def accept(self, order_id: int) -> None:
        """The venue has taken it: it rests, in the place of the order that it replaced if it did."""
        replaced = int(self._order(order_id)[layout.REPLACES])
        action = IntentAction.REPLACE if replaced else IntentAction.NEW
        about = {"replaced_order_id": replaced, "quantity": self._leaves(order_id)}
        self._tell(UpdateKind.SENT, order_id, action=int(action), intent_id=order_id, **about)
        self._tell(UpdateKind.REPLACED if replaced else UpdateKind.ACCEPTED, order_id, **about)

    def fill(self, order_id: int, quantity: int) -> None:
        """So many shares of it were traded. One that nobody had accepted before is accepted first."""
        if self._order(order_id)[layout.STATE] == layout.ASKED:
            self.accept(order_id)
        bought = quantity if self._order(order_id)[layout.SIDE] == Side.BUY else -quantity
        leaves = self._leaves(order_id)
        assert 0 < quantity <= leaves, f"order {order_id} has {leaves} shares open"
        self._tell(
            UpdateKind.FILLED,
            order_id,
            quantity=quantity,
            position=self.position + bought,
            leaves_quantity=leaves - quantity,
        )

    def cancel(self, order_id: int) -> None:
        """The venue has cancelled it, asked or not."""
        self._tell(UpdateKind.CANCELED, order_id, quantity=self._leaves(order_id), leaves_quantity=0)

    def _admit(self, wanted: Any) -> None:
        reason = Prevented(int(refusal(self.book, _ROW, wanted)))
        if reason is not Prevented.NONE:
            self.prevented.append(reason)
            return
        self._orders += 1
        record(self.book, _ROW, wanted, self._orders)

    def _order(self, order_id: int) -> Any:
        place = find(self.book, _ROW, _GENERATION, order_id)
        assert place != layout.END, f"no order {order_id} is on its way or open"
        return self.book.orders[place]

    def _leaves(self, order_id: int) -> int:
        return int(self._order(order_id)[layout.LEAVES])

    def _tell(self, kind: UpdateKind, order_id: int, **fields: int) -> None:
        order, update = self._order(order_id), np.zeros(1, ORDER_UPDATE)
        self._updates += 1
        update["sequence"], update["kind"], update["order_id"] = self._updates, int(kind), order_id
        update["intents_generation"], update["instrument_id"] = _GENERATION, _INSTRUMENT
        update["side"], update["price"] = order[layout.SIDE], order[layout.PRICE]
        update["leaves_quantity"], update["position"] = order[layout.LEAVES], self.position
        for name, value in fields.items():
            update[name] = value
        apply_updates(self.book, update)


def _action(row: Any) -> Action:
    action, side, lifetime, price, quantity, order_id, flags = map(int, row[: len(Action._fields)])
    return Action(
        IntentAction(action), Side(side), TimeInForce(lifetime), price, quantity, order_id, IntentFlags(flags)
    )


def _manifest(features: tuple[str, ...], horizon_ms: int) -> Manifest:
    """Of a model that nobody runs."""
    nothing = "0" * 64
    training = Training("none", nothing, (), 0, 0, 0, 0, 0, 0.0, 0, (), Scores(0.0, 0.0), {}, "")
    return Manifest(
        FORMAT_VERSION, features, feature_hash(features), (0.0,) * len(features), (1.0,) * len(features), CLASSES,
        horizon_ms, 0.0, nothing, training, Binary(nothing, "none", False, "none", isa.native(), {}),
    )  # fmt: skip
