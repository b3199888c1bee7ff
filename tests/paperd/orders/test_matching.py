"""Matching on a displayed book: taking, the place in the queue, what fills a resting order and what does not."""

from __future__ import annotations

import pytest
from ouch_client import POST_ONLY, cancel, enter
from venue_harness import LocalVenue

from paperd.orders.matching import SelfMatch
from paperd.orders.order import State

BID, ASK = 1_000_000, 1_001_000


@pytest.fixture
def venue() -> LocalVenue:
    """Bids 100 (1), 200 (2) at 100.00, 300 (3) at 99.99; asks 100 (11) at 100.10, 200 (12) at 100.11."""
    made = LocalVenue()
    made.market.find("AAPL").book.clear()
    for reference, side, shares, price_e4 in (
        (1, "B", 100, BID), (2, "B", 200, BID), (3, "B", 300, BID - 100), (11, "S", 100, ASK),
        (12, "S", 200, ASK + 100),
    ):  # fmt: skip
        assert made.add(reference, side, shares, price_e4) == []
    return made


def fills(answers: list[dict]) -> list[tuple[int, int, int, str]]:
    return [(a["user_ref"], a["quantity"], a["price"], a["liquidity"]) for a in answers if a["type"] == "E"]


def test_a_marketable_order_takes_level_by_level_at_the_books_prices(venue: LocalVenue) -> None:
    answers = venue.send(enter(1, "B", 250, price=ASK + 100))
    assert fills(answers) == [(1, 100, ASK, "R"), (1, 150, ASK + 100, "R")]
    assert answers[0]["type"] == "A", "accepted before it is filled"
    assert venue.order(1).state == State.FILLED


def test_the_rest_of_a_partly_filled_day_order_rests_at_its_limit(venue: LocalVenue) -> None:
    assert fills(venue.send(enter(1, "B", 150, price=ASK))) == [(1, 100, ASK, "R")]
    assert (venue.order(1).open, venue.order(1).live) == (50, True)


def test_displayed_shares_are_not_taken_twice(venue: LocalVenue) -> None:
    assert fills(venue.send(enter(1, "S", 250, price=BID, tif="3"))) == [
        (1, 100, BID, "R"),
        (1, 150, BID, "R"),
    ]
    answers = venue.send(enter(2, "S", 100, price=BID, tif="3"))
    assert fills(answers) == [(2, 50, BID, "R")]
    assert (answers[-1]["type"], answers[-1]["reason"], answers[-1]["quantity"]) == ("C", "I", 50)


def test_what_was_taken_leaves_with_the_displayed_order_and_fresh_shares_can_be_taken(
    venue: LocalVenue,
) -> None:
    venue.send(enter(1, "S", 300, price=BID))
    venue.itch("D", order_reference=1)
    venue.execute(2, 200)
    assert fills(venue.send(enter(2, "S", 10, price=BID, tif="3"))) == []
    venue.add(4, "B", 70, BID)
    assert fills(venue.send(enter(3, "S", 100, price=BID, tif="3"))) == [(3, 70, BID, "R")]


def test_taken_shares_stay_taken_when_their_owner_replaces_the_order(venue: LocalVenue) -> None:
    venue.send(enter(1, "S", 100, price=BID))
    venue.itch("U", order_reference=1, new_order_reference=9, shares=150, price_e4=BID + 200)
    assert fills(venue.send(enter(2, "S", 100, price=BID + 200, tif="3"))) == [(2, 50, BID + 200, "R")]


def test_a_partial_cancel_in_the_feed_takes_first_what_we_left(venue: LocalVenue) -> None:
    venue.send(enter(1, "S", 60, price=BID))
    venue.itch("X", order_reference=1, cancelled_shares=70)
    venue.send(enter(2, "B", 100, price=BID))
    book = venue.market.find("AAPL").book
    assert book.bids.ahead(BID, venue.order(2).arrived) == 200, "order 2 alone: nothing is left of order 1"


