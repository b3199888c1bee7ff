"""The gate's age of the feed: only what is new, with nothing missing before it, keeps the books fit to trade on."""

from __future__ import annotations

import itertools
import time
import warnings
from collections.abc import Callable

import pytest
from feedd_harness import wait_until
from order_circle import AAPL, OrderCircle

from hft.layout.dtypes import IntentAction, UpdateKind
from hft.regions import monotonic_ns
from paperd.itch50 import LAYOUTS, encode

Make = Callable[..., OrderCircle]
AGE_MS = 400
NEXT = 7  # behind the messages of OrderCircle.send_book


@pytest.fixture
def suite(circle: Make) -> OrderCircle:
    return circle(risk={"book_age_ms_max": AGE_MS}, lines={"gap_timeout_ms": 60_000}).begin()


def trade(match_number: int) -> bytes:
    """A message that changes no book."""
    fields: dict[str, int | str] = {field.name: "" if field.is_text else 0 for field in LAYOUTS["P"].fields}
    return encode(
        "P", **fields | {"stock_locate": AAPL, "stock": "AAPL", "side": "B", "match_number": match_number}
    )


def outcome(suite: OrderCircle) -> str:
    """Of one order, which is cancelled if it rests: ACCEPTED, or why it was refused."""
    order, told = suite.outcome()
    if told == "ACCEPTED":
        suite.send(action=int(IntentAction.CANCEL), order_id=order)
        suite.updates(UpdateKind.CANCELED)
    return told


def for_longer_than_the_limit(step: Callable[[], None]) -> None:
    end = time.monotonic() + 1.5 * AGE_MS / 1e3
    while time.monotonic() < end:
        step()
        time.sleep(0.02)


def test_heartbeats_at_the_end_of_what_is_known_keep_the_books_fresh(suite: OrderCircle) -> None:
    for attempt in range(2):
        for_longer_than_the_limit(lambda: suite.feed.send_count(NEXT, 0))
        sent_ns = monotonic_ns()
        suite.feed.send_count(NEXT, 0)
        _, update = suite.answer()
        took_ms = (int(update["publish_ts_ns"]) - sent_ns) / 1e6
        if update["kind"] == UpdateKind.ACCEPTED or took_ms <= AGE_MS:
            break
        text = f"attempt {attempt + 1}: refused {took_ms:.0f} ms after the last heartbeat, as it must be then"
        warnings.warn(text, stacklevel=1)
    assert update["kind"] == UpdateKind.ACCEPTED, update["reason"]


def test_copies_strays_and_noise_do_not(suite: OrderCircle) -> None:
    def step() -> None:
        suite.send_book()
        suite.feed.send_count(NEXT - 1, 0)
        suite.feed.send(NEXT, [trade(1)], lines="a", session="STRAY")
        suite.feed.send_raw("a", b"noise")

    for_longer_than_the_limit(step)
    assert outcome(suite) == "BOOK_STALE"

    def back() -> bool:
        suite.feed.send_count(NEXT, 0)
        return outcome(suite) == "ACCEPTED"

    wait_until(back, "the feed is back")


def test_while_a_message_is_missing_those_behind_it_do_not(suite: OrderCircle) -> None:
    sequences = itertools.count(NEXT + 1)
    for_longer_than_the_limit(lambda: suite.feed.send(next(sequences), [trade(1)]))
    assert outcome(suite) == "BOOK_STALE"
    suite.feed.send(NEXT, [trade(1)])
    assert outcome(suite) == "BOOK_STALE"  # what was behind it is as old as it is

    def back() -> bool:
        suite.feed.send(next(sequences), [trade(1)])
        return outcome(suite) == "ACCEPTED"

    wait_until(back, "nothing is missing any more")
