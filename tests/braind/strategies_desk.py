"""A policy asked for one instrument, with a shadow book of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from braind.policy import ACTION_FIELDS, ACTIONS_MAX
from hft.layout.dtypes import MARKET_EVENT

sys.path.insert(0, str(Path(__file__).parent / "shadow"))
from desk import Desk


class PolicyDesk(Desk):
    """`ask` says what the policy wants now: one dict an action."""

    def __init__(self, policy, parameters, **options) -> None:
        super().__init__(**options)
        self.policy, self.parameters = policy, np.array(parameters, np.float64)
        self.own = np.zeros((1, 4), np.int64)
        self.now_ns = 10**18

    def ask(
        self, down=0.0, up=0.0, bid=9900, ask=10100, bid_quantity=100, ask_quantity=100, ready=True
    ) -> list[dict]:
        event, actions = np.zeros(1, MARKET_EVENT), np.zeros((ACTIONS_MAX, ACTION_FIELDS), np.int64)
        event["bid_price"], event["ask_price"] = bid, ask
        event["bid_quantity"], event["ask_quantity"] = bid_quantity, ask_quantity
        scores = np.array([down, 1 - down - up, up], np.float32)
        count = self.policy(
            scores, ready, event[0], self.now_ns, self.own, 0, self.parameters, self.book, actions
        )
        names = ("action", "side", "lifetime", "price", "quantity", "order_id", "flags")
        return [dict(zip(names, map(int, row), strict=False)) for row in actions[:count]]

    def send(self, **view) -> list[dict]:
        """Asks, and lets the book take what it admits."""
        asked = self.ask(**view)
        for one in asked:
            self.want(**{name: value for name, value in one.items() if name != "flags"})
        return asked
