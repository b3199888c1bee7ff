"""Sessions, silence, time, gaps and malformed input, packet by packet."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable

import numpy as np
import pytest
from feedd_harness import (
    Feed,
    Feedd,
    decoded,
    feed_events,
    own_events,
    split_capture,
    wait_until,
)

from hft.layout.dtypes import BookValidity, EventFlags, EventKind, RegionKind

Make = Callable[..., Feedd]
QUIET = {"tick_interval_us": 10_000_000}


@pytest.fixture(scope="module")
def messages(small_day: bytes) -> list[bytes]:
    """The first 300 messages of the day: directory, states, orders."""
    return split_capture(small_day)[:300]


# A first packet that is late finds the alarm raised already.
UNTIL_SILENT = r"(\+|!\+\*)!"


def session_codes(feedd: Feedd) -> str:
    return "".join(chr(code) for code in own_events(feedd.ring(), EventKind.SESSION)["code"])


def test_a_session_begins_with_its_first_packet_and_ends_with_the_venues_word(
    make_feedd: Make, feed: Feed, messages: list[bytes]
) -> None:
    feedd = make_feedd(feed.keys() | QUIET).start()
    feed.send(1, messages[:20])
    feed.send_count(21, 0xFFFF)
    feedd.wait_for_stat("feedd_end_of_session", 1)
    feedd.wait_for_stat("feedd_messages_decoded_total", 20)
    assert session_codes(feedd) == "+."
    assert feedd.stat("feedd_messages_decoded_total") == 20


def test_a_new_session_starts_from_one_and_forgets_the_books(
    make_feedd: Make, feed: Feed, messages: list[bytes], small_day: bytes
) -> None:
    feedd = make_feedd(feed.keys() | QUIET).start()
    feed.send(1, messages[:40])
    feed.send_count(41, 0xFFFF)
    feedd.wait_for_stat("feedd_end_of_session", 1)
    feed.send(1, messages[:40], session="SESSION002")
    feed.send(39, messages[38:40], session="SESSION001")  # a late packet of the first
    feedd.wait_for_stat("feedd_messages_decoded_total", 80)
    feedd.wait_for_stat("feedd_foreign_session_packets_total", 2)
    events = feedd.ring()
    first = decoded(small_day)[:40]
    assert session_codes(feedd) == "+.+"
    np.testing.assert_array_equal(feed_events(events), np.concatenate([first, first]))


def test_a_stray_packet_of_another_session_changes_nothing(
    make_feedd: Make, feed: Feed, messages: list[bytes], small_day: bytes
) -> None:
    feedd = make_feedd(feed.keys() | QUIET).start()
    feed.send(1, messages[:40], lines="a")
    feed.send(1, messages[:5], lines="a", session="STRAY")
    feed.send(41, messages[40:80], lines="a")
    feedd.wait_for_stat("feedd_messages_decoded_total", 80)
    feedd.wait_for_stat("feedd_foreign_session_packets_total", 1)
    assert session_codes(feedd) == "+"
    np.testing.assert_array_equal(feed_events(feedd.ring()), decoded(small_day)[:80])


def test_a_session_that_begins_without_the_end_of_the_one_before_is_taken_up(
    make_feedd: Make, feed: Feed, messages: list[bytes]
) -> None:
    feedd = make_feedd(feed.keys() | QUIET).start()
    feed.send(1, messages[:40], lines="a")
    feedd.wait_for_stat("feedd_messages_decoded_total", 40)
    feed.send(1, messages[:40], lines="aab", session="SESSION002")
    feedd.wait_for_stat("feedd_messages_decoded_total", 80)
    assert session_codes(feedd) == "++"


def test_a_feed_joined_live_is_partial(make_feedd: Make, feed: Feed, messages: list[bytes]) -> None:
    feedd = make_feedd(feed.keys() | QUIET | {"join": "live"}).start()
    feed.send(100, messages[100:150])
    feedd.wait_for_stat("feedd_messages_decoded_total", 50)
    events = feedd.ring()
    assert own_events(events, EventKind.GAP).size == 0
    of_instruments = events[events["instrument_id"] != 0]
    assert set(of_instruments["validity"].tolist()) == {int(BookValidity.PARTIAL)}


def test_a_gap_that_nobody_fills_is_published_after_its_time_and_invalidates_the_board(
    make_feedd: Make, feed: Feed, messages: list[bytes]
) -> None:
    feedd = make_feedd(feed.keys() | QUIET | {"gap_timeout_ms": 20}).start()
    feed.send(1, messages[:60])
    feed.send(66, messages[65:80])
    feedd.wait_for_stat("feedd_gap_messages_total", 5)
    (gap,) = own_events(feedd.ring(), EventKind.GAP)
    assert (gap["order_reference"], gap["quantity"], gap["feed_sequence"]) == (61, 5, 66)
    board = feedd.region("market.board", RegionKind.MARKET_BOARD)
    assert board.peer_generation == feedd.region("market.ring", RegionKind.MARKET_RING).generation
    entries = feedd.board()
    named = entries[entries["symbol"][:, 0] != 0]
    assert named.size > 0
    assert set(named["validity"].tolist()) == {int(BookValidity.INVALID_GAP)}


def test_the_second_line_fills_what_the_first_lost(
    make_feedd: Make, feed: Feed, messages: list[bytes], small_day: bytes
) -> None:
    feedd = make_feedd(feed.keys() | QUIET | {"gap_timeout_ms": 60_000}).start()
    feed.send(1, messages[:10], lines="a")
    feed.send(21, messages[20:30], lines="a")
    feed.send(11, messages[10:20], lines="b")
    feedd.wait_for_stat("feedd_messages_decoded_total", 30)
    events = feedd.ring()
    np.testing.assert_array_equal(feed_events(events), decoded(small_day)[:30])
    from_b = (events["flags"] & int(EventFlags.LINE_B)) != 0
    assert events["feed_sequence"][from_b].tolist() == list(range(11, 21))


def test_a_silent_feed_raises_an_alarm_once_and_is_greeted_when_it_is_back(
    make_feedd: Make, feed: Feed, messages: list[bytes]
) -> None:
    feedd = make_feedd(feed.keys() | QUIET | {"silence_alarm_ms": 150}).start()
    feed.send(1, messages[:5])
    wait_until(lambda: bool(re.fullmatch(UNTIL_SILENT, session_codes(feedd))), "the alarm")
    feedd.wait_for_stat("feedd_silence_alarms_total", 1)
    feedd.wait_for_stat("feedd_feed_silent", 1)

    def back() -> bool:
        feed.send_count(6, 0)  # a heartbeat is a sign of life
        return feedd.stat("feedd_feed_silent") == 0

    wait_until(back, "the feed is back")
    feedd.wait_for_stat("feedd_silence_alarms_total", 2)
    wait_until(lambda: session_codes(feedd).endswith("*!"), "the next alarm")
    assert re.match(UNTIL_SILENT + r"\*!", session_codes(feedd))


def test_what_is_not_of_the_session_breaks_no_silence(
    make_feedd: Make, feed: Feed, messages: list[bytes]
) -> None:
    feedd = make_feedd(feed.keys() | QUIET | {"silence_alarm_ms": 150}).start()
    feed.send(1, messages[:5])
    feedd.wait_for_stat("feedd_messages_decoded_total", 5)

    def noise() -> bool:
        feed.send_raw("a", b"noise")
        feed.send(1, messages[:1], lines="b", session="STRAY")
        feed.send(1, messages[:1], lines="b", session="OTHER")
        return bool(re.fullmatch(UNTIL_SILENT, session_codes(feedd)))

    wait_until(noise, "the alarm")
    feedd.wait_for_stat("feedd_feed_silent", 1)
    assert noise(), session_codes(feedd)


def test_after_the_end_of_a_session_silence_is_no_alarm(
    make_feedd: Make, feed: Feed, messages: list[bytes]
) -> None:
    feedd = make_feedd(feed.keys() | {"silence_alarm_ms": 50, "tick_interval_us": 10_000}).start()
    feed.send(1, messages[:5])
    feed.send_count(6, 0xFFFF)
    feedd.wait_for_stat("feedd_end_of_session", 1)
    ticks = feedd.stat("feedd_ticks_total")
    feedd.wait_for_stat("feedd_ticks_total", ticks + 20)  # four times the alarm's time
    assert "!" not in session_codes(feedd).split(".")[1]


def test_time_passes_in_the_ring_while_the_feed_is_silent(
    make_feedd: Make, feed: Feed, messages: list[bytes]
) -> None:
    feedd = make_feedd(feed.keys() | {"tick_interval_us": 2000}).start()
    feed.send(1, messages[:5])
    feedd.wait_for_stat("feedd_messages_decoded_total", 5)
    before = feedd.stat("feedd_ticks_total")
    feedd.wait_for_stat("feedd_ticks_total", before + 50)
    ticks = own_events(feedd.ring(), EventKind.TICK)
    stamps = ticks["publish_ts_ns"].astype(np.int64)
    assert np.median(np.diff(stamps)) >= 2_000_000 - 500_000
    # Rounds are spaced by their beginning, and one may be taken off its core before it stamps its tick.
    late = stamps - 2_000_000 * np.arange(len(stamps))
    assert late[-1] - late[:10].min() >= -500_000, "no more ticks than there was time for"
    assert set(ticks["exchange_ts_ns"][-50:].tolist()) == {int(feedd.ring()["exchange_ts_ns"].max())}


def test_malformed_packets_and_messages_are_counted_by_reason_and_publish_nothing(
    make_feedd: Make, feed: Feed, messages: list[bytes]
) -> None:
    feedd = make_feedd(feed.keys() | QUIET).start()
    feed.send(1, messages[:3], lines="a")
    header = struct.Struct(">10sQH")
    feed.send_raw("a", b"short")
    feed.send_raw("a", header.pack(b"SESSION001", 0, 1) + b"\0\1S")
    feed.send_raw("a", header.pack(b"SESSION001", 4, 1) + b"\0\xffS")
    feed.send_raw("a", header.pack(b"SESSION001", 4, 1) + b"\0")
    feed.send_raw("a", header.pack(b"SESSION001", 4, 0) + b"tail")
    feed.send(4, [b"", b"?unknown", messages[5][:-1], messages[5] + b"x", messages[3]], lines="a")
    feedd.wait_for_stat("feedd_messages_decoded_total", 4)
    reasons = ("short_header", "sequence_zero", "block_cut", "block_length_cut", "trailing_bytes")
    assert [feedd.stat(f'feedd_malformed_packets_total{{reason="{r}"}}') for r in reasons] == [1] * 5
    reasons = ("empty", "unknown_type", "too_short", "too_long")
    assert [feedd.stat(f'feedd_malformed_messages_total{{reason="{r}"}}') for r in reasons] == [1] * 4
    assert feed_events(feedd.ring())["feed_sequence"].tolist() == [1, 2, 3, 8]


def test_reaching_a_capacity_is_counted_and_marks_the_books(
    make_feedd: Make, feed: Feed, small_day: bytes
) -> None:
    feedd = make_feedd(feed.keys() | QUIET, {"orders": 1024}).start()
    adds = [m for m in split_capture(small_day) if m[:1] == b"A"][:1200]
    for first in range(0, len(adds), 20):
        feed.send(first + 1, adds[first : first + 20])
    feedd.wait_for_stat("feedd_messages_decoded_total", len(adds))
    feedd.wait_for_stat('feedd_capacity_reached_total{of="orders"}', 1)
    assert feedd.stat('feedd_capacity_reached_total{of="orders"}') > 0
    assert int(BookValidity.INVALID_CAPACITY) in feedd.ring()["validity"].tolist()
