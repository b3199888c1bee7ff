"""The real command: the venue alone, `paperd ctl`, and orders beside a replay."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ouch_client import Client, enter

from paperd.capture import Capture
from paperd.itch50 import decode
from paperd.main import main

ROOT = Path(__file__).resolve().parents[3]
BID, ASK = 1_000_000, 1_001_000


def paperd_ctl(control: Path, *words: str) -> tuple[int, dict[str, Any]]:
    """Exit code and answer."""
    done = subprocess.run(
        [sys.executable, "-m", "paperd.main", "ctl", "--control", str(control), *words],
        capture_output=True, text=True, check=False, timeout=30,
        env={**os.environ, "PYTHONPATH": str(ROOT / "daemons")},
    )  # fmt: skip
    return done.returncode, json.loads(done.stdout) if done.stdout else {}


@pytest.fixture
def client_of() -> Iterator[Callable[..., Client]]:
    clients: list[Client] = []

    def connect(status: dict[str, Any], sequence: int = 1) -> Client:
        clients.append(Client.logged_in(status["orders"], sequence))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


@pytest.mark.parametrize("first", [("venue",), ()])
def test_the_venue_alone_serves_tells_and_sums_up(
    paperd: Any, client_of: Any, tmp_path: Path, first: tuple[str, ...]
) -> None:
    summary, ledger = tmp_path / "summary.json", tmp_path / "ledger.jsonl"
    command = paperd(
        *first, "--orders", "127.0.0.1:0", "--book", "AAPL:100:100.10:500", "--orders-summary", str(summary),
        "--ledger", str(ledger), "--fee-taker", "0.0100",
    )  # fmt: skip
    status = command.first_status()
    assert (status["state"], status["username"], status["password_checked"]) == ("serving", "HFT001", False)
    client = client_of(status)
    client.expect("S", event_code="S")
    client.send(enter(1, "B", 100, price=ASK))
    assert [m["type"] for m in client.messages(2)] == ["A", "E"]
    command.process.send_signal(signal.SIGTERM)
    client.expect("S", event_code="E")
    assert client.read() == ("Z", b"")
    last = command.finish()
    assert command.process.returncode == 0
    assert last["orders_summary"] == json.loads(summary.read_text())
    assert last["orders_summary"]["symbols"]["AAPL"]["fees_e4"] == 100 * 100
    assert [json.loads(line)["n"] for line in ledger.read_text().splitlines()][:2] == [1, 2]


def test_ctl_asks_and_its_exit_code_says_how_it_went(paperd: Any, client_of: Any, tmp_path: Path) -> None:
    control = tmp_path / "ctl"
    command = paperd("--orders", "127.0.0.1:0", "--book", "AAPL:100:100.10:500", "--control", str(control))
    status = command.first_status()
    assert paperd_ctl(control, "reject", "0x1F", "count=2", "symbol=AAPL") == (0, {"ok": True})
    client = client_of(status)
    client.expect("S")
    client.send(enter(1), enter(2))
    assert [m["reason"] for m in client.messages(2)] == [0x1F, 0x1F]
    code, report = paperd_ctl(control, "report")
    assert (code, report["counts"]["rejected"]) == (0, 2)
    assert paperd_ctl(control, "fill", "7")[0] == 1
    assert paperd_ctl(control, "reject", "1", "AAPL", "1", "enter", "more")[0] == 2
    assert paperd_ctl(tmp_path / "nobody", "report")[0] == 69


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("venue",), "--orders"), (("replay", "--ledger", "x"), "--ledger"), (("replay", "--stay"), "--stay"),
        (("venue", "--orders", "here"), "--orders"), (("--orders=127.0.0.1:0", "--book", "A:2:1:5"), "--book"),
        (("--orders=127.0.0.1:0", "--cancel-on-disconnect", "late"), "--cancel-on-disconnect"),
        (("--orders=127.0.0.1:0", "--username", "toolong7"), "--username"),
        (("--orders=127.0.0.1:0", "--fee-maker", "0.00001"), "--fee-maker"),
        (("--orders=127.0.0.1:0", "--orders-session", "a b"), "--orders-session"),
    ],
)  # fmt: skip
def test_bad_options_are_refused_by_name(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], named: str
) -> None:
    try:
        code = main(arguments)
    except SystemExit as ended:
        code = int(ended.code or 0)
    assert code == 2
    assert f"argument {named}" in capsys.readouterr().err


def test_files_and_addresses_that_can_not_be_had_fail_by_name(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    there = ("--orders", "127.0.0.1:0")
    assert main([*there, "--ledger", str(tmp_path / "no" / "ledger")]) == 1
    assert main([*there, "--password-file", str(tmp_path / "absent")]) == 1
    assert main(["--orders", "192.0.2.1:0"]) == 1
    (tmp_path / "precious").write_text("x")
    assert main([*there, "--control", str(tmp_path / "precious")]) == 1
    assert (tmp_path / "precious").read_text() == "x"
    (tmp_path / "script").write_text("nonsense\n")
    assert main([*there, "--script", str(tmp_path / "script")]) == 2
    errors = capsys.readouterr().err
    assert "ledger" in errors
    assert "script:1: not JSON" in errors


# Beside a replay


class Tape:
    """What the tests know of a capture without paperd's books: messages of each symbol, by number."""

    def __init__(self, capture: Capture) -> None:
        self.messages = [decode(capture.message(number)) for number in range(len(capture))]
        self.symbols = {m["stock_locate"]: str(m["stock"]).strip() for m in self.messages if m["type"] == "R"}

    def tops(self, locate: int, count: int) -> tuple[int, int]:
        """Best bid and ask after the first `count` messages, by a book of the tests' own."""
        book: dict[int, tuple[str, int, int]] = {}
        for m in self.messages[:count]:
            if m["stock_locate"] != locate:
                continue
            kind, ref = m["type"], m.get("order_reference")
            if kind in "AF":
                book[ref] = (m["side"], m["price_e4"], m["shares"])
            elif kind in "ECX":
                side, price, shares = book[ref]
                book[ref] = (side, price, shares - m.get("executed_shares", m.get("cancelled_shares", 0)))
            elif kind == "U":
                side, _, _ = book.pop(ref)
                book[m["new_order_reference"]] = (side, m["price_e4"], m["shares"])
            elif kind == "D":
                del book[ref]
            if kind in "ECX" and not book[ref][2]:
                del book[ref]
        bids = [price for side, price, _ in book.values() if side == "B"]
        asks = [price for side, price, _ in book.values() if side == "S"]
        return max(bids, default=0), min(asks, default=0)


