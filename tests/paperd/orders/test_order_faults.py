"""Every fault of the order side, raised through the control socket as tests and people do it."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ouch_client import Client, cancel, enter, modify, replace
from venue_harness import RunningVenue

BID, ASK = 1_000_000, 1_001_000
Start = Callable[..., RunningVenue]


def test_every_reject_reason_can_be_raised_and_the_next_order_is_accepted(
    venue: RunningVenue, client: Client
) -> None:
    for code in range(1, 0x2B):
        venue.ctl("reject", code=code)
        client.send(enter(2 * code, price=BID), enter(2 * code + 1, price=BID))
        client.expect("J", user_ref=2 * code, reason=code)
        client.expect("A", user_ref=2 * code + 1)


def test_rejects_can_be_of_one_symbol_and_go_on_until_cleared(start: Start) -> None:
    venue = start(books=("AAPL:100:100.1:500", "MSFT:100:100.1:500"))
    client = venue.client()
    venue.ctl("reject", code="0x20", symbol="MSFT", count=0)
    client.send(enter(1, price=BID), *(enter(ref, symbol="MSFT", price=BID) for ref in (2, 3, 4)))
    assert [m["type"] for m in client.settled()] == ["A", "J", "J", "J"]
    venue.ctl("clear")
    client.send(enter(5, symbol="MSFT", price=BID))
    client.expect("A", user_ref=5)


def test_a_rejected_replace_leaves_the_order_and_burns_its_number(
    venue: RunningVenue, client: Client
) -> None:
    client.send(enter(1, price=BID))
    client.expect("A")
    venue.ctl("reject", code=0x15, on="replace")
    client.send(replace(1, 2, 200, BID))
    client.expect("J", user_ref=2, reason=0x15)
    client.send(replace(1, 2, 200, BID), replace(1, 3, 200, BID))
    client.expect("U", original_ref=1, user_ref=3)


def test_an_order_accepted_dead_says_nothing_more(venue: RunningVenue, client: Client) -> None:
    venue.ctl("dead")
    client.send(enter(1, price=ASK), cancel(1))
    client.expect("A", state="D")
    assert client.settled() == []
    assert venue.report()["states"]["dead"] == 1


def test_an_order_is_accepted_with_other_terms_than_it_asked_for(venue: RunningVenue, client: Client) -> None:
    venue.ctl("amend", price="99.95", display="Z", time_in_force="5")
    client.send(enter(1, price=ASK))
    client.expect("A", price=999_500, display="Z", tif="5", state="L")
    assert client.settled() == [], "it rests at the amended price"


def test_dropped_messages_have_no_effect_but_are_in_the_ledger(venue: RunningVenue, client: Client) -> None:
    client.send(enter(1, price=BID))
    client.expect("A")
    venue.ctl("drop", count=2, types="X")
    client.send(cancel(1), enter(2, price=BID), cancel(1))
    client.expect("A", user_ref=2)
    client.send(cancel(1))
    client.expect("C", user_ref=1)
    assert [line["result"] for line in venue.lines("in") if line["type"] == "X"] == [
        "dropped",
        "dropped",
        "cancelled",
    ]


@pytest.mark.parametrize("reason", list("DEFGHIKSTUXZe"))
def test_unsolicited_cancels_carry_any_reason(venue: RunningVenue, client: Client, reason: str) -> None:
    client.send(enter(1, quantity=100, price=BID))
    client.expect("A")
    venue.ctl("cancel", ref=1, reason=reason, quantity=30)
    client.expect("C", user_ref=1, quantity=30, reason=reason)
    venue.ctl("cancel", symbol="AAPL", reason=reason)
    client.expect("C", quantity=70, reason=reason)
    assert not venue.ask("cancel", ref=1)["ok"]


def test_a_self_match_cancel_is_a_message_of_its_own(venue: RunningVenue, client: Client) -> None:
    client.send(enter(1, price=BID))
    client.expect("A")
    venue.ctl("cancel", reason="Q")
    client.expect("D", user_ref=1, quantity=100, reason="Q")


def test_a_broken_trade_corrects_the_position(venue: RunningVenue, client: Client) -> None:
    client.send(enter(1, "B", 100, price=ASK, client_id="ME"))
    fill = client.messages(2)[1]
    for reason in "ECSX":
        assert venue.ask("break", match=fill["match"], reason=reason)["ok"] == (reason == "E")
    client.expect("B", user_ref=1, match=fill["match"], reason="E", client_id="ME")
    aapl = venue.report()["symbols"]["AAPL"]
    assert (aapl["position"], aapl["bought_value_e4"], aapl["fees_e4"], aapl["fills"]) == (0, 0, 0, 0)
    assert client.settled() == [], "the order stays filled"


def test_no_cancel_pending_and_done_later(venue: RunningVenue, client: Client) -> None:
    client.send(enter(1, price=BID), enter(2, price=BID))
    client.messages(2)
    venue.ctl("no-cancel", answer="pending")
    client.send(cancel(1), cancel(1), replace(2, 3, 200, BID))
    client.expect("P", user_ref=1)
    client.expect("J", user_ref=3, reason=0xB)
    assert client.settled() == []
    assert venue.ctl("allow-cancel")["cancelled"] == 1
    client.expect("C", user_ref=1, quantity=100)
    assert venue.report()["open"] == 1


def test_no_cancel_ends_by_itself_and_an_order_filled_meanwhile_is_not_cancelled(
    venue: RunningVenue, client: Client
) -> None:
    client.send(enter(1, price=BID), enter(2, price=BID))
    client.messages(2)
    venue.ctl("no-cancel", answer="pending", ms=5_000)
    client.send(cancel(1), cancel(2))
    assert [m["type"] for m in client.messages(2)] == ["P", "P"]
    venue.ctl("fill", ref=2)
    client.expect("E", user_ref=2, quantity=100)
    client.expect("C", user_ref=1)
    assert client.settled() == []


def test_no_cancel_rejected(venue: RunningVenue, client: Client) -> None:
    client.send(enter(1, price=BID))
    client.expect("A")
    venue.ctl("no-cancel", answer="reject", symbol="AAPL")
    client.send(cancel(1), replace(1, 2, 200, BID))
    client.expect("I", user_ref=1)
    client.expect("J", user_ref=2, reason=0x15)
    venue.ctl("clear")
    client.send(cancel(1))
    client.expect("C", user_ref=1)


def test_a_pending_cancel_can_end_in_a_refusal(venue: RunningVenue, client: Client) -> None:
    client.send(enter(1, price=BID))
    client.expect("A")
    venue.ctl("no-cancel")
    client.send(cancel(1))
    client.expect("P", user_ref=1)
    assert venue.ctl("refuse-cancel")["refused"] == 1
    client.expect("I", user_ref=1)
    assert venue.report()["open"] == 1


def test_restated_priority_and_modified_come_unsolicited(venue: RunningVenue, client: Client) -> None:
    client.send(enter(1, "S", price=ASK))
    reference = client.expect("A")["reference"]
    venue.ctl("restate", ref=1, reason="P", quantity=40, price="100.09")
    restated = client.expect("R", user_ref=1, reason="P")
    assert restated["tail"] == (
        b"\x09\x01" + reference.to_bytes(8, "big") + b"\x05\x16" + (40).to_bytes(4, "big")
        + b"\x09\x17" + (1_000_900).to_bytes(8, "big")
    )  # fmt: skip
    venue.ctl("priority", ref=1, price="100.20")
    assert client.expect("T", user_ref=1, price=1_002_000)["reference"] != reference
    venue.ctl("modify", ref=1, side="T", quantity=60)
    client.expect("M", user_ref=1, side="T", quantity=60)
    client.send(modify(1, "T", 50))
    client.expect("M", user_ref=1, quantity=50)
    assert not venue.ask("modify", ref=1, side="B")["ok"]


def test_delayed_answers_keep_their_order(venue: RunningVenue, client: Client) -> None:
    venue.ctl("delay", ms=300, types="A")
    sent = time.monotonic()
    client.send(enter(1, price=ASK), cancel(9), enter(2, price=BID))
    assert [(m["type"], m["user_ref"]) for m in client.messages(3)] == [("A", 1), ("E", 1), ("A", 2)]
    assert time.monotonic() - sent >= 0.3
    assert venue.report()["symbols"]["AAPL"]["position"] == 100


def test_reordered_answers_keep_each_orders_own_order(venue: RunningVenue, client: Client) -> None:
    venue.ctl("reorder", count=40, ms=5_000)
    client.send(*(enter(ref, price=ASK if ref % 2 else BID) for ref in range(1, 25)))
    client.send(*(cancel(ref) for ref in range(2, 25, 2)), replace(2, 25, 100, BID))
    got = client.messages(40)
    refs = [m["user_ref"] for m in got]
    assert refs != sorted(refs), "they are mixed"
    for ref in set(refs):
        mine = "".join(m["type"] for m in got if m["user_ref"] == ref)
        assert mine.startswith("A"), (ref, mine)
    assert len({(m["user_ref"], m["type"], m.get("match")) for m in got}) == 40, "each once"


def test_clearing_lets_go_what_was_collected_before_what_follows(venue: RunningVenue, client: Client) -> None:
    venue.ctl("reorder", count=10, ms=60_000)
    client.send(enter(1, price=BID), cancel(1), enter(2, price=BID))
    venue.until(lambda report: report["counts"]["enters"] == 2)
    venue.ctl("clear")
    client.send(cancel(2))
    got = [(m["type"], m["user_ref"]) for m in client.messages(4)]
    assert got.index(("A", 1)) < got.index(("C", 1))
    assert got.index(("A", 2)) < got.index(("C", 2)) == 3


def test_duplicated_messages_are_the_same_bytes_and_count_once(venue: RunningVenue, client: Client) -> None:
    venue.ctl("duplicate", count=2)
    client.send(enter(1, price=ASK))
    one, two, three, four = (client.raw_message() for _ in range(4))
    assert (one, three) == (two, four)
    assert venue.report()["symbols"]["AAPL"]["position"] == 100
    assert [line["sequence"] for line in venue.lines("out") if line.get("copy")] == [3, 5]


def test_a_halted_symbol_rejects_and_its_resting_orders_stay(venue: RunningVenue, client: Client) -> None:
    client.send(enter(1, price=BID))
    client.expect("A")
    venue.ctl("halt", symbol="AAPL")
    client.send(enter(2, price=BID), cancel(1))
    client.expect("J", reason=7)
    client.expect("C", user_ref=1)
    venue.ctl("resume", symbol="AAPL")
    client.send(enter(3, price=BID))
    client.expect("A", user_ref=3)


def test_a_book_can_be_given_anew(venue: RunningVenue, client: Client) -> None:
    client.send(enter(1, "B", price=BID))
    client.expect("A")
    venue.ctl("book", symbol="AAPL", bid="99.90", ask="99.95", size=60)
    client.expect("E", user_ref=1, quantity=60, price=BID, liquidity="A")


@pytest.mark.parametrize(
    ("request_fields", "named"),
    [
        ({"verb": "explode"}, "verb"), ({"verb": "reject"}, "code"), ({"verb": "reject", "code": "x"}, "code"),
        ({"verb": "reject", "code": 0}, "code"), ({"verb": "reject", "code": 1, "sybmol": "A"}, "sybmol"),
        ({"verb": "fill", "ref": 5}, "5"), ({"verb": "halt", "symbol": "NONE"}, "NONE"),
        ({"verb": "mute", "what": "x"}, "what"),
        ({"verb": "amend", "display": "YY"}, "display"), ({"verb": "modify", "ref": 1, "side": "X"}, "side"),
        ({"verb": "itch", "hex": "00"}, "hex"), ({"verb": "message", "hex": "xyz"}, "hex"), ({"verb": "break"}, "fill"),
        ({"verb": "cancel", "reason": "SS"}, "reason"), ({"verb": "cut", "reset": "maybe"}, "reset"),
        ({"verb": "book", "symbol": "AAPL", "bid": "1", "ask": "1.00001", "size": 1}, "ask"),
    ],
)  # fmt: skip
def test_a_bad_request_is_refused_by_name(
    venue: RunningVenue, request_fields: dict[str, Any], named: str
) -> None:
    answer = venue.ask(**request_fields)
    assert not answer["ok"]
    assert named in answer["error"]


@pytest.mark.parametrize("line", [b"not json\n", b"[1]\n", b'{"verb": 7}\n', b"\n"])
def test_what_is_no_request_is_answered_so(venue: RunningVenue, line: bytes) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.connect(str(venue.control_path))
        client.sendall(line)
        assert json.loads(client.makefile().readline())["ok"] is False
    assert venue.report()["ok"]


def test_a_script_acts_at_its_moments(start: Start, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text(
        "# the second order is rejected, the connection cut after message 4\n"
        '{"when": {"orders": 1}, "verb": "reject", "code": 31}\n'
        '{"when": {"sequence": 4}, "verb": "cut"}\n'
        '{"when": {"orders": 1}, "verb": "fill", "ref": 77}\n'
    )
    venue = start("--script", str(script))
    client = venue.client()
    client.send(enter(1, price=BID), enter(2, price=BID), enter(3, price=BID))
    client.expect("A", user_ref=1)
    client.expect("J", user_ref=2, reason=31)
    client.expect("A", user_ref=3)
    assert client.read() == ("", b"")
    assert any(line.get("event") == "script_failed" for line in venue.lines("control"))
