"""OUCH 5.0 to the letter: numbers, duplicates, cancels, replaces, modifies, rejects, the session's hours."""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import Any

import pytest
from ouch_client import cancel, enter, modify, query, replace
from venue_harness import LocalVenue

from paperd.orders.order import State

BID, ASK = 1_000_000, 1_001_000


@pytest.fixture
def venue() -> LocalVenue:
    return LocalVenue()


def only(answers: list[dict[str, Any]]) -> dict[str, Any]:
    assert len(answers) == 1, answers
    return answers[0]


def test_an_accepted_order_carries_all_it_asked_for(venue: LocalVenue) -> None:
    firm = (2, b"ABCD")
    answer = only(
        venue.send(enter(7, "T", 100, price=ASK, tif="5", capacity="A", client_id="mine", options=(firm,)))
    )
    assert answer["type"] == "A"
    names = (
        "user_ref",
        "side",
        "quantity",
        "symbol",
        "price",
        "tif",
        "display",
        "capacity",
        "iso",
        "cross",
        "state",
    )
    values = (7, "T", 100, "AAPL", ASK, "5", "Y", "A", "N", "N", "L")
    assert tuple(answer[name] for name in names) == values
    assert (answer["client_id"], answer["tail"]) == ("mine", b"\x05\x02ABCD")
    assert answer["reference"] > 0


@pytest.mark.parametrize("ref", [5, 4, 1, 0])
def test_a_number_not_above_the_last_is_dropped_in_silence(venue: LocalVenue, ref: int) -> None:
    venue.send(enter(5, price=BID))
    assert venue.send(enter(ref, price=BID)) == []
    assert venue.tally.counts["duplicates"] == 1


def test_numbers_may_jump(venue: LocalVenue) -> None:
    assert venue.kinds(enter(5, price=BID), enter(900, price=BID)) == "AA"


def test_the_account_query_tells_the_next_usable_number(venue: LocalVenue) -> None:
    assert only(venue.send(query()))["next_ref"] == 1
    venue.send(enter(41, price=BID))
    assert only(venue.send(query()))["next_ref"] == 42


def test_timestamps_never_stand_still(venue: LocalVenue) -> None:
    stamps = [a["timestamp"] for a in venue.send(*(enter(ref, price=BID) for ref in range(1, 50)))]
    assert all(earlier < later for earlier, later in pairwise(stamps))


# Cancel


def test_a_cancel_names_the_total_that_shall_be_left(venue: LocalVenue) -> None:
    venue.send(enter(1, "B", 600, price=ASK))  # 500 are filled at once, 100 open
    answer = only(venue.send(cancel(1, 540)))
    assert (answer["type"], answer["quantity"], answer["reason"]) == ("C", 60, "U")
    assert (venue.order(1).open, venue.order(1).live) == (40, True)


def test_a_cancel_below_what_is_executed_takes_all_that_is_open(venue: LocalVenue) -> None:
    venue.send(enter(1, "B", 600, price=ASK))
    assert only(venue.send(cancel(1, 100)))["quantity"] == 100
    assert venue.order(1).state == State.CANCELLED


@pytest.mark.parametrize("total", [100, 101, 999_999])
def test_a_cancel_can_not_enlarge_and_has_no_answer_then(venue: LocalVenue, total: int) -> None:
    venue.send(enter(1, "B", 100, price=BID))
    assert venue.send(cancel(1, total)) == []
    assert venue.order(1).open == 100


def test_a_cancel_of_a_dead_or_unknown_order_has_no_answer(venue: LocalVenue) -> None:
    venue.send(enter(1, "B", 100, price=ASK), enter(2, "B", 100, price=BID), cancel(2))
    assert venue.send(cancel(1), cancel(2), cancel(99)) == []
    assert venue.tally.counts["ignored"] == 3


def test_the_same_cancel_twice_cancels_once(venue: LocalVenue) -> None:
    venue.send(enter(1, "B", 100, price=BID))
    assert venue.kinds(cancel(1, 40), cancel(1, 40)) == "C"
    assert venue.order(1).open == 40


# Replace


def test_a_replace_counts_the_chains_executed_shares(venue: LocalVenue) -> None:
    venue.send(enter(1, "B", 600, price=ASK))  # 500 executed
    answer = only(venue.send(replace(1, 2, 800, BID)))
    assert (answer["type"], answer["original_ref"], answer["user_ref"]) == ("U", 1, 2)
    assert (answer["quantity"], answer["price"], answer["side"], answer["symbol"]) == (300, BID, "B", "AAPL")
    assert (venue.order(1).state, venue.order(2).total) == (State.REPLACED, 800)