REPLAY = ("--speed", "max", "--delay", "0.1", "--linger", "0.2")


def test_orders_meet_the_book_that_the_replay_has_sent(
    paperd: Any, feed: Any, client_of: Any, small_day: Capture, small_day_path: Path, tmp_path: Path
) -> None:
    """Cut before the close, so that the day ends with full books; the venue's book must be the tests' own."""
    tape = Tape(small_day)
    count = next(n for n, m in enumerate(tape.messages) if m["type"] == "S" and m["event_code"] == "M")
    ledger, control = tmp_path / "ledger", tmp_path / "ctl"
    command = paperd(
        "replay", "--capture", str(small_day_path), "--max-messages", str(count), *feed.options(), *REPLAY, "--stay",
        "--orders", "127.0.0.1:0", "--ledger", str(ledger), "--control", str(control),
    )  # fmt: skip
    status = command.first_status()
    client = client_of(status)
    client.expect("S")
    feed.collect(lambda: bool(feed.lines[0].ends()))
    assert sorted(feed.lines[0].messages()) == list(range(1, count + 1)), "the feed is whole"
    ref = 0
    for locate, symbol in tape.symbols.items():
        bid, ask = tape.tops(locate, count)
        for side, price in (("B", ask), ("S", bid)):
            ref += 1
            client.send(enter(ref, side, 1, symbol, price, tif="3"))
            answer = client.message()
            if answer["type"] == "J":
                assert answer["reason"] == 7, "only a halted symbol may reject"
                continue
            client.expect("E", user_ref=ref, price=price, quantity=1, liquidity="R")
    assert command.process.poll() is None, "--stay: it serves on after the replay"
    command.process.send_signal(signal.SIGTERM)
    last = command.finish()
    assert command.process.returncode == 0, command.errors
    assert last["orders_summary"]["market_messages"] == count
    assert last["orders_summary"]["counts"]["fills"] > ref / 2