def test_a_resting_order_waits_for_all_that_was_displayed_before_it(venue: LocalVenue) -> None:
    venue.send(enter(1, "B", 100, price=BID))
    assert venue.execute(1, 100) == []
    assert venue.execute(2, 200) == [], "the queue ahead is used up, and no share more was sold"
    venue.add(5, "B", 40, BID)
    assert fills(venue.execute(5, 40)) == [(1, 40, BID, "A")], "who came after us would not have been hit"
    assert venue.order(1).open == 60


def test_cancels_ahead_move_us_up_and_cancels_behind_do_not(venue: LocalVenue) -> None:
    venue.send(enter(1, "B", 100, price=BID))
    book = venue.market.find("AAPL").book
    assert book.bids.ahead(BID, venue.order(1).arrived) == 300
    venue.add(5, "B", 500, BID)
    venue.itch("X", order_reference=2, cancelled_shares=150)
    venue.itch("D", order_reference=5)
    assert book.bids.ahead(BID, venue.order(1).arrived) == 150


def test_a_replaced_order_ahead_goes_behind_us(venue: LocalVenue) -> None:
    venue.send(enter(1, "B", 100, price=BID))
    venue.itch("U", order_reference=1, new_order_reference=9, shares=100, price_e4=BID)
    assert fills(venue.execute(9, 30)) == [(1, 30, BID, "A")]


def test_an_execution_at_a_worse_price_is_a_trade_through_ours(venue: LocalVenue) -> None:
    venue.send(enter(1, "B", 100, price=BID), enter(2, "B", 100, price=BID + 200))
    assert fills(venue.execute(3, 150)) == [(2, 100, BID + 200, "A"), (1, 50, BID, "A")]


def test_an_execution_at_a_better_price_does_not_reach_us(venue: LocalVenue) -> None:
    venue.send(enter(1, "B", 100, price=BID - 100))
    assert venue.execute(1, 100) == []
    assert venue.execute(2, 200) == []


def test_a_displayed_order_that_would_cross_ours_trades_with_it_and_can_not_be_taken_again(
    venue: LocalVenue,
) -> None:
    venue.send(enter(1, "B", 100, price=BID + 500))
    assert fills(venue.add(21, "S", 60, BID + 400)) == [(1, 60, BID + 500, "A")]
    assert fills(venue.send(enter(2, "B", 60, price=BID + 400, tif="3"))) == []


def test_a_hidden_trade_fills_only_strictly_through_our_price(venue: LocalVenue) -> None:
    venue.send(enter(1, "B", 100, price=BID + 500))
    trade = {"order_reference": 0, "side": "B", "stock": "AAPL", "match_number": 1}
    assert venue.itch("P", shares=80, price_e4=BID + 500, **trade) == []
    assert fills(venue.itch("P", shares=80, price_e4=BID + 400, **trade)) == [(1, 80, BID + 500, "A")]


def test_a_cross_through_our_price_fills_and_an_announced_cross_of_nothing_does_not(
    venue: LocalVenue,
) -> None:
    venue.send(enter(1, "S", 100, price=BID + 500))
    cross = {"stock": "AAPL", "match_number": 1, "cross_type": "O", "cross_price_e4": BID + 600}
    assert venue.itch("Q", cross_shares=0, **cross) == []
    assert fills(venue.itch("Q", cross_shares=1_000, **cross)) == [(1, 100, BID + 500, "A")]


def test_a_hidden_order_stands_behind_everything_displayed_at_its_price(venue: LocalVenue) -> None:
    venue.send(enter(1, "B", 100, price=BID, display="N"))
    venue.add(5, "B", 40, BID)
    assert venue.execute(5, 40) == []
    assert fills(venue.execute(3, 40)) == [(1, 40, BID, "A")]