def test_a_chain_goes_on_over_several_replaces(venue: LocalVenue) -> None:
    venue.send(enter(1, "B", 600, price=ASK), replace(1, 2, 800, BID))
    assert only(venue.send(replace(2, 3, 550, BID)))["quantity"] == 50
    assert only(venue.send(cancel(3, 520)))["quantity"] == 30


def test_a_replace_of_a_dead_order_is_ignored_and_its_number_stays_free(venue: LocalVenue) -> None:
    venue.send(enter(1, "B", 100, price=BID), cancel(1))
    assert venue.send(replace(1, 2, 100, BID)) == []
    assert only(venue.send(query()))["next_ref"] == 2
    assert venue.kinds(enter(2, "B", 100, price=BID)) == "A"


def test_a_replace_with_a_used_number_is_ignored(venue: LocalVenue) -> None:
    venue.send(enter(1, "B", 100, price=BID), enter(2, "B", 100, price=BID))
    assert venue.send(replace(1, 2, 100, BID)) == []
    assert venue.order(1).live


@pytest.mark.parametrize(
    "change",
    [
        {"quantity": 0},
        {"quantity": 1_000_000},
        {"price": 0},
        {"price": 0x7735939D},
        {"display": "?"},
        {"tif": "?"},
    ],
)
def test_an_invalid_replace_cancels_the_existing_order_and_its_number_stays_free(
    venue: LocalVenue, change: dict[str, Any]
) -> None:
    venue.send(enter(1, "B", 100, price=BID))
    answer = only(venue.send(replace(1, 2, **{"quantity": 100, "price": BID} | change)))
    assert (answer["type"], answer["user_ref"], answer["quantity"]) == ("C", 1, 100)
    assert only(venue.send(query()))["next_ref"] == 2


def test_a_replace_down_to_what_is_executed_cancels(venue: LocalVenue) -> None:
    venue.send(enter(1, "B", 600, price=ASK))
    assert only(venue.send(replace(1, 2, 500, BID)))["type"] == "C"


def test_a_replace_that_crosses_is_filled_under_its_new_number(venue: LocalVenue) -> None:
    venue.send(enter(1, "B", 100, price=BID))
    answers = venue.send(replace(1, 2, 100, ASK))
    assert [(a["type"], a["user_ref"]) for a in answers] == [("U", 2), ("E", 2)]


def test_a_replace_loses_its_place_in_the_queue(venue: LocalVenue) -> None:
    venue.send(enter(1, "B", 100, price=BID))
    venue.add(5, "B", 40, BID)
    venue.send(replace(1, 2, 100, BID))
    assert venue.execute(5, 40) == []


# Modify


@pytest.mark.parametrize(("old", "new"), [("S", "E"), ("S", "T"), ("E", "T")])
def test_a_sell_can_become_a_short_sell(venue: LocalVenue, old: str, new: str) -> None:
    venue.send(enter(1, old, 100, price=ASK))
    answer = only(venue.send(modify(1, new, 60)))
    assert (answer["type"], answer["side"], answer["quantity"]) == ("M", new, 60)
    assert venue.order(1).open == 60


@pytest.mark.parametrize(
    ("old", "new"), [("T", "S"), ("E", "S"), ("T", "E"), ("B", "S"), ("S", "B"), ("S", "?")]
)
def test_no_other_side_can_be_changed(venue: LocalVenue, old: str, new: str) -> None:
    venue.send(enter(1, old, 100, price=ASK if old != "B" else BID))
    assert venue.send(modify(1, new, 60)) == []
    assert (venue.order(1).side, venue.order(1).open) == (old, 100)


def test_a_modify_can_not_enlarge(venue: LocalVenue) -> None:
    venue.send(enter(1, "S", 100, price=ASK))
    assert only(venue.send(modify(1, "T", 900)))["quantity"] == 100


def test_a_modify_of_a_dead_order_has_no_answer(venue: LocalVenue) -> None:
    venue.send(enter(1, "S", 100, price=ASK), cancel(1))
    assert venue.send(modify(1, "T", 50)) == []


