"""Cutting a capture into packets: what shares a datagram, and when it is due."""

from __future__ import annotations

import numpy as np
import pytest

from paperd.capture import Capture, index_messages
from paperd.itch50 import encode, frame
from paperd.mold import HEADER_BYTES
from paperd.pacing import AS_FAST_AS_POSSIBLE, Pacing, plan_packets


def capture_at(*times_ns: int) -> Capture:
    """Deletes (19 bytes, 21 framed) at the given times."""
    messages = [
        encode("D", stock_locate=1, tracking_number=0, timestamp_ns=time_ns, order_reference=1)
        for time_ns in times_ns
    ]
    return index_messages(np.frombuffer(b"".join(map(frame, messages)), np.uint8))


def test_packets_cover_every_byte_of_the_capture_once(small_day: Capture) -> None:
    plan = plan_packets(small_day, Pacing())
    assert plan.start_byte[0] == 0
    assert plan.end_byte[-1] == len(small_day.data)
    assert np.array_equal(plan.start_byte[1:], plan.end_byte[:-1])
    assert np.array_equal(plan.first[1:], plan.first[:-1] + plan.messages[:-1])
    assert plan.messages.sum() == len(small_day)


@pytest.mark.parametrize("payload_bytes", [120, 500, 1_400])
def test_no_packet_exceeds_the_payload_ceiling(small_day: Capture, payload_bytes: int) -> None:
    plan = plan_packets(small_day, Pacing(speed=AS_FAST_AS_POSSIBLE, payload_bytes=payload_bytes))
    assert (plan.end_byte - plan.start_byte).max() + HEADER_BYTES <= payload_bytes


def test_a_full_packet_could_not_have_held_one_more(small_day: Capture) -> None:
    plan = plan_packets(small_day, Pacing(speed=AS_FAST_AS_POSSIBLE))
    next_block = small_day.length[plan.first[1:]] + 2
    assert np.all((plan.end_byte - plan.start_byte)[:-1] + next_block + HEADER_BYTES > 1_400)


def test_spacing_is_divided_by_the_speed() -> None:
    plan = plan_packets(capture_at(1_000, 5_001_000, 9_001_000), Pacing(speed=4.0, coalesce_ns=0))
    assert plan.due_ns.tolist() == [0, 1_250_000, 2_250_000]


def test_messages_closer_than_the_window_share_a_packet_that_leaves_with_the_last() -> None:
    plan = plan_packets(capture_at(0, 40, 100, 101, 300), Pacing(coalesce_ns=100))
    assert plan.messages.tolist() == [3, 1, 1]
    assert plan.due_ns.tolist() == [100, 101, 300]


def test_messages_of_one_instant_share_a_packet_without_a_window() -> None:
    assert plan_packets(capture_at(7, 7, 7, 8), Pacing(coalesce_ns=0)).messages.tolist() == [3, 1]


def test_what_is_before_the_start_goes_out_at_the_prefix_rate_in_full_packets() -> None:
    hour_ns = 3_600_000_000_000
    capture = capture_at(*(k * hour_ns for k in range(6)), 6 * hour_ns + 50_000_000)
    plan = plan_packets(capture, Pacing(start=5, prefix_per_s=1_000.0))
    assert plan.messages.tolist() == [5, 1, 1]
    assert plan.due_ns.tolist() == [4_000_000, 5_000_000, 5_000_000 + hour_ns + 50_000_000]


def test_a_message_older_than_its_predecessor_is_due_with_it() -> None:
    plan = plan_packets(capture_at(100, 900, 500, 1_000), Pacing(coalesce_ns=0))
    assert plan.due_ns.tolist() == [0, 800, 900]


def test_the_cap_bounds_the_rate_throughout(small_day: Capture) -> None:
    plan = plan_packets(small_day, Pacing(speed=AS_FAST_AS_POSSIBLE, cap_per_s=50_000.0))
    sent_before = np.cumsum(plan.messages) - plan.messages
    assert np.all(sent_before <= plan.due_ns * 50_000 / 1e9 + 1)


def test_a_message_longer_than_the_ceiling_gets_a_packet_of_its_own() -> None:
    raw = frame(b"z" + bytes(400)) + frame(b"z" + bytes(20)) + frame(b"z" + bytes(20))
    plan = plan_packets(index_messages(np.frombuffer(raw, np.uint8)), Pacing(payload_bytes=100))
    assert plan.messages.tolist() == [1, 2]
