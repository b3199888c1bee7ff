"""The generated day: same seed, same bytes; consistent books; the documented mix."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from paperd.capture import Capture, index_messages, load_capture
from paperd.day import DayConfig, DayConfigError, generate_day, write_day
from paperd.itch50 import LAYOUTS, decode


@pytest.fixture(scope="module")
def session_day() -> Capture:
    """300,000 messages, 50 instruments: the regular-session mix."""
    return index_messages(generate_day(DayConfig(messages=300_000)))


class PlainBook:
    """The simplest book that can be wrong about nothing: orders by reference, in order of arrival."""

    def __init__(self) -> None:
        self.orders: dict[int, list[int]] = {}  # reference: locate, side sign, price, shares
        self.levels: dict[tuple[int, int], dict[int, list[int]]] = {}  # locate, sign: price: references

    def enter(self, reference: int, locate: int, sign: int, price: int, shares: int) -> None:
        assert shares > 0
        assert price > 0
        self.orders[reference] = [locate, sign, price, shares]
        self.levels.setdefault((locate, sign), {}).setdefault(price, []).append(reference)

    def take(self, reference: int, shares: int) -> None:
        order = self.orders[reference]
        assert 0 < shares <= order[3]
        order[3] -= shares
        if order[3] == 0:
            self.leave(reference)

    def leave(self, reference: int) -> list[int]:
        order = self.orders.pop(reference)
        level = self.levels[order[0], order[1]]
        level[order[2]].remove(reference)
        if not level[order[2]]:
            del level[order[2]]
        return order

    def best(self, locate: int, sign: int) -> int | None:
        prices = self.levels.get((locate, sign))
        return None if not prices else (max(prices) if sign > 0 else min(prices))


def replayed(capture: Capture) -> tuple[PlainBook, Counter[str]]:
    """Walk a day through a PlainBook; every rule of the feed is asserted on the way."""
    book, seen, references = PlainBook(), Counter[str](), set[int]()
    for number in range(len(capture)):
        message = decode(capture.message(number))
        kind = message["type"]
        seen[str(kind)] += 1
        reference = int(message.get("order_reference", 0))
        if kind in ("A", "F"):
            assert reference not in references
            references.add(reference)
            sign = 1 if message["side"] == "B" else -1
            book.enter(
                reference,
                int(message["stock_locate"]),
                sign,
                int(message["price_e4"]),
                int(message["shares"]),
            )
        elif kind in ("E", "C"):
            locate, sign, price, _ = book.orders[reference]
            assert price == book.best(locate, sign), "trades take the best price"
            assert book.levels[locate, sign][price][0] == reference, "trades take the oldest order"
            book.take(reference, int(message["executed_shares"]))
        elif kind == "X":
            assert int(message["cancelled_shares"]) < book.orders[reference][3], "a whole cancel is a D"
            book.take(reference, int(message["cancelled_shares"]))
        elif kind == "D":
            book.leave(reference)
        elif kind == "U":
            locate, sign, _, _ = book.leave(reference)
            assert int(message["new_order_reference"]) not in references
            references.add(int(message["new_order_reference"]))
            book.enter(
                int(message["new_order_reference"]),
                locate,
                sign,
                int(message["price_e4"]),
                int(message["shares"]),
            )
        if kind in ("A", "F", "U"):
            locate = int(message["stock_locate"])
            bid, ask = book.best(locate, 1), book.best(locate, -1)
            assert bid is None or ask is None or bid < ask, "never crossed"
    return book, seen


def test_books_are_consistent_and_trades_take_the_queue_in_price_time_priority(small_day: Capture) -> None:
    book, _ = replayed(small_day)
    assert all(book.best(locate, sign) is not None for locate in range(1, 11) for sign in (1, -1))


def test_all_23_types_occur_in_a_small_day(small_day: Capture) -> None:
    assert set(small_day.counts()) == set(LAYOUTS)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    first = generate_day(DayConfig(seed=3, instruments=4, messages=3_000))
    again = generate_day(DayConfig(seed=3, instruments=4, messages=3_000))
    other = generate_day(DayConfig(seed=4, instruments=4, messages=3_000))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_messages_is_the_exact_number() -> None:
    for messages in (2_000, 2_001, 2_777):
        day = generate_day(DayConfig(instruments=3, messages=messages))
        assert len(index_messages(day)) == messages


def test_one_instrument_makes_a_day() -> None:
    day = index_messages(generate_day(DayConfig(instruments=1, messages=5_000)))
    assert len(day) == 5_000


def test_timestamps_never_fall_and_span_the_session(session_day: Capture) -> None:
    config = DayConfig(messages=300_000)
    assert np.all(np.diff(session_day.timestamp_ns) >= 0)
    end_s = (int(session_day.timestamp_ns[-1]) - config.open_ns) / 1e9
    assert config.session_s * 0.9 < end_s < config.session_s * 1.1


def test_a_duration_ends_the_session_on_time() -> None:
    config = DayConfig(instruments=5, duration_s=2.0)
    day = index_messages(generate_day(config))
    end_of_market = np.flatnonzero(day.type == ord("S"))[-3]
    assert decode(day.message(int(end_of_market)))["event_code"] == "M"
    assert 0 <= int(day.timestamp_ns[end_of_market]) - config.open_ns - 2_000_000_000 < 1_000_000


def test_the_session_mix_is_near_a_regular_nasdaq_session(session_day: Capture) -> None:
    opened = session_day.timestamp_ns > DayConfig().open_ns + 1_000_000
    share = np.bincount(session_day.type[opened], minlength=256) / np.count_nonzero(opened)
    bounds = {"A": (0.40, 0.45), "D": (0.38, 0.43), "U": (0.07, 0.10), "E": (0.03, 0.055), "X": (0.014, 0.025),
              "F": (0.008, 0.013), "P": (0.004, 0.009), "C": (0.0005, 0.003)}  # fmt: skip
    outside = {
        kind: share[ord(kind)] for kind, (low, high) in bounds.items() if not low < share[ord(kind)] < high
    }
    assert outside == {}


def test_arrivals_come_in_bursts(session_day: Capture) -> None:
    opened = session_day.timestamp_ns[session_day.timestamp_ns > DayConfig().open_ns + 1_000_000]
    counts = np.bincount((opened - opened[0]) // 10_000_000)[:-1]
    assert counts.var() / counts.mean() > 2.0, "a Poisson stream has 1"


def test_the_directory_precedes_every_order(small_day: Capture) -> None:
    first_order = small_day.first_order()
    assert first_order is not None
    assert small_day.type[0] == ord("S")
    assert np.flatnonzero(small_day.type == ord("R")).max() < first_order


def test_nothing_trades_while_an_instrument_is_halted(small_day: Capture) -> None:
    halted: set[int] = set()
    halts = 0
    for number in range(len(small_day)):
        message = decode(small_day.message(number))
        locate = int(message["stock_locate"])
        if message["type"] == "H":
            (halted.discard if message["trading_state"] == "T" else halted.add)(locate)
            halts += message["trading_state"] in ("H", "P")
        elif message["type"] == "h":
            (halted.discard if message["halt_action"] == "T" else halted.add)(locate)
        assert not (locate in halted and message["type"] in ("E", "C", "P"))
    assert halts == 2


def test_a_broken_trade_names_a_match_that_happened(small_day: Capture) -> None:
    matches: set[int] = set()
    broken = 0
    for number in range(len(small_day)):
        message = decode(small_day.message(number))
        if message["type"] == "B":
            broken += 1
            assert message["match_number"] in matches
        elif "match_number" in message:
            matches.add(int(message["match_number"]))
    assert broken == 1


def test_pure_mix_holds_only_directory_and_flow() -> None:
    day = index_messages(generate_day(DayConfig(instruments=20, messages=20_000, pure_mix=True)))
    assert len(day) == 20_000
    assert set(day.counts()) <= set("SRAFECXDUPN")


def test_writing_to_a_file_gives_the_same_bytes(tmp_path: Path) -> None:
    config = DayConfig(instruments=30, messages=250_000)
    messages = write_day(tmp_path / "day", config)
    assert messages == 250_000
    assert np.array_equal(load_capture(tmp_path / "day").data, generate_day(config))


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("instruments", {"instruments": 0}),
        ("seed", {"seed": -1}),
        ("signal", {"signal": 1.5}),
        ("pressure_s", {"pressure_s": 0.0}),
        ("duration_s", {"duration_s": 23_401.0}),
        ("messages", {"messages": 10**9, "messages_per_second": 1.0}),
        ("messages_per_second", {"messages": 9, "duration_s": 1.0, "messages_per_second": 1.0}),
    ],
)
def test_an_unusable_value_is_refused_by_field(field: str, values: dict[str, float]) -> None:
    with pytest.raises(DayConfigError) as refused:
        DayConfig(**values)  # type: ignore[arg-type]
    assert refused.value.field == field


def test_too_few_messages_for_the_script_are_refused_with_the_least() -> None:
    with pytest.raises(DayConfigError, match="messages: 10 instruments need at least"):
        generate_day(DayConfig(instruments=10, messages=300))
