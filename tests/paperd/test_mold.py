"""Retransmission answers, byte by byte."""

from __future__ import annotations

import pytest

from paperd.capture import Capture
from paperd.mold import HEADER, Refusal, Reply, RetransmissionStore, session_field

SESSION = session_field("TEST")
RELEASED = 1_000


@pytest.fixture
def store(small_day: Capture) -> RetransmissionStore:
    return RetransmissionStore(small_day, SESSION, payload_bytes=1_400)


def test_a_header_is_these_bytes() -> None:
    assert (
        HEADER.pack(session_field("S1"), 0x0102, 3).hex() == "5331" + "20" * 8 + "0000000000000102" + "0003"
    )


def test_an_answer_holds_the_wanted_messages(store: RetransmissionStore, small_day: Capture) -> None:
    reply = store.answer(HEADER.pack(SESSION, 11, 5), RELEASED)
    assert isinstance(reply, Reply)
    assert reply.header == HEADER.pack(SESSION, 11, 5)
    blocks = small_day.data[reply.start_byte : reply.end_byte].tobytes()
    wanted = (small_day.message(number) for number in range(10, 15))
    assert blocks == b"".join(len(message).to_bytes(2, "big") + message for message in wanted)


def test_an_answer_holds_as_many_as_fit_and_not_one_less(
    store: RetransmissionStore, small_day: Capture
) -> None:
    reply = store.answer(HEADER.pack(SESSION, 11, 0xFFFF), RELEASED)
    assert isinstance(reply, Reply)
    payload = HEADER.size + reply.end_byte - reply.start_byte
    assert payload <= 1_400 < payload + 2 + int(small_day.length[10 + reply.count])


def test_an_answer_stops_at_what_was_sent(store: RetransmissionStore) -> None:
    reply = store.answer(HEADER.pack(SESSION, RELEASED - 1, 50), RELEASED)
    assert isinstance(reply, Reply)
    assert reply.count == 2


@pytest.mark.parametrize(
    ("request_bytes", "reason"),
    [
        (b"", Refusal.WRONG_LENGTH),
        (HEADER.pack(SESSION, 1, 1)[:-1], Refusal.WRONG_LENGTH),
        (HEADER.pack(SESSION, 1, 1) + b"x", Refusal.WRONG_LENGTH),
        (HEADER.pack(session_field("OTHER"), 1, 1), Refusal.WRONG_SESSION),
        (HEADER.pack(SESSION, 1, 0), Refusal.NO_MESSAGES),
        (HEADER.pack(SESSION, 0, 1), Refusal.OUT_OF_RANGE),
        (HEADER.pack(SESSION, RELEASED + 1, 1), Refusal.OUT_OF_RANGE),
        (HEADER.pack(SESSION, (1 << 64) - 1, 1), Refusal.OUT_OF_RANGE),
    ],
)
def test_an_unfit_request_is_refused_for_its_reason(
    store: RetransmissionStore, request_bytes: bytes, reason: Refusal
) -> None:
    assert store.answer(request_bytes, RELEASED) == reason


@pytest.mark.parametrize("name", ["", "elevenchars", "tab\there", "é"])
def test_an_unfit_session_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII"):
        session_field(name)