def test_our_own_orders_keep_time_priority_among_themselves(venue: LocalVenue) -> None:
    venue.send(enter(1, "B", 30, price=BID), enter(2, "B", 30, price=BID))
    venue.add(5, "B", 40, BID)
    assert fills(venue.execute(5, 40)) == [(1, 30, BID, "A"), (2, 10, BID, "A")]


def test_no_more_is_filled_than_the_event_had(venue: LocalVenue) -> None:
    venue.send(*(enter(ref, "B", 100, price=BID + 200) for ref in range(1, 6)))
    assert sum(fill[1] for fill in fills(venue.execute(3, 130))) == 130


def test_an_ioc_order_that_meets_nothing_is_cancelled_whole(venue: LocalVenue) -> None:
    answers = venue.send(enter(1, "B", 100, price=BID, tif="3"))
    assert [(a["type"], a.get("reason"), a["quantity"]) for a in answers] == [
        ("A", None, 100),
        ("C", "I", 100),
    ]


def test_a_post_only_order_that_would_take_is_cancelled_and_one_that_would_not_rests(
    venue: LocalVenue,
) -> None:
    answers = venue.send(enter(1, "B", 100, price=ASK, options=(POST_ONLY,)))
    assert [(a["type"], a.get("reason")) for a in answers] == [("A", None), ("C", "G")]
    assert venue.kinds(enter(2, "B", 100, price=ASK - 100, options=(POST_ONLY,))) == "A"
    assert venue.order(2).live


def test_a_minimum_that_can_not_be_had_takes_nothing(venue: LocalVenue) -> None:
    minimum = (3, (200).to_bytes(4, "big"))
    assert fills(venue.send(enter(1, "B", 300, price=ASK, tif="3", options=(minimum,)))) == []
    assert (
        sum(f[1] for f in fills(venue.send(enter(2, "B", 300, price=ASK + 100, tif="3", options=(minimum,)))))
        == 300
    )


def test_nothing_matches_in_a_halt_and_what_crossed_meanwhile_trades_at_the_resumption(
    venue: LocalVenue,
) -> None:
    venue.send(enter(1, "B", 100, price=BID))
    action = {"stock": "AAPL", "reserved": " ", "reason": "T1"}
    venue.itch("H", trading_state="H", **action)
    assert venue.send(enter(2, "B", 100))[0]["reason"] == 0x7
    assert venue.add(21, "S", 60, BID - 100) == []
    trade = {"stock": "AAPL", "side": "B", "order_reference": 0, "match_number": 9}
    assert venue.itch("P", shares=80, price_e4=BID - 500, **trade) == []
    assert fills(venue.itch("H", trading_state="T", **action)) == [(1, 60, BID, "A")]


@pytest.mark.parametrize(
    ("policy", "kinds", "open_shares"),
    [
        (SelfMatch.OLDEST, "AD", (0, 80)),
        (SelfMatch.NEWEST, "AD", (100, 0)),
        (SelfMatch.TRADE, "AEE", (20, 0)),
    ],
)
def test_own_orders_that_meet_follow_the_policy(
    policy: SelfMatch, kinds: str, open_shares: tuple[int, int]
) -> None:
    venue = LocalVenue(self_match=policy)
    venue.send(enter(1, "B", 100, price=BID + 500))
    assert venue.kinds(enter(2, "S", 80, price=BID + 500)) == kinds
    assert (venue.order(1).open, venue.order(2).open) == open_shares
    assert venue.position == 0


def test_a_self_match_says_how_much_it_prevented() -> None:
    venue = LocalVenue()
    venue.send(enter(1, "B", 100, price=BID + 500))
    message = venue.send(enter(2, "S", 80, price=BID + 500))[-1]
    assert (message["user_ref"], message["quantity"], message["reason"]) == (1, 100, "Q")
    assert (message["prevented"], message["price"]) == (80, BID + 500)


def test_a_cancelled_order_is_filled_no_more(venue: LocalVenue) -> None:
    venue.send(enter(1, "B", 100, price=BID + 200), cancel(1))
    assert venue.execute(3, 100) == []
