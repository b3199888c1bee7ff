"""The demo's policy, case by case."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from braind.policy import (
    ACTION,
    ACTION_FIELDS,
    ACTIONS_MAX,
    PRICE,
    QUANTITY,
    SIDE,
    TIME_IN_FORCE,
    StrategyError,
    find_strategy,
)
from braind.strategies.imbalance import ImbalanceStrategy, imbalance_policy
from hft.layout.dtypes import MARKET_EVENT, IntentAction, Side, TimeInForce

BUY, SELL = int(Side.BUY), int(Side.SELL)
COOL_DOWN_NS = 10_000_000
NOW_NS = 10**18


def policy(down, up, last=(0, 0), now_ns=NOW_NS, threshold=0.6, ready=True):
    """(whether it sends, order, own state afterwards) for one instrument with the book 99 / 101."""
    event = np.zeros(1, MARKET_EVENT)
    event["bid_price"], event["ask_price"] = 99, 101
    own, actions = np.array([last], np.int64), np.zeros((ACTIONS_MAX, ACTION_FIELDS), np.int64)
    scores = np.array([down, 1 - down - up, up], np.float32)
    sends = imbalance_policy(
        scores,
        ready,
        event[0],
        now_ns,
        own,
        0,
        np.array([threshold, 300, COOL_DOWN_NS], np.float64),
        None,
        actions,
    )
    return sends, actions[0], tuple(own[0])


@pytest.mark.parametrize(
    ("down", "up", "side", "price"),
    [(0.1, 0.7, BUY, 101), (0.7, 0.1, SELL, 99), (0.1, 0.625, BUY, 101)],
)
def test_a_sure_view_takes_the_opposite_touch_at_once(down, up, side, price):
    sends, order, own = policy(down, up, threshold=0.625)
    assert sends
    assert own == (side, NOW_NS)
    assert [order[i] for i in (ACTION, SIDE, TIME_IN_FORCE, PRICE, QUANTITY)] == [
        IntentAction.NEW, side, TimeInForce.IOC, price, 300,
    ]  # fmt: skip


@pytest.mark.parametrize(("down", "up"), [(0.3, 0.59), (0.59, 0.3), (0.0, 0.0), (0.5, 0.5)])
def test_no_view_sends_nothing_and_remembers_nothing(down, up):
    assert policy(down, up)[::2] == (False, (0, 0))


def test_where_there_is_nothing_to_decide_on_it_sends_nothing():
    assert policy(0.1, 0.9, ready=False)[::2] == (False, (0, 0))


def test_two_equal_views_are_none():
    assert not policy(0.5, 0.5, threshold=0.4)[0]


@pytest.mark.parametrize(
    ("last", "up", "down", "sends"),
    [
        ((BUY, NOW_NS - COOL_DOWN_NS + 1), 0.7, 0.1, False),
        ((BUY, NOW_NS - COOL_DOWN_NS), 0.7, 0.1, True),
        ((SELL, NOW_NS - 1), 0.7, 0.1, True),
        ((BUY, NOW_NS - 1), 0.1, 0.7, True),
        ((SELL, NOW_NS), 0.1, 0.7, False),
    ],
)
def test_the_same_view_waits_for_the_horizon_and_a_changed_one_does_not(last, up, down, sends):
    before = policy(down, up, last)
    assert before[0] == sends
    assert (before[2] == last) != sends


def test_scores_that_are_no_numbers_are_no_view():
    assert not policy(np.nan, np.nan)[0]


def test_the_strategy_gives_its_policy_threshold_quantity_and_horizon():
    config = SimpleNamespace(score_threshold=0.55, order_quantity=7)
    strategy = ImbalanceStrategy(config, SimpleNamespace(horizon_ms=500))
    assert strategy.parameters().tolist() == [0.55, 7, 500e6]


def test_a_strategy_is_found_by_its_name():
    assert find_strategy("braind.strategies.imbalance:ImbalanceStrategy") is ImbalanceStrategy


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("braind.nowhere:Thing", "No module named"),
        ("braind.strategies.imbalance:Nothing", "has no attribute"),
        ("braind.features.state:FeatureState", "lacks features"),
    ],
)
def test_a_strategy_that_is_none_is_refused_by_name(name, says):
    with pytest.raises(StrategyError, match=says):
        find_strategy(name)
