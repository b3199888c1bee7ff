"""SoupBinTCP sessions of the running venue: login, replay, heartbeats, logout, the ways a connection ends."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from ouch_client import Client, cancel, decoded, enter, login_packet, packet, query, replace
from venue_harness import RunningVenue

BID, ASK = 1_000_000, 1_001_000
Start = Callable[..., RunningVenue]


def events(venue: RunningVenue) -> list[str]:
    return [line["event"] for line in venue.lines("session")]


def refusal(venue: RunningVenue, **login: Any) -> str:
    """The reason of a rejected login; the socket is closed after it."""
    client = Client.connect(venue.address)
    client.send_packet(login_packet(**login))
    kind, payload = client.read()
    assert kind == "J", (kind, payload)
    assert client.read() == ("", b"")
    client.close()
    return payload.decode()


def test_a_login_gets_session_and_sequence_and_the_stream_from_its_start(venue: RunningVenue) -> None:
    client = Client.connect(venue.address)
    client.send_packet(login_packet(1))
    assert client.read() == ("A", f"{'OUCH000001':>10}{1:>20}".encode())
    client.expect("S", event_code="S")


@pytest.mark.parametrize("heartbeat_ms", [None, 5_000])
def test_both_versions_of_the_login_are_taken(venue: RunningVenue, heartbeat_ms: int | None) -> None:
    assert Client.logged_in(venue.address, heartbeat_ms=heartbeat_ms).session == "OUCH000001"


def test_names_and_passwords_are_compared_without_case(start: Start, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("Secret12\n")
    venue = start("--username", "Trade1", "--password-file", str(tmp_path / "password"))
    good = {"username": "TRADE1", "password": "sEcReT12"}
    Client.logged_in(venue.address, **good).close()
    assert refusal(venue, **good | {"password": "wrong"}) == "A"
    assert refusal(venue, **good | {"username": "other"}) == "A"
    assert refusal(venue, **good, session="ELSEWHERE") == "S"


def test_a_stream_is_replayed_from_any_number_and_0_is_only_what_is_new(venue: RunningVenue) -> None:
    client = venue.client()
    client.send(*(enter(ref, price=BID) for ref in range(1, 6)))
    first = [client.raw_message() for _ in range(5)]
    client.close()
    venue.until(lambda report: report["logged_in"] == 0)
    cancelled = 5  # by the disconnection
    again = Client.logged_in(venue.address, 4, session="OUCH000001")
    assert again.next == 4
    assert [again.raw_message() for _ in range(3)] == first[2:]
    assert [m["type"] for m in again.messages(cancelled)] == ["C"] * cancelled
    again.close()
    new = Client.logged_in(venue.address, 0)
    assert new.next == 1 + 1 + 5 + cancelled
    new.send(query())
    new.expect("Q", next_ref=6)


def test_a_number_beyond_the_stream_gets_the_true_next_one(venue: RunningVenue) -> None:
    assert Client.logged_in(venue.address, 1_000).next == 2


def test_the_server_heartbeats_when_idle(start: Start) -> None:
    client = start("--orders-heartbeat", "0.5").client()
    with pytest.raises(TimeoutError):
        client.read(6)
    assert 4 <= [kind for kind, _ in client.packets].count("H") <= 12


def test_a_silent_client_is_dropped_and_a_heartbeating_one_is_not(start: Start) -> None:
    venue = start("--client-timeout", "5")
    silent, alive = venue.client(), Client.connect(venue.address)
    assert silent.read() == ("", b"")
    alive.send_packet(login_packet(1))
    for _ in range(6):
        time.sleep(1)
        alive.send_packet(packet("R"))
    alive.send(query())
    assert [m["type"] for m in alive_messages(alive)] == ["S", "Q"]
    assert "silent" in events(venue)


def alive_messages(client: Client) -> list[dict[str, Any]]:
    assert client.read()[0] == "A"
    return client.messages(2)


def test_a_client_that_does_not_log_in_is_dropped(start: Start) -> None:
    venue = start("--login-timeout", "0.2")
    assert Client.connect(venue.address).read() == ("", b"")
    assert "no_login" in events(venue)


@pytest.mark.parametrize(
    "data",
    [b"\x00\x00", packet("X"), packet("U", enter(1)), packet("L", b"short"), login_packet(1)[:-1] + b"x"],
)
def test_what_is_no_login_ends_the_connection(venue: RunningVenue, data: bytes) -> None:
    client = Client.connect(venue.address)
    client.send_packet(data)
    assert client.read() == ("", b"")
    assert "protocol_error" in events(venue)
    assert venue.report()["counts"]["enters"] == 0


def test_a_logout_closes_at_once(venue: RunningVenue, client: Client) -> None:
    client.send_packet(packet("U", enter(1, price=ASK)) + packet("O") + packet("U", enter(2)))
    assert [m["type"] for m in client.messages(2)] == ["A", "E"], "what came right before is answered"
    assert client.read() == ("", b"")
    assert events(venue)[-1] == "logout"
    assert venue.report()["counts"]["enters"] == 1


def test_debug_packets_are_taken_before_and_after_the_login(venue: RunningVenue) -> None:
    client = Client.connect(venue.address)
    client.send_packet(packet("+", b"hello") + login_packet(1) + packet("+", b"again"))
    assert client.read()[0] == "A"
    client.expect("S", event_code="S")
    client.settled()
    assert [line["text"] for line in venue.lines("session") if line["event"] == "debug"] == ["hello", "again"]


def test_packets_cut_anywhere_are_put_together(venue: RunningVenue) -> None:
    client = venue.client()
    data = packet("U", enter(1, price=BID)) + packet("R") + packet("U", cancel(1))
    for at in range(0, len(data), 7):
        client.send_packet(data[at : at + 7])
        time.sleep(0.005)
    assert [m["type"] for m in client.messages(2)] == ["A", "C"]


def test_a_second_login_takes_the_place_of_the_first_and_its_orders_stay(
    venue: RunningVenue, client: Client
) -> None:
    client.send(enter(1, price=BID))
    client.expect("A")
    second = venue.client()
    assert client.read() == ("", b"")
    second.expect("A", user_ref=1)
    assert second.settled() == []
    assert venue.report()["open"] == 1


def test_a_mirrored_port_gives_everything_to_all(start: Start) -> None:
    venue = start("--mirror")
    one, two = venue.client(), venue.client()
    one.send(enter(1, price=ASK))
    assert [one.raw_message() for _ in range(2)] == [two.raw_message() for _ in range(2)]
    one.close()
    two.send(enter(2, price=BID))
    two.expect("A", user_ref=2)
    assert two.settled() == [], "the orders go with the last connection only"


@pytest.mark.parametrize("mode", ["yes", "no", "late:5000"])
def test_cancel_on_disconnect_works_is_absent_or_late(start: Start, mode: str) -> None:
    venue = start("--cancel-on-disconnect", mode)
    client = venue.client()
    client.send(enter(1, price=BID), enter(2, price=BID))
    client.messages(2)
    client.close()
    venue.until(lambda report: report["logged_in"] == 0)
    back = Client.logged_in(venue.address, 4)
    back.send(enter(3, price=BID))
    if mode == "yes":
        assert [(m["type"], m.get("reason")) for m in back.messages(2)] == [("C", "Z")] * 2
    back.expect("A", user_ref=3)
    if mode.startswith("late"):
        assert [(m["type"], m["user_ref"]) for m in back.messages(2)] == [("C", 1), ("C", 2)]
    assert back.settled() == []
    assert venue.report()["open"] == (3 if mode == "no" else 1), "what came after the disconnection stays"


def test_the_end_is_announced_and_the_summary_is_the_ledgers_sum(venue: RunningVenue, client: Client) -> None:
    client.send(enter(1, "B", 300, price=ASK), enter(2, "S", 100, price=BID), enter(3, "B", 50, price=BID))
    client.messages(5)
    summary = venue.finish()
    client.expect("S", event_code="E")
    assert client.read() == ("Z", b"")
    assert client.read() == ("", b"")
    aapl = summary["symbols"]["AAPL"]
    assert (aapl["position"], aapl["bought"], aapl["sold"], aapl["open_buy"]) == (200, 300, 100, 50)
    out = [line for line in venue.lines("out") if line["type"] == "E"]
    assert sum(line["quantity"] * line["price_e4"] for line in out) == 300 * ASK + 100 * BID
    assert (summary["counts"]["enters"], summary["counts"]["accepted"], summary["counts"]["fills"]) == (
        3,
        3,
        2,
    )
    assert summary["states"] == {
        "live": 1, "filled": 2, "cancelled": 0, "replaced": 0, "rejected": 0, "dead": 0
    }  # fmt: skip


def test_the_ledger_alone_gives_the_summarys_positions_fees_and_open_orders(
    venue: RunningVenue, client: Client
) -> None:
    """With messages doubled, delayed and mixed, and a trade broken."""
    random = Random(3)
    for verb, parameters in (("duplicate", {"count": 30}), ("reorder", {"count": 25}), ("delay", {"ms": 1})):
        venue.ctl(verb, **parameters)
    for ref in range(1, 200):
        client.send(
            enter(
                ref, random.choice("BST"), random.randrange(1, 9), price=random.choice((BID, ASK, BID + 500))
            )
        )
        if ref % 4 == 0:
            client.send(random.choice((cancel(ref - 2, 1), replace(ref - 1, ref + 1, 5, BID))))
    client.settled()
    venue.ctl("break")
    summary = venue.finish()
    side: dict[int, str] = {}
    left: dict[int, int] = {}
    fills: dict[int, dict[str, Any]] = {}
    for line in (line for line in venue.lines("out") if not line.get("copy")):
        kind, ref = line["type"], line.get("user_ref")
        if kind in ("A", "U"):
            side[ref], left[ref] = line["side"], line["quantity"]
            left.pop(line.get("original_ref"), None)
        elif kind in ("E", "C", "D"):
            left[ref] -= line["quantity"]
            fills |= {line["match_number"]: line} if kind == "E" else {}
        elif kind == "B":
            del fills[line["match_number"]]
    aapl = summary["symbols"]["AAPL"]
    buys = [fill for fill in fills.values() if side[fill["user_ref"]] == "B"]
    sells = [fill for fill in fills.values() if side[fill["user_ref"]] != "B"]
    assert (aapl["bought"], aapl["sold"]) == (
        sum(f["quantity"] for f in buys),
        sum(f["quantity"] for f in sells),
    )
    assert aapl["bought_value_e4"] == sum(f["quantity"] * f["price_e4"] for f in buys)
    assert aapl["sold_value_e4"] == sum(f["quantity"] * f["price_e4"] for f in sells)
    assert aapl["fees_e4"] == sum(
        f["quantity"] * (30 if f["liquidity"] == "R" else -20) for f in fills.values()
    )
    assert aapl["open_buy"] + aapl["open_sell"] == sum(left.values()) > 0
    assert summary["open"] == sum(1 for shares in left.values() if shares)
    assert min(aapl["bought"], aapl["sold"], summary["counts"]["broken"]) > 0


def test_the_ledger_has_everything_received_and_sent_in_order(venue: RunningVenue, client: Client) -> None:
    before = time.monotonic_ns()
    client.send(enter(1, price=BID), enter(1, price=BID), cancel(7))
    client.settled()
    after = time.monotonic_ns()
    inbound = venue.lines("in")
    assert [(line["type"], line["result"]) for line in inbound] == [
        ("O", "accepted"), ("O", "duplicate"), ("X", "ignored"), ("Q", "answered"),
    ]  # fmt: skip
    assert all(before <= line["ns"] <= after for line in inbound)
    lines = venue.lines()
    assert [line["n"] for line in lines] == list(range(1, len(lines) + 1))
    assert [line["sequence"] for line in venue.lines("out")] == [1, 2, 3]


def test_orders_received_after_a_moment_are_told(venue: RunningVenue, client: Client) -> None:
    client.send(enter(1, price=BID))
    client.settled()
    between = time.monotonic_ns()
    client.send(enter(2, price=BID), enter(3, "B", 0), enter(2, price=BID))
    client.settled()
    late = venue.ctl("accepted-after", ns=between)
    assert (late["received"], late["accepted"], late["user_refs"]) == (3, 1, [2])
    assert venue.ctl("accepted-after", ns=time.monotonic_ns())["received"] == 0
    assert venue.report()["stamps"]["last_accepted_ns"] > between


def test_a_slow_reader_gets_everything_in_the_end(start: Start) -> None:
    venue = start()
    client = Client.connect(venue.address, receive_buffer=4_096)
    client.send_packet(login_packet(1))
    assert client.read()[0] == "A"
    client.expect("S")
    for first in range(1, 20_001, 500):
        client.send(*(enter(ref, "B", 0) for ref in range(first, first + 500)))
    venue.until(lambda report: report["counts"]["rejected"] == 20_000)
    assert [client.message()["user_ref"] for _ in range(20_000)] == list(range(1, 20_001))


def test_clients_that_come_and_go_beside_control_connections_break_nothing(
    venue: RunningVenue, client: Client
) -> None:
    """Descriptors are closed and taken again within one turn of the loop."""
    for _ in range(60):
        guests = [Client.connect(venue.address) for _ in range(3)]
        for guest, data in zip(
            guests, (b"\x00\x00", packet("O"), login_packet(1, username="NOBODY")), strict=True
        ):
            guest.send_packet(data)
        control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        control.connect(str(venue.control_path))
        control.sendall(b'{"verb": "orders"}\n')
        assert json.loads(control.makefile().readline())["ok"]
        control.close()
        for guest in guests:
            guest.close()
    client.send(enter(1, price=BID))
    client.expect("A", user_ref=1)


def test_bytes_of_the_stream_are_the_same_whoever_reads_them(venue: RunningVenue, client: Client) -> None:
    client.send(*(enter(ref, price=ASK if ref % 3 == 0 else BID) for ref in range(1, 30)))
    client.settled()
    count = client.next - 2
    client.close()
    venue.until(lambda report: report["logged_in"] == 0)
    replays = []
    for _ in range(2):
        again = venue.client()
        replays.append([again.raw_message() for _ in range(count)])
        again.close()
    assert replays[0] == replays[1]
    assert decoded(replays[0][0])["type"] == "A"
