"""Quotes both sides, post-only, around a fair price that the model and its own inventory move.

    fair  = microprice + skew × tick × (P(up) − P(down)) − skew × tick × position / position_max
    quote = fair ∓ half spread × tick, away from fair to whole ticks, and never at or through the other side of the book

A quote that is `requote_ticks` off is replaced, or cancelled and made anew where the replace would go beyond the
position limit: it counts on top while it is on its way. A second quote on one side is cancelled. A side on which a fill
would lead beyond the limit is not quoted, and what rests there is cancelled. Where the book can not be trusted, has an
empty side or does not trade, everything is cancelled. Orders that are on their way are left alone: the answer comes
first, so at most one message a side is outstanding.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from braind.compiled import compiled, int64
from braind.features.registry import FEATURE_NAMES
from braind.model.package import Manifest
from braind.policy import ACTION, FLAGS, ORDER_ID, PRICE, QUANTITY, SIDE, TIME_IN_FORCE
from braind.shadow import layout
from braind.shadow.layout import END, FIRST, GENERATION, NEXT, OWN_GENERATION, POSITION, TICK
from hft.config import Braind
from hft.layout.dtypes import IntentAction, IntentFlags, Side, TimeInForce

_NEW, _CANCEL, _REPLACE = int(IntentAction.NEW), int(IntentAction.CANCEL), int(IntentAction.REPLACE)
_BUY, _SELL, _DAY = int(Side.BUY), int(Side.SELL), int(TimeInForce.DAY)
_POST_ONLY = int(IntentFlags.POST_ONLY)
_QUANTITY, _POSITION_MAX, _HALF_SPREAD_TICKS, _SKEW_TICKS, _REQUOTE_TICKS = range(5)
_DOWN, _UP = 0, 2


@compiled
def fair_price(
    scores: NDArray[np.float32], event: Any, position: int, tick: int, parameters: NDArray[np.float64]
) -> float:
    """See the module's text."""
    bid, ask = float(event["bid_price"]), float(event["ask_price"])
    bid_quantity, ask_quantity = float(event["bid_quantity"]), float(event["ask_quantity"])
    micro = (bid * ask_quantity + ask * bid_quantity) / (bid_quantity + ask_quantity)
    view = float(scores[_UP]) - float(scores[_DOWN])
    inventory = float(position) / max(parameters[_POSITION_MAX], 1.0)
    fair: float = micro + parameters[_SKEW_TICKS] * tick * (view - inventory)
    return fair


@compiled
def quote_price(side: int, fair: float, event: Any, tick: int, half_spread_ticks: float) -> int:
    """In whole ticks, on its own side of the book."""
    if side == _BUY:
        wanted: int = int64(math.floor(fair / tick - half_spread_ticks)) * tick
        return min(wanted, int(int64(event["ask_price"]) - tick))
    wanted = int64(math.ceil(fair / tick + half_spread_ticks)) * tick
    return max(wanted, int(int64(event["bid_price"]) + tick))


@compiled
def quote_side(
    side: int,
    price: int,
    quantity: int,
    room: int,
    requote: int,
    slot: int,
    book: Any,
    actions: NDArray[np.int64],
    used: int,
) -> int:
    """The actions that lead to one quote of this price and quantity (0: none) on a side; how many are used now.

    `room`: what may still be added to the worst case. Newest first: the first order found is the quote, others go.
    """
    have_quote = False
    place = book.rows[slot, FIRST]
    while place != END and used < actions.shape[0]:
        order = book.orders[place]
        place = order[NEXT]
        if order[layout.SIDE] != side or order[GENERATION] != book.words[OWN_GENERATION]:
            continue
        action, state = actions[used], order[layout.STATE]
        off = abs(order[layout.PRICE] - price) >= requote
        if quantity == 0 or have_quote:
            if order[layout.REQUEST] == 0 and state in (layout.SENT, layout.LIVE, layout.UNKNOWN):
                action[ACTION], action[ORDER_ID] = _CANCEL, order[layout.ORDER_ID]
                used += 1
            have_quote = True
            continue
        have_quote = True
        if off and state == layout.LIVE and order[layout.REQUEST] == 0:
            action[ACTION] = _REPLACE if quantity <= room else _CANCEL
            action[ORDER_ID] = order[layout.ORDER_ID]
            if quantity <= room:
                fill_quote(action, side, price, quantity)
            used += 1
    if not have_quote and quantity > 0 and used < actions.shape[0]:
        actions[used, ACTION] = _NEW
        fill_quote(actions[used], side, price, quantity)
        used += 1
    return used


