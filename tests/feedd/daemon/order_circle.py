"""feedd between a feed, a queue and the paper venue: orders go out, and what becomes of them comes back."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from fake_watchd import FakeFence
from feedd_harness import DEADLINE_S, Feed, Feedd, wait_until
from intents import Queue
from numpy.typing import NDArray

from hft.layout.dtypes import (
    GATEWAY_ORDER,
    GATEWAY_POSITION,
    ORDER_UPDATE,
    CloseReason,
    MarketPhase,
    RefusalReason,
    RegionKind,
    UpdateKind,
)
from hft.limits import adopt_commands, adopt_limits
from hft.regions import CommandsWriter, Region
from paperd.itch50 import LAYOUTS, encode

BIN = Path(sys.executable).parent
EPOCH = 7
AAPL = 3
BID, ASK = 1_000_000, 1_001_000  # 100.00, 100.10
RISK: dict[str, object] = {
    "symbols": ["AAPL"], "order_quantity_max": 1000, "order_notional_max": 1_000_000, "position_max": 200_000,
    "gross_notional_max": 100_000_000, "open_orders_max": 4096, "unacknowledged_max": 4096, "loss_max": 1_000_000,
    "price_collar_bps": 1000, "book_age_ms_max": 60_000, "intent_age_us_max": 10_000_000, "duplicate_window_us": 0,
    "messages_per_s": 1_000_000, "message_burst": 1_000_000, "cancel_reserve": 10,
}  # fmt: skip


class PaperVenue:
    """`paperd venue` as a process, AAPL 100.00 × 100.10."""

    def __init__(self, directory: Path, *options: str, address: str = "127.0.0.1:0") -> None:
        directory.mkdir(exist_ok=True)
        self.ledger_path, self.control = directory / "ledger.jsonl", directory / "venue.ctl"
        self.process = subprocess.Popen(
            [BIN / "paperd", "venue", "--orders", address, "--book", "AAPL:100.00:100.10:100000",
             "--ledger", self.ledger_path, "--control", self.control, *options],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.address = str(json.loads(self.process.stdout.readline())["orders"])

    def ctl(self, *words: str) -> dict[str, Any]:
        done = subprocess.run(
            [BIN / "paperd", "ctl", "--control", self.control, *words],
            capture_output=True, text=True, check=False, timeout=DEADLINE_S,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))

    def report(self) -> dict[str, Any]:
        return self.ctl("report")

    def ledger(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.ledger_path.read_text().splitlines()]

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(DEADLINE_S)


class OrderCircle:
    """Everything up and armed with `begin`."""

    def __init__(
        self,
        make_feedd: Callable[..., Feedd],
        feed: Feed,
        directory: Path,
        venue: PaperVenue,
        gateway: dict[str, object] | None = None,
        risk: dict[str, object] | None = None,
        lines: dict[str, object] | None = None,
    ) -> None:
        self.feed, self.venue = feed, venue
        self.credentials = directory / "credentials"
        self.credentials.mkdir()
        (self.credentials / "venue.password").write_text("secret\n")
        self.feedd = make_feedd(feed.keys() | (lines or {}))
        sections: dict[str, dict[str, object]] = {
            "feedd.gateway": {"venue": venue.address, "reconnect_ms": 10, "reconnect_ms_max": 50}
            | (gateway or {}),
            "risk": RISK | (risk or {}),
        }
        with self.feedd.config.open("a") as config:
            for name, keys in sections.items():
                config.write(f"[{name}]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in keys.items()))
        watchd = self.feedd.run_directory / "watchd"
        watchd.mkdir(parents=True)
        self.limits = adopt_limits(watchd / "limits")
        self.commands = CommandsWriter(adopt_commands(watchd / "commands"))
        self.fence = FakeFence(self.feedd.run_directory)
        self.epoch = EPOCH
        self.queue: Queue | None = None

    def start(self, before: Sequence[str] = (), **environment: str) -> OrderCircle:
        """`before`: what feedd's command is an argument of."""
        self.feedd.start(before, CREDENTIALS_DIRECTORY=str(self.credentials), **environment)
        self.send_book()
        # The board is written before the phase is told: an order in between would be outside of market hours.
        regular = int(MarketPhase.REGULAR)
        wait_until(lambda: self.feedd.stat("feedd_market_phase") == regular, "the market has opened")
        if self.queue is None:
            self.queue = Queue(self.feedd)
        else:
            self.queue.attach(self.feedd)
        return self

    def send_book(self) -> None:
        """AAPL is listed, trading, and has a book of one order a side."""
        when = 34_200_000_000_000
        common: dict[str, int | str] = {"stock_locate": AAPL, "tracking_number": 0, "timestamp_ns": when}
        listed = {field.name: "" if field.is_text else 0 for field in LAYOUTS["R"].fields}
        order = {"stock": "AAPL", "shares": 100_000} | common
        self.feed.send(
            1,
            [
                encode("S", **common | {"stock_locate": 0}, event_code="O"),
                encode("S", **common | {"stock_locate": 0}, event_code="Q"),
                encode("R", **listed | common | {"stock": "AAPL", "round_lot_shares": 100}),
                encode("H", **common, stock="AAPL", trading_state="T", reserved="", reason=""),
                encode("A", **order, order_reference=1, side="B", price_e4=BID),
                encode("A", **order, order_reference=2, side="S", price_e4=ASK),
            ],
        )

    def arm(self) -> OrderCircle:
        assert self.queue is not None
        wait_until(lambda: self.word("reconciled") == 1, "the gateway is reconciled")
        wait_until(lambda: self.feedd.stat("feedd_limits_attached") == 1, "limits are mapped")
        state = self.feedd.region("gateway.state", RegionKind.GATEWAY_STATE)
        self.epoch += 1
        self.fence.arm(self.epoch, state.generation, self.queue.region.generation)
        wait_until(lambda: self.word("fence_open") == 1, "the gateway sees it open")
        wait_until(lambda: self.position()["instrument_id"] == AAPL, "the board's name is found")
        self.updates()
        return self

    def begin(self) -> OrderCircle:
        return self.start().arm()

    def close_fence(self, reason: CloseReason = CloseReason.DISARMED) -> None:
        self.fence.writer.close(int(reason))

    def word(self, name: str) -> int:
        return self.feedd.gateway()[name]

    def send(self, **fields: int) -> int:
        """Pushes a NEW, 100 AAPL to buy at the bid unless `fields` say otherwise; its order id."""
        assert self.queue is not None
        made = self.queue.intent(**{"epoch": self.epoch, "instrument_id": AAPL, "price": BID} | fields)
        assert self.queue.producer.push(made) == 0
        return int(made[0]["order_id"])

    def updates(self, wait_for: UpdateKind | None = None, count: int = 1) -> NDArray[np.void]:
        """What came since the last call; waits until `count` of that kind are among it."""
        assert self.queue is not None
        parts: list[NDArray[np.void]] = []

        def enough() -> bool:
            head = self.queue._reader.head
            if head > self.queue._reader.cursor:
                parts.append(self.queue.answers(head - self.queue._reader.cursor))
            found = sum(int((part["kind"] == int(wait_for)).sum()) for part in parts) if wait_for else count
            return found >= count

        wait_until(
            enough, lambda: f"{count} × {wait_for!r}, but {[_told(u) for part in parts for u in part]}"
        )
        return np.concatenate(parts) if parts else np.zeros(0, ORDER_UPDATE)

    def answer(self) -> tuple[int, np.void]:
        """Of a NEW: its order id, and the update that accepts or refuses it."""
        order, told = self.send(), []

        def answered() -> bool:
            told.extend(self.updates())
            return bool(told) and int(told[-1]["kind"]) in (UpdateKind.ACCEPTED, UpdateKind.REFUSED)

        wait_until(answered, "the order is answered")
        return order, told[-1]

    def outcome(self) -> tuple[int, str]:
        """Of a NEW: its order id, and ACCEPTED or why it was refused."""
        order, update = self.answer()
        refused = int(update["kind"]) == UpdateKind.REFUSED
        return order, RefusalReason(int(update["reason"])).name if refused else "ACCEPTED"

    def kinds(self, wait_for: UpdateKind, count: int = 1) -> list[str]:
        return [str(UpdateKind(int(u["kind"])).name) for u in self.updates(wait_for, count)]

    def wait(self, what: str, **words: int) -> None:
        wait_until(lambda: all(self.word(k) == v for k, v in words.items()), f"{what}: {words}")

    def position(self) -> np.void:
        region = self.feedd.region("gateway.positions", RegionKind.GATEWAY_POSITIONS)
        return _entry(region, GATEWAY_POSITION, AAPL)

    def orders(self) -> NDArray[np.void]:
        """gateway.orders, the used places."""
        region = self.feedd.region("gateway.orders", RegionKind.GATEWAY_ORDERS)
        records = region.records(GATEWAY_ORDER).copy()
        return records[records["state"] != 0]

    def agree(self) -> None:
        """At a quiet moment the venue's ledger, gateway.state and gateway.positions say the same."""

        def same() -> bool:
            symbol = self.venue.report()["symbols"].get("AAPL", {"position": 0, "open_orders": 0})
            state, position = self.feedd.gateway(), self.position()
            return (
                symbol["position"] == position["position"]
                and symbol["open_orders"] == state["open_orders"] == position["open_orders"]
                and state["unacknowledged"] == 0
            )

        wait_until(same, "the ledgers agree")


def _told(update: np.void) -> str:
    kind, reason = UpdateKind(int(update["kind"])).name, RefusalReason(int(update["reason"])).name
    return f"{kind} {reason} {int(update['venue_reason']):#x}"


def _entry(region: Region, record: np.dtype[np.void], index: int) -> np.void:
    entry: np.void = region.records(record)[index].copy()
    return entry
