"""How much the order side takes. The limits are a fraction of what it does on an idle machine (figures are printed)."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

from ouch_client import Client, cancel, enter, packet

BID, ASK = 1_000_000, 1_001_000
ORDERS = 10_000
OPEN = 1_000


def started(paperd: Any, directory: Path) -> tuple[Any, Client]:
    command = paperd(
        "--orders", "127.0.0.1:0", "--book", "AAPL:100:100.10:900000", "--ledger", str(directory / "ledger")
    )
    client = Client.logged_in(command.first_status()["orders"])
    client.expect("S")
    return command, client


def test_a_stream_of_orders_is_answered_at_its_rate(paperd: Any, tmp_path: Path) -> None:
    """Every other order is filled at once, the others rest and are cancelled."""
    _, client = started(paperd, tmp_path)
    data = []
    for ref in range(1, ORDERS + 1):
        data.append(packet("U", enter(ref, "B", 10, price=ASK if ref % 2 else BID)))
        if ref % 2 == 0:
            data.append(packet("U", cancel(ref)))
    begun = time.monotonic()
    sender = threading.Thread(target=client.sock.sendall, args=(b"".join(data),))
    sender.start()
    kinds = [client.raw_message()[:1] for _ in range(2 * ORDERS)]
    took_s = time.monotonic() - begun
    sender.join()
    assert (kinds.count(b"A"), kinds.count(b"E"), kinds.count(b"C")) == (ORDERS, ORDERS // 2, ORDERS // 2)
    print(f"{ORDERS / took_s:,.0f} orders/s, {1.5 * ORDERS / took_s:,.0f} messages/s received")
    assert ORDERS / took_s > 1_000


def test_a_burst_of_cancels_over_a_thousand_open_orders(paperd: Any, tmp_path: Path) -> None:
    _, client = started(paperd, tmp_path)
    client.send(*(enter(ref, "B", 10, price=BID - 100 * (ref % 50)) for ref in range(1, OPEN + 1)))
    assert [m["type"] for m in client.messages(OPEN)] == ["A"] * OPEN
    begun = time.monotonic_ns()
    client.send(*(cancel(ref) for ref in range(1, OPEN + 1)))
    assert [m["type"] for m in client.messages(OPEN)] == ["C"] * OPEN
    took_ms = (time.monotonic_ns() - begun) / 1e6
    client.settled()
    lines = [json.loads(line) for line in (tmp_path / "ledger").read_text().splitlines()]
    last = max(line["ns"] for line in lines if line["what"] == "in" and line["type"] == "X")
    print(
        f"last cancel received {(last - begun) / 1e6:.1f} ms after the first was sent, all answered in {took_ms:.1f} ms"
    )
    assert took_ms < 2_000