def test_resting_orders_are_filled_by_the_replays_own_trades(
    paperd: Any, feed: Any, client_of: Any, small_day: Capture, small_day_path: Path
) -> None:
    """Quotes a little inside the book all day: fills come, at their price, and never more than was traded."""
    tape = Tape(small_day)
    opened = next(n for n, m in enumerate(tape.messages) if m["type"] == "S" and m["event_code"] == "Q")
    command = paperd(
        "replay", "--capture", str(small_day_path), *feed.options(), "--speed", "2", "--delay", "0.1",
        "--linger", "0.3", "--orders", "127.0.0.1:0",
    )  # fmt: skip
    client = client_of(command.first_status())
    client.expect("S")
    symbol, locate = next((s, n) for n, s in tape.symbols.items())
    bid, ask = tape.tops(locate, opened + 200)
    prices, ref = {}, 0
    for offset in range(1, 30):
        for side, price in (("B", bid - 100 * offset), ("S", ask + 100 * offset)):
            ref += 1
            prices[ref] = (side, price)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:  # until the symbol trades
        client.send(*(enter(r, side, 100, symbol, price, tif="5") for r, (side, price) in prices.items()))
        answers = client.settled()
        if answers and answers[0]["type"] == "A":
            break
        prices = {r + ref: order for r, order in prices.items()}
        time.sleep(0.02)
    seen = []
    while (read := client.read())[0] != "Z":
        seen.append(read[1])
    last = command.finish()
    assert command.process.returncode == 0, command.errors
    summary = last["orders_summary"]
    assert summary["counts"]["fills"] > 0
    assert summary["open"] == 0, "the day's end cancels what is left"
    maker = summary["symbols"][symbol]
    traded = sum(
        m.get("executed_shares", 0) + m.get("shares", 0) for m in tape.messages if m["stock_locate"] == locate
    )
    assert 0 < maker["bought"] + maker["sold"] <= traded


def test_a_terminal_end_of_the_replay_ends_the_session(
    paperd: Any, feed: Any, client_of: Any, small_day_path: Path, tmp_path: Path
) -> None:
    command = paperd(
        "replay", "--capture", str(small_day_path), *feed.options(), *REPLAY, "--orders", "127.0.0.1:0",
        "--json", str(tmp_path / "status"),
    )  # fmt: skip
    client = client_of(command.first_status())
    client.expect("S", event_code="S")
    client.expect("S", event_code="E")
    assert client.read() == ("Z", b"")
    assert command.finish()["state"] == "done"
    assert command.process.returncode == 0
    assert json.loads((tmp_path / "status").read_text())["orders"]


def test_a_killed_paperd_leaves_no_order_side_behind(
    paperd: Any, feed: Any, client_of: Any, small_day_path: Path, tmp_path: Path
) -> None:
    summary = tmp_path / "summary"
    command = paperd(
        "replay", "--capture", str(small_day_path), *feed.options(), "--delay", "60", "--orders", "127.0.0.1:0",
        "--orders-summary", str(summary),
    )  # fmt: skip
    client = client_of(command.first_status())
    client.expect("S")
    command.process.kill()
    client.expect("S", event_code="E")
    assert client.read() == ("Z", b"")
    assert client.read() == ("", b"")
    deadline = time.monotonic() + 10
    while not summary.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert json.loads(summary.read_text())["logins"] == 1


def test_a_replay_whose_order_side_dies_says_so_and_fails(
    paperd: Any, feed: Any, small_day_path: Path
) -> None:
    command = paperd(
        "replay",
        "--capture",
        str(small_day_path),
        *feed.options(),
        "--delay",
        "60",
        "--orders",
        "127.0.0.1:0",
    )
    assert command.first_status()["state"] == "waiting"
    children = Path(f"/proc/{command.process.pid}/task/{command.process.pid}/children").read_text().split()
    os.kill(int(children[0]), signal.SIGKILL)
    command.finish()
    assert command.process.returncode == 1
    assert "the order side ended" in command.errors


def test_an_order_address_in_use_is_refused_before_anything_is_sent(
    paperd: Any, client_of: Any, small_day_path: Path
) -> None:
    first = paperd("--orders", "127.0.0.1:0")
    address = first.first_status()["orders"]
    second = paperd("replay", "--capture", str(small_day_path), "--orders", address)
    second.finish()
    assert second.process.returncode == 1
    assert "in use" in second.errors
