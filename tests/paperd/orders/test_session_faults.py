"""Faults of the session: what is sent late, twice or not at all, logins, cuts, a venue that does not read."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

import pytest
from ouch_client import Client, enter, login_packet, packet
from venue_harness import RunningVenue

BID, ASK = 1_000_000, 1_001_000
Start = Callable[..., RunningVenue]


def test_a_replay_may_start_earlier_than_asked(venue: RunningVenue, client: Client) -> None:
    client.send(enter(1, price=BID), enter(2, price=BID))
    old = [client.raw_message() for _ in range(2)]
    client.close()
    venue.until(lambda report: report["logged_in"] == 0)
    venue.ctl("replay-earlier", count=2)
    again = Client.logged_in(venue.address, 4)
    assert again.next == 2
    assert [again.raw_message() for _ in range(2)] == old


def test_a_mute_venue_works_on_and_tells_everything_later(venue: RunningVenue, client: Client) -> None:
    venue.ctl("mute", what="answers", ms=5_000)
    client.send(enter(1, price=ASK))
    with pytest.raises(TimeoutError):
        client.read(0.1)
    assert venue.report()["symbols"]["AAPL"]["position"] == 100
    assert [m["type"] for m in client.messages(2)] == ["A", "E"]


def test_a_timed_silence_does_not_end_a_later_one(venue: RunningVenue, client: Client) -> None:
    venue.ctl("mute", what="answers", ms=200)
    venue.ctl("mute", what="answers")
    client.send(enter(1, price=BID))
    with pytest.raises(TimeoutError):
        client.read(0.5)
    venue.ctl("unmute")
    client.expect("A", user_ref=1)
    venue.ctl("deaf", ms=200)
    venue.ctl("deaf")
    client.send(enter(2, price=BID))
    with pytest.raises(TimeoutError):
        client.read(0.5)
    venue.ctl("hear")
    client.expect("A", user_ref=2)


@pytest.mark.parametrize("end", ["hear", "clear"])
def test_a_client_is_not_silent_because_the_venue_was_deaf(start: Start, end: str) -> None:
    venue = start("--client-timeout", "3")
    client = venue.client()
    venue.ctl("deaf")
    client.send(enter(1, price=BID))
    with pytest.raises(TimeoutError):
        client.read(5.0)
    venue.ctl(end)
    client.expect("A", user_ref=1)


def test_a_login_to_a_deaf_venue_is_answered_once_it_hears(start: Start) -> None:
    venue = start("--login-timeout", "3")
    client = Client.connect(venue.address)
    venue.ctl("deaf")
    client.send_packet(login_packet(1))
    with pytest.raises(TimeoutError):
        client.read(5.0)
    venue.ctl("hear")
    assert client.read()[0] == "A"


def test_heartbeats_can_stop(start: Start) -> None:
    venue = start("--orders-heartbeat", "0.05")
    client = venue.client()
    venue.ctl("mute", what="heartbeats")
    client.settled()
    client.packets.clear()
    with pytest.raises(TimeoutError):
        client.read(0.4)
    assert client.packets == []
    venue.ctl("unmute")
    end = time.monotonic() + 10
    while len(client.packets) <= 2 and time.monotonic() < end:
        with pytest.raises(TimeoutError):
            client.read(0.4)
    assert len(client.packets) > 2


def test_a_login_can_stay_unanswered_or_be_rejected(venue: RunningVenue) -> None:
    venue.ctl("mute", what="login")
    client = Client.connect(venue.address)
    client.send_packet(login_packet(1))
    with pytest.raises(TimeoutError):
        client.read(0.2)
    venue.ctl("unmute")
    client.send_packet(login_packet(1))
    assert client.read()[0] == "A"
    for reason in "AS":
        venue.ctl("login-reject", reason=reason)
        other = Client.connect(venue.address)
        other.send_packet(login_packet(1))
        assert other.read() == ("J", reason.encode())


def sent_until_full(sock: socket.socket, data: bytes) -> int:
    sent = 0
    try:
        while sent < len(data):
            sent += sock.send(data[sent : sent + 10_000])
    except BlockingIOError:
        pass
    return sent


def test_a_deaf_venue_lets_the_clients_socket_fill(start: Start) -> None:
    venue = start("--orders-receive-buffer", "4096")
    client = venue.client()
    venue.ctl("deaf")
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
    client.sock.setblocking(False)
    data = b"".join(packet("U", enter(ref, "B", 0)) for ref in range(1, 50_001))
    sent = sent_until_full(client.sock, data)
    assert sent < len(data)
    assert venue.report()["counts"]["enters"] == 0
    venue.ctl("hear")
    whole = sent // len(packet("U", enter(1)))
    venue.until(lambda report: report["counts"]["enters"] == whole)


@pytest.mark.parametrize(("extra", "reset"), [(0, False), (5, False), (0, True)])
def test_the_connection_is_cut_at_a_given_point_of_the_stream(
    venue: RunningVenue, client: Client, extra: int, reset: bool
) -> None:
    venue.ctl("cut", sequence=3, bytes=extra, reset=reset)
    client.send(*(enter(ref, price=BID) for ref in range(1, 6)))
    got: list[tuple[str, bytes]] = []
    while (read := client.read())[0]:
        got.append(read)
    if not reset:
        assert [payload[9:13] for _, payload in got] == [(1).to_bytes(4, "big"), (2).to_bytes(4, "big")]
        assert len(client.buffer) == extra, "the rest of a packet that was broken off"
    again = Client.logged_in(venue.address, 4)
    assert again.message()["user_ref"] == 3, "nothing of the stream is lost"
    assert any(line["event"] == "cut" for line in venue.lines("session"))


def test_a_cut_now(venue: RunningVenue, client: Client) -> None:
    venue.ctl("cut")
    assert client.read() == ("", b"")


def test_end_of_session_can_not_be_joined_again_and_a_new_session_starts_at_1(
    venue: RunningVenue, client: Client
) -> None:
    client.send(enter(1, price=BID))
    client.expect("A")
    venue.ctl("end-of-day")
    client.expect("S", event_code="E")
    venue.ctl("end-session")
    assert client.read() == ("Z", b"")
    refused = Client.connect(venue.address)
    refused.send_packet(login_packet(3, session="OUCH000001"))
    assert refused.read() == ("J", b"S")
    venue.ctl("new-session", name="OUCH000002")
    again = Client.logged_in(venue.address, 1)
    assert (again.session, again.next) == ("OUCH000002", 1)
    again.send(enter(1, price=BID), enter(2, price=BID))
    again.expect("A", user_ref=2)


@pytest.mark.parametrize(("mode", "open_orders"), [("yes", 0), ("no", 1)])
def test_a_new_session_cuts_all_as_any_disconnect_does(
    venue: RunningVenue, client: Client, mode: str, open_orders: int
) -> None:
    venue.ctl("cancel-on-disconnect", mode=mode)
    client.send(enter(1, price=BID))
    client.expect("A")
    venue.ctl("new-session", name="OUCH000002")
    assert (venue.report()["open"], venue.report()["sequenced"]) == (open_orders, 0)
    assert Client.logged_in(venue.address, 1).next == 1


def test_odd_packets_and_messages_can_be_sent(venue: RunningVenue, client: Client) -> None:
    venue.ctl("debug", text="hello there")
    assert client.read() == ("+", b"hello there")
    venue.ctl("unsequenced", hex="4100")
    assert client.read() == ("U", b"\x41\x00")
    venue.ctl("message", hex="7a0102")
    assert client.read() == ("S", b"z\x01\x02")
    venue.ctl("raw", hex="0000")
    assert client.sock.recv(10) == b"\x00\x00"


def test_a_debug_packet_can_come_before_the_login_is_answered(venue: RunningVenue) -> None:
    venue.ctl("debug", text="wait", at_login=True)
    client = Client.connect(venue.address)
    client.send_packet(login_packet(1))
    assert [client.read()[0] for _ in range(2)] == ["+", "A"]


def test_cancel_on_disconnect_can_be_changed(venue: RunningVenue, client: Client) -> None:
    venue.ctl("cancel-on-disconnect", mode="no")
    client.send(enter(1, price=BID))
    client.expect("A")
    client.close()
    assert venue.until(lambda report: report["logged_in"] == 0)["open"] == 1