@compiled
def fill_quote(action: NDArray[np.int64], side: int, price: int, quantity: int) -> None:
    """A post-only limit order for the day."""
    action[SIDE], action[PRICE], action[QUANTITY] = side, price, quantity
    action[TIME_IN_FORCE], action[FLAGS] = _DAY, _POST_ONLY


@compiled
def maker_policy(
    scores: NDArray[np.float32],
    ready: bool,
    event: Any,
    now_ns: int,  # noqa: ARG001 - quotes have no clock
    own: NDArray[np.int64],  # noqa: ARG001 - all it knows is in the shadow book
    slot: int,
    parameters: NDArray[np.float64],
    book: Any,
    actions: NDArray[np.int64],
) -> int:
    """See the module's text."""
    quantity, position_max = int64(parameters[_QUANTITY]), int64(parameters[_POSITION_MAX])
    tick, position = book.rows[slot, TICK], book.rows[slot, POSITION]
    usable = ready and tick > 0 and 0 < int64(event["bid_price"]) < int64(event["ask_price"])
    usable = usable and int64(event["bid_quantity"]) > 0 and int64(event["ask_quantity"]) > 0
    bid, ask, buy, sell = int64(0), int64(0), int64(0), int64(0)
    if usable:
        fair = fair_price(scores, event, position, tick, parameters)
        bid = quote_price(_BUY, fair, event, tick, parameters[_HALF_SPREAD_TICKS])
        ask = quote_price(_SELL, fair, event, tick, parameters[_HALF_SPREAD_TICKS])
        buy = quantity if bid > 0 and position + quantity <= position_max else int64(0)
        sell = quantity if ask > bid and quantity - position <= position_max else int64(0)
    requote = int64(parameters[_REQUOTE_TICKS]) * max(tick, int64(1))
    room_to_buy = position_max - position - book.rows[slot, layout.OPEN_BUY]
    room_to_sell = position_max + position - book.rows[slot, layout.OPEN_SELL]
    # The side that moves away goes first, so that the other one does not meet it.
    best_ask = book.rows[slot, layout.BEST_ASK]
    if best_ask != 0 and bid >= best_ask:
        used = quote_side(_SELL, ask, sell, room_to_sell, requote, slot, book, actions, 0)
        return quote_side(_BUY, bid, buy, room_to_buy, requote, slot, book, actions, used)
    used = quote_side(_BUY, bid, buy, room_to_buy, requote, slot, book, actions, 0)
    return quote_side(_SELL, ask, sell, room_to_sell, requote, slot, book, actions, used)


class MakerStrategy:
    """All features; no state of its own beyond the shadow book."""

    features = FEATURE_NAMES
    strategy_id = 3
    state_words = 1
    policy = staticmethod(maker_policy)

    def __init__(self, config: Braind, manifest: Manifest) -> None:  # noqa: ARG002 - as every strategy
        self._config = config

    def parameters(self) -> NDArray[np.float64]:
        """Quantity, position limit, half spread, skew and requote distance in ticks."""
        config = self._config
        return np.array(
            [
                config.order_quantity, config.position_max, config.quote_half_spread_ticks,
                config.quote_skew_ticks, config.requote_ticks,
            ],
            np.float64,
        )  # fmt: skip