# Rejects


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"symbol": "NONE"}, 0x17), ({"side": "X"}, 0x9), ({"quantity": 0}, 0x13), ({"quantity": 1_000_000}, 0x13),
        ({"price": 0}, 0x1D), ({"price": 0x7735939D}, 0x1D), ({"price": 0x7FFFFFFF}, 0x1D),
        ({"price": 1_000_050}, 0x1D),
        ({"display": "Q"}, 0x3), ({"iso": "?"}, 0x8), ({"cross": "O"}, 0x14), ({"capacity": "?"}, 0xF),
        ({"tif": "9"}, 0xF), ({"tif": "6"}, 0xF), ({"options": ((3, struct.pack(">I", 101)),)}, 0xD),
        ({"options": ((5, struct.pack(">I", 10)),)}, 0x4), ({"options": ((6, b"M"),)}, 0x5),
        ({"options": ((14, b"SCAN"),)}, 0x16),
    ],
)  # fmt: skip
def test_what_can_not_be_accepted_is_rejected_by_its_reason_and_burns_its_number(
    venue: LocalVenue, change: dict[str, Any], reason: int
) -> None:
    answer = only(venue.send(enter(1, **{"price": BID, "client_id": "C1"} | change)))
    assert (answer["type"], answer["reason"], answer["client_id"]) == ("J", reason, "C1")
    assert venue.send(enter(1, price=BID)) == []
    assert venue.kinds(enter(2, price=BID)) == "A"


@pytest.mark.parametrize("price", [5_001, 0x7735939C, 100])
def test_prices_at_the_edges_are_accepted(venue: LocalVenue, price: int) -> None:
    assert venue.kinds(enter(1, "S" if price > ASK else "B", price=price)) == "A"


@pytest.mark.parametrize(
    "message",
    [b"", b"?", b"O", enter(1)[:46], enter(1) + b"x", cancel(1)[:8], cancel(1) + b"x",
     enter(1)[:-2] + b"\x00\x03\x05\x02A", enter(1)[:-2] + b"\x00\x02\x00\x02", enter(1)[:-2] + b"\x00\x04\x03\x02AB"],
)  # fmt: skip
def test_what_is_no_message_is_counted_and_changes_nothing(venue: LocalVenue, message: bytes) -> None:
    assert venue.send(message) == []
    assert venue.tally.counts["malformed"] == 1
    assert venue.kinds(enter(1, price=BID)) == "A"


def test_an_unknown_option_is_carried_along(venue: LocalVenue) -> None:
    assert only(venue.send(enter(1, price=BID, options=((77, b"xyz"),))))["tail"] == b"\x04Mxyz"


# Hours


def system_event(venue: LocalVenue, code: str) -> list[dict[str, Any]]:
    return venue.itch("S", stock_locate=0, event_code=code)


def test_day_orders_end_with_the_markets_hours_and_others_with_the_systems(venue: LocalVenue) -> None:
    venue.send(enter(1, price=BID), enter(2, price=BID, tif="5"))
    answer = only(system_event(venue, "M"))
    assert (answer["type"], answer["user_ref"], answer["reason"]) == ("C", 1, "T")
    answer = only(system_event(venue, "E"))
    assert (answer["user_ref"], answer["reason"]) == (2, "T")
    assert only(venue.send(enter(3, price=BID)))["reason"] == 0x2


def test_a_day_order_after_the_close_is_accepted_and_cancelled(venue: LocalVenue) -> None:
    system_event(venue, "M")
    answers = venue.send(enter(1, price=BID))
    assert [(a["type"], a.get("reason")) for a in answers] == [("A", None), ("C", "E")]


def test_a_good_till_time_order_times_out(venue: LocalVenue) -> None:
    venue.market.time_ns = lambda: 50_000 * 10**9
    options = ((15, struct.pack(">I", 50_010)),)
    venue.send(enter(1, price=BID, tif="6", options=options))
    venue.venue.expire()
    assert venue.answers() == []
    venue.market.time_ns = lambda: 50_010 * 10**9
    venue.venue.expire()
    assert only(venue.answers())["reason"] == "T"


def test_after_a_moment_is_strictly_after_it(venue: LocalVenue) -> None:
    for ref, received_ns in ((1, 100), (2, 200), (3, 300)):
        venue.venue.handle(enter(ref, price=BID if ref != 3 else 0), received_ns)
    assert venue.tally.after(100) == {"received": 2, "accepted": 1, "user_refs": [2]}
    assert venue.tally.after(99)["received"] == 3
    assert venue.tally.after(300)["received"] == 0


# Money


def test_positions_values_and_fees(venue: LocalVenue) -> None:
    venue.send(enter(1, "B", 100, price=ASK), enter(2, "S", 30, price=BID))
    position = venue.tally.positions["AAPL"]
    assert (position.bought, position.sold) == (100, 30)
    assert (position.bought_value_e4, position.sold_value_e4) == (100 * ASK, 30 * BID)
    assert position.fees_e4 == 130 * 30
    venue.send(enter(3, "B", 50, price=BID + 100))
    venue.add(9, "S", 50, BID + 100)
    assert position.fees_e4 == 130 * 30 - 50 * 20
