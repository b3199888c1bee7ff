"""The real command as a process, over loopback: what arrives is the capture, faults are as asked."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
import warnings
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from paperd.capture import Capture, load_capture
from paperd.mold import HEADER, session_field

SESSION = session_field("PAPER00001")
FAST = ("--speed", "max", "--max-messages-per-second", "100000", "--delay", "0.2")


def numbered(capture: Capture) -> dict[int, bytes]:
    return {number + 1: capture.message(number) for number in range(len(capture))}


def replayed(paperd: Any, feed: Any, path: Path, *options: str) -> dict[str, Any]:
    """Replay to the end while receiving; the last status."""
    command = paperd("replay", "--capture", str(path), *feed.options(), "--linger", "0.3", *options)
    feed.collect(lambda: command.process.poll() is not None)
    status: dict[str, Any] = command.finish()
    assert command.process.returncode == 0, command.errors
    return status


def stop_at_once(command: Any) -> None:
    """Two stop signals end the lingering too; they must not merge into one."""
    command.process.send_signal(signal.SIGTERM)
    time.sleep(0.15)
    command.process.send_signal(signal.SIGINT)


def test_each_line_carries_the_whole_capture(
    paperd: Any, feed: Any, small_day: Capture, small_day_path: Path
) -> None:
    status = replayed(paperd, feed, small_day_path, *FAST)
    assert feed.lines[0].messages() == numbered(small_day)
    assert feed.lines[1].messages() == numbered(small_day)
    assert (status["state"], status["sent"]) == ("done", len(small_day))
    assert status["datagrams_a"] == len(feed.lines[0].datagrams)


def test_the_real_capture_arrives_whole(paperd: Any, feed: Any, real_capture_path: Path) -> None:
    options = ("--speed", "max", "--max-messages-per-second", "150000", "--delay", "0.2")
    replayed(paperd, feed, real_capture_path, *options)
    assert feed.lines[0].messages() | feed.lines[1].messages() == numbered(load_capture(real_capture_path))


def test_every_packet_bears_the_session_and_the_end_bears_the_next_sequence(
    paperd: Any, feed: Any, small_day: Capture, small_day_path: Path
) -> None:
    replayed(paperd, feed, small_day_path, *FAST, "--session", "XY")
    assert {session for session, *_ in feed.lines[0].datagrams} == {b"XY        "}
    assert set(feed.lines[0].ends()) == {len(small_day) + 1}


def test_heartbeats_before_the_start_carry_sequence_1_and_nothing_else_is_sent(
    paperd: Any, feed: Any, small_day_path: Path
) -> None:
    replayed(paperd, feed, small_day_path, *FAST, "--delay", "2.5", "--heartbeat", "0.5")
    first_data = next(k for k, packet in enumerate(feed.lines[0].datagrams) if packet[2] != 0)
    assert first_data >= 4
    assert feed.lines[0].heartbeats()[:first_data] == [1] * first_data


def test_spacing_is_the_captures_divided_by_the_speed(paperd: Any, feed: Any, tmp_path: Path) -> None:
    day = tmp_path / "day"
    generated = paperd("generate", str(day), "--instruments", "2", "--duration", "2")
    assert generated.finish()["messages"] > 500
    span_s = int(load_capture(day).timestamp_ns[-1] - load_capture(day).timestamp_ns[0]) / 1e9
    for attempt in range(2):
        status = replayed(paperd, feed, day, "--delay", "0.1", "--speed", "4")
        assert span_s / 4 <= status["sending_s"]
        if status["sending_s"] < span_s / 4 + 0.3:
            break
        text = f"attempt {attempt + 1}: {status['sending_s']:.2f} s instead of {span_s / 4:.2f}"
        warnings.warn(text, stacklevel=1)
    assert status["sending_s"] < span_s / 4 + 0.3


def test_start_at_first_order_shortens_what_is_before(
    paperd: Any, feed: Any, real_capture_path: Path
) -> None:
    options = ("--start-at", "first-order", "--speed", "100", "--prefix-rate", "300000", "--delay", "0.1")
    status = replayed(paperd, feed, real_capture_path, *options)
    assert status["sending_s"] < 4.0, "the hour before the first order takes under a second"
    assert status["sent"] == 251_837


def test_losses_duplicates_and_reordering_come_at_their_rates_on_each_line(
    paperd: Any, feed: Any, small_day: Capture, small_day_path: Path
) -> None:
    options = (
        "--loss",
        "0.05",
        "--loss-b",
        "0.2",
        "--duplicate",
        "0.1",
        "--reorder",
        "0.1",
        "--payload",
        "200",
    )
    status = replayed(paperd, feed, small_day_path, *FAST, *options)
    packets = status["packets_planned"]
    assert packets > 3_000
    for letter, line, loss in (("a", feed.lines[0], 0.05), ("b", feed.lines[1], 0.2)):
        sequences = [sequence for sequence, _ in line.data()]
        distinct = len(set(sequences))
        assert abs(1 - distinct / packets - loss) < 0.03
        assert packets - distinct == status[f"dropped_{letter}"]
        assert len(sequences) - distinct == status[f"duplicated_{letter}"] > 0.06 * packets
        falls = sum(later < earlier for earlier, later in pairwise(sequences))
        assert falls > 0.05 * packets
    both = feed.lines[0].messages() | feed.lines[1].messages()
    assert len(small_day) * 0.97 < len(both) < len(small_day)


def test_the_same_fault_seed_loses_the_same_packets(paperd: Any, feed: Any, small_day_path: Path) -> None:
    options = (*FAST, "--loss", "0.3", "--fault-seed", "9")
    replayed(paperd, feed, small_day_path, *options)
    first = [sequence for sequence, _ in feed.lines[0].data()]
    feed.lines[0].datagrams.clear()
    replayed(paperd, feed, small_day_path, *options)
    assert first == [sequence for sequence, _ in feed.lines[0].data()]


def test_a_silenced_line_sends_nothing_in_its_window_and_the_other_goes_on(
    paperd: Any, feed: Any, small_day: Capture, small_day_path: Path
) -> None:
    status = replayed(paperd, feed, small_day_path, *FAST, "--silence-a", "0.05:0.1")
    assert status["silenced_a"] > 0
    assert len(feed.lines[0].data()) == status["packets_planned"] - status["silenced_a"]
    assert feed.lines[1].messages() == numbered(small_day)


def test_line_b_is_later_by_the_skew(paperd: Any, feed: Any, small_day_path: Path) -> None:
    command = paperd(
        "replay",
        "--capture",
        str(small_day_path),
        *feed.options(),
        *FAST,
        "--skew-ms",
        "4000",
        "--linger",
        "0.2",
    )
    feed.collect(lambda: bool(feed.lines[0].data()))
    assert not feed.lines[1].data()
    feed.collect(lambda: command.process.poll() is not None)
    assert len(feed.lines[1].data()) == len(feed.lines[0].data())


def test_a_retransmission_conversation_fills_every_gap(
    paperd: Any, feed: Any, small_day: Capture, small_day_path: Path
) -> None:
    command = paperd(
        "replay", "--capture", str(small_day_path), *feed.options(), *FAST, "--loss", "0.6", "--linger", "10"
    )
    address = command.first_status()["request"]
    feed.collect(lambda: bool(feed.lines[0].ends() or feed.lines[1].ends()))
    have = feed.lines[0].messages() | feed.lines[1].messages()
    missing = [number for number in range(1, len(small_day) + 1) if number not in have]
    assert missing
    for number in missing:
        if number not in have:
            sequence, messages = feed.ask(HEADER.pack(SESSION, number, 200), address)
            have |= {sequence + k: message for k, message in enumerate(messages)}
    assert have == numbered(small_day)
    stop_at_once(command)
    assert command.finish()["retransmitted_messages"] >= len(missing)


def test_unfit_requests_get_no_answer_and_are_counted_by_reason(
    paperd: Any, feed: Any, small_day_path: Path
) -> None:
    command = paperd("replay", "--capture", str(small_day_path), *feed.options(), "--delay", "30")
    address = command.first_status()["request"]
    for request in (b"short", HEADER.pack(b"OTHER     ", 1, 1), HEADER.pack(SESSION, 1, 0)):
        assert feed.ask(request, address, timeout_s=0.1) is None
    assert feed.ask(HEADER.pack(SESSION, 1, 1), address, timeout_s=0.1) is None, "nothing was sent yet"
    stop_at_once(command)
    refused = command.finish()["refused_requests"]
    assert refused == {"wrong_length": 1, "wrong_session": 1, "no_messages": 1, "out_of_range": 1}


def test_retransmissions_can_be_lost_too(paperd: Any, feed: Any, small_day_path: Path) -> None:
    options = (*FAST, "--linger", "10", "--loss-retransmission", "1")
    command = paperd("replay", "--capture", str(small_day_path), *feed.options(), *options)
    address = command.first_status()["request"]
    feed.collect(lambda: bool(feed.lines[0].data()))
    assert feed.ask(HEADER.pack(SESSION, 1, 1), address, timeout_s=0.2) is None
    stop_at_once(command)
    assert command.finish()["dropped_retransmissions"] == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_session_writes_the_summary_and_exits_0(
    paperd: Any, feed: Any, small_day_path: Path, tmp_path: Path, number: signal.Signals
) -> None:
    summary = tmp_path / "status.json"
    options = ("--speed", "0.05", "--delay", "0", "--linger", "0.2", "--json", str(summary))
    command = paperd("replay", "--capture", str(small_day_path), *feed.options(), *options)
    feed.collect(lambda: len(feed.lines[0].data()) > 2)
    command.process.send_signal(number)
    feed.collect(lambda: command.process.poll() is not None)
    status = command.finish()
    assert command.process.returncode == 0
    assert status == json.loads(summary.read_text())
    assert feed.lines[0].ends()[-1] == status["sent"] + 1 < status["messages"]
    assert max(feed.lines[0].messages()) == status["sent"]


def test_the_status_file_is_rewritten_while_running(
    paperd: Any, feed: Any, small_day_path: Path, tmp_path: Path
) -> None:
    summary = tmp_path / "status.json"
    options = ("--delay", "30", "--linger", "0", "--json", str(summary))
    command = paperd("replay", "--capture", str(small_day_path), *feed.options(), *options)
    feed.collect(summary.exists)
    first = summary.stat().st_mtime_ns
    assert json.loads(summary.read_text())["state"] == "waiting"
    feed.collect(lambda: summary.stat().st_mtime_ns > first)
    command.process.send_signal(signal.SIGINT)
    command.finish()
    assert [path.name for path in tmp_path.iterdir()] == ["status.json"]


def test_no_end_of_session_is_announced_when_switched_off(
    paperd: Any, feed: Any, small_day_path: Path
) -> None:
    replayed(paperd, feed, small_day_path, *FAST, "--no-end-of-session", "--heartbeat", "0.05")
    assert feed.lines[0].ends() == []
    assert feed.lines[0].heartbeats()[-1] == 20_001


def test_sending_waits_for_a_line_on_standard_input(paperd: Any, feed: Any, small_day_path: Path) -> None:
    options = (*FAST, "--wait-for-start", "--delay", "0", "--linger", "0.1")
    command = paperd(
        "replay", "--capture", str(small_day_path), *feed.options(), *options, stdin=subprocess.PIPE
    )
    feed.collect(lambda: bool(feed.lines[0].datagrams))
    assert feed.lines[0].data() == []
    command.process.stdin.write("go\n")
    command.process.stdin.flush()
    feed.collect(lambda: command.process.poll() is not None)
    assert len(feed.lines[0].messages()) == 20_000


def test_without_a_capture_a_day_is_generated_and_it_says_so(paperd: Any, feed: Any) -> None:
    options = (*FAST, "--instruments", "3", "--messages", "3000", "--seed", "8", "--linger", "0.1")
    command = paperd("replay", *feed.options(), *options)
    feed.collect(lambda: command.process.poll() is not None)
    status = command.finish()
    assert (status["source"], status["sent"]) == ("generated", 3_000)
    assert "no --capture: generating a day (seed 8, 3 instruments)" in command.errors
    assert len(feed.lines[0].messages()) == 3_000


def test_multicast_reaches_a_member_on_the_loopback_interface(
    paperd: Any, feed: Any, small_day: Capture, small_day_path: Path
) -> None:
    receiver = feed.sockets[0]
    member = socket.inet_aton("239.255.77.1") + socket.inet_aton("127.0.0.1")
    receiver.close()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as joined:
        joined.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        joined.bind(("239.255.77.1", 0))
        joined.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        feed.sockets = (joined, feed.sockets[1])
        line = (
            "--line-a",
            f"239.255.77.1:{joined.getsockname()[1]}",
            "--interface-a",
            "127.0.0.1",
            "--ttl",
            "0",
        )
        command = paperd(
            "replay", "--capture", str(small_day_path), *FAST, "--linger", "0.1", *line,
            "--line-b", f"127.0.0.1:{feed.sockets[1].getsockname()[1]}",
        )  # fmt: skip
        feed.collect(lambda: command.process.poll() is not None)
    assert feed.lines[0].messages() == numbered(small_day)
