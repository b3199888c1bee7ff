"""Why a replay is not possible, or not further.

CanNot        the run can not be repeated; the message says why
└── Hole      something that was needed from here on was not recorded
"""

from __future__ import annotations


class CanNot(Exception):
    """The message is for people."""


class Hole(CanNot):
    """Everything up to market record `market_seq` was repeated."""

    def __init__(self, market_seq: int, missing: str) -> None:
        super().__init__(f"after market record {market_seq:,}: {missing}")
        self.market_seq = market_seq
