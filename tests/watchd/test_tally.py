"""watchd's own count: every sum a second time, and what counts as a disagreement."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from watchd.tally import Entry, Holding, Tally, WindowOrder

BUY, SELL = 1, 2
MS = 1_000_000


def entry(
    instrument_id: int = 7, updates_seq: int = 0, position: int = 0, price: int = 0, **more: int
) -> Entry:
    """The start of a day: `position` at `price`."""
    values = {
        "bought_quantity": 0,
        "sold_quantity": 0,
        "bought_value": 0,
        "sold_value": 0,
        "start_position": position,
    }
    values |= {"start_price": price, "mark_price": price}
    return Entry(updates_seq, instrument_id, position, **(values | more))


def after(holding: Holding, seq: int) -> Entry:
    """What a gateway that counted the same would say."""
    return Entry(
        seq, holding.instrument_id, holding.position, holding.start_position, holding.bought_quantity,
        holding.sold_quantity, holding.bought_value, holding.sold_value, holding.start_price, holding.mark_price,
    )  # fmt: skip


def test_a_round_trip_is_realized_and_what_is_held_is_marked() -> None:
    holding = Holding.of(entry())
    holding.fill(BUY, 100, 10)
    holding.fill(SELL, 40, 13)
    holding.mark_price = 12
    assert (holding.position, holding.realized_value, holding.marked_value) == (60, 40 * 3, 40 * 3 + 60 * 2)


def test_through_zero_the_rest_opens_at_the_fill_s_price() -> None:
    holding = Holding.of(entry(position=10, price=100))
    holding.fill(SELL, 30, 90)
    holding.mark_price = 90
    assert (holding.position, holding.realized_value, holding.marked_value) == (-20, -100, -100)
    holding.fill(BUY, 20, 80)
    assert (holding.position, holding.realized_value, holding.cost_value) == (0, 100, 0)


def test_a_broken_fill_is_as_if_it_had_never_been() -> None:
    holding = Holding.of(entry(position=5, price=100))
    holding.fill(BUY, 100, 110)
    holding.break_fill(BUY, 100, 110)
    holding.mark_price = 100
    assert (holding.position, holding.bought_value, holding.marked_value) == (5, 0, 0)


@pytest.mark.parametrize("seed", range(20))
def test_random_days_add_up(seed: int) -> None:
    made = random.Random(seed)
    start, start_price = made.randint(-50, 50), made.randint(1, 200)
    holding, cash, position = Holding.of(entry(position=start, price=start_price)), 0, start
    for _ in range(200):
        side, quantity, price = made.choice([BUY, SELL]), made.randint(1, 40), made.randint(1, 200)
        holding.fill(side, quantity, price)
        sign = 1 if side == BUY else -1
        cash, position = cash - sign * quantity * price, position + sign * quantity
        holding.mark_price = made.randint(1, 200)
        assert holding.position == position
        assert holding.marked_value == cash + position * holding.mark_price - start * start_price
        unrealized = position * holding.mark_price - holding.cost_value
        assert holding.realized_value == holding.marked_value - unrealized
        assert position or holding.realized_value == holding.marked_value


def test_begun_in_the_middle_of_the_day_a_flat_holding_knows_its_realized_value_exactly() -> None:
    found = entry(bought_quantity=10, sold_quantity=10, bought_value=1000, sold_value=1100)
    assert Holding.of(found).realized_value == 100


def test_begun_in_the_middle_of_the_day_the_cost_is_the_day_s_average() -> None:
    found = replace(
        entry(bought_quantity=30, sold_quantity=10, bought_value=3000, sold_value=1200), position=20
    )
    assert (Holding.of(found).cost_value, Holding.of(found).realized_value) == (2000, 200)


# -- the gateway's account beside it ------------------------------------------------------------------------------


def counted(*fills: tuple[int, int, int, int], disagree_ns: int = 100 * MS) -> Tally:
    tally = Tally(disagree_ns)
    assert tally.begin(entry())
    for sequence, side, quantity, price in fills:
        tally.moved(sequence, 7, side, quantity, price, broken=False)
    return tally


def test_equal_accounts_agree() -> None:
    tally = counted((3, BUY, 10, 5))
    for now in range(5):
        tally.compare(after(tally.holdings[7], 3), 3, now * 100 * MS + 1)
    assert tally.sum().disagreement == ""


@pytest.mark.parametrize(
    "name", ["position", "bought_quantity", "sold_quantity", "bought_value", "sold_value"]
)
def test_a_difference_that_lasts_is_a_disagreement(name: str) -> None:
    tally = counted((3, BUY, 10, 5))
    wrong = replace(after(tally.holdings[7], 3), **{name: 99})
    tally.compare(wrong, 3, 1 * MS)
    tally.compare(wrong, 3, 100 * MS)
    assert tally.look.disagreement == ""
    tally.compare(wrong, 3, 101 * MS)
    assert f"{name} is 99 by the gateway's account" in tally.look.disagreement


def test_a_difference_that_goes_is_none() -> None:
    tally = counted((3, BUY, 10, 5))
    right = after(tally.holdings[7], 3)
    for now in range(1, 10):
        tally.compare(right if now % 2 else replace(right, position=1), 3, now * 90 * MS)
    assert tally.look.disagreement == ""


@pytest.mark.parametrize(
    ("entry_seq", "read_seq"),
    [
        (2, 3),  # an entry from before the fill
        (4, 3),  # an entry that has an update in it that we have not read
    ],
)
def test_what_is_of_two_moments_is_not_compared(entry_seq: int, read_seq: int) -> None:
    tally = counted((3, BUY, 10, 5))
    for now in range(1, 5):
        tally.compare(entry(updates_seq=entry_seq, position=99), read_seq, now * 100 * MS)
    assert tally.look.disagreement == ""


def test_fills_that_the_entry_had_already_are_not_counted_twice() -> None:
    tally = Tally(0)
    tally.begin(replace(entry(updates_seq=5, bought_quantity=10, bought_value=50), position=10))
    tally.moved(4, 7, BUY, 10, 5, broken=False)
    tally.moved(5, 7, BUY, 10, 5, broken=False)
    assert tally.holdings[7].position == 10
    tally.moved(6, 7, SELL, 10, 5, broken=False)
    assert tally.holdings[7].position == 0


def test_an_instrument_that_comes_up_begins_with_an_entry_that_has_its_last_fill() -> None:
    tally = Tally(0)
    tally.moved(4, 9, BUY, 1, 5, broken=False)
    tally.moved(6, 9, BUY, 1, 5, broken=False)
    assert tally.due == {9: 6}
    assert not tally.begin(entry(9, updates_seq=5))
    assert tally.begin(replace(entry(9, updates_seq=6), position=2))
    assert (tally.holdings[9].position, tally.due) == (2, {})


def test_the_gateway_s_new_start_is_ours_and_symbols_and_marks_stay() -> None:
    tally = counted((3, BUY, 10, 5))
    tally.holdings[7].symbol = "AAPL"
    tally.restarted(3, 7)
    assert tally.due == {}, "older than what we know"
    tally.restarted(8, 7)
    assert not tally.begin(entry(updates_seq=7))
    assert tally.begin(entry(updates_seq=8, position=4, price=3))
    assert (tally.holdings[7].position, tally.holdings[7].symbol, tally.holdings[7].mark_price) == (
        4,
        "AAPL",
        5,
    )


def test_while_a_new_start_is_due_nothing_is_compared() -> None:
    tally = counted((3, BUY, 10, 5))
    tally.restarted(4, 7)
    for now in range(1, 5):
        tally.compare(entry(updates_seq=4, position=99), 4, now * 100 * MS)
    assert tally.look.disagreement == ""


def test_the_last_orders_in_the_window_are_kept() -> None:
    tally = Tally(0)
    for number in range(100):
        tally.caught(WindowOrder(number, 7, 1, number))
    assert [order.order_id for order in tally.look.in_window] == list(range(36, 100))
