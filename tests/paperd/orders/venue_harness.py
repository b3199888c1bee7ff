"""The paper venue behind its sockets, with a control connection to it and its ledger; or without any sockets."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ouch_client import Client, decoded

from paperd.arguments import build_parser
from paperd.itch50 import encode
from paperd.main import venue_of
from paperd.orders.faults import Outbox
from paperd.orders.ledger import Ledger
from paperd.orders.market import Market
from paperd.orders.matching import SelfMatch
from paperd.orders.order import Order
from paperd.orders.stream import Stream
from paperd.orders.tally import Tally
from paperd.orders.venue import Venue

DEADLINE_S = 20.0
BOOK = "AAPL:100.00:100.10:500"


class RunningVenue:
    """`paperd venue` with AAPL 100.00 × 100.10, 500 a side, unless `books` says otherwise."""

    def __init__(self, directory: Path, *options: str, books: tuple[str, ...] = (BOOK,)) -> None:
        self.ledger_path = directory / "ledger.jsonl"
        self.summary_path = directory / "summary.json"
        self.control_path = directory / "ctl"
        arguments = [
            "venue", "--orders", "127.0.0.1:0", "--ledger", str(self.ledger_path), "--control", str(self.control_path),
            "--orders-summary", str(self.summary_path), *options,
        ]  # fmt: skip
        for book in books:
            arguments += ["--book", book]
        self._control: socket.socket | None = None
        self._start(arguments)

    def _start(self, arguments: list[str]) -> None:
        """In a thread of this process: what a process of its own would do, without its start."""
        self.server = venue_of(build_parser().parse_args(arguments))
        self.address = "{}:{}".format(*self.server.address)
        self._summary: dict[str, Any] = {}
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self._summary = self.server.run()

    def client(self, sequence: int = 1, **login: Any) -> Client:
        """Logged in; the start-of-day event is read if it is replayed."""
        client = Client.logged_in(self.address, sequence, **login)
        if client.next == 1:
            client.expect("S", event_code="S")
        return client

    def ask(self, verb: str, **parameters: Any) -> dict[str, Any]:
        """One request on the control socket; the answer, whatever it is."""
        if self._control is None:
            self._control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._control.settimeout(DEADLINE_S)
            self._control.connect(str(self.control_path))
            self._answers = self._control.makefile("rb")
        self._control.sendall(json.dumps({"verb": verb} | parameters).encode() + b"\n")
        answer: dict[str, Any] = json.loads(self._answers.readline())
        return answer

    def ctl(self, verb: str, **parameters: Any) -> dict[str, Any]:
        """A request that must succeed."""
        answer = self.ask(verb, **parameters)
        assert answer["ok"], answer
        return answer

    def report(self) -> dict[str, Any]:
        return self.ctl("report")

    def until(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first report for which the condition holds."""
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            report = self.report()
            if condition(report):
                return report
            time.sleep(0.01)
        raise AssertionError(f"never came: {report}")

    def lines(self, what: str | None = None) -> list[dict[str, Any]]:
        """The ledger so far."""
        if self._thread.is_alive():
            self.report()  # whatever the venue was at is written now
        lines = [json.loads(line) for line in self.ledger_path.read_text().splitlines()]
        return [line for line in lines if what in (None, line["what"])]

    def finish(self) -> dict[str, Any]:
        """Stop it; the summary."""
        self.server.stop()
        self._thread.join(DEADLINE_S)
        assert json.loads(self.summary_path.read_text()) == self._summary
        return self._summary

    def close(self) -> None:
        if self._control is not None:
            self._control.close()
        self.server.stop()
        self._thread.join(DEADLINE_S)


class LocalVenue:
    """The venue in this process, without sockets and processes: messages in, decoded answers out."""

    def __init__(self, *books: tuple[str, int, int, int], self_match: SelfMatch = SelfMatch.OLDEST) -> None:
        self.market = Market()
        self.ledger = Ledger(None)
        self.stream = Stream("TEST", self.ledger)
        self.outbox = Outbox(self.stream.emit, seed=1)
        self.tally = Tally()
        self.venue = Venue(self.market, self.tally, self.ledger, lambda o: self.outbox.put(o, 0), self_match)
        for symbol, bid_e4, ask_e4, shares in books or (("AAPL", 1_000_000, 1_001_000, 500),):
            self.market.set_book(symbol, bid_e4, ask_e4, shares)
        self._seen = 0

    def send(self, *messages: bytes) -> list[dict[str, Any]]:
        """What the venue answers to these."""
        for message in messages:
            self.venue.handle(message, time.monotonic_ns())
        return self.answers()

    def itch(self, kind: str, **fields: Any) -> list[dict[str, Any]]:
        """An ITCH message about AAPL (locate 1) arrives; what it makes the venue say."""
        about = {"stock_locate": 1, "tracking_number": 0, "timestamp_ns": 0}
        self.market.inject(encode(kind, **about | fields))
        return self.answers()

    def add(self, reference: int, side: str, shares: int, price_e4: int) -> list[dict[str, Any]]:
        return self.itch(
            "A", order_reference=reference, side=side, shares=shares, stock="AAPL", price_e4=price_e4
        )

    def execute(self, reference: int, shares: int) -> list[dict[str, Any]]:
        return self.itch("E", order_reference=reference, executed_shares=shares, match_number=1)

    def answers(self) -> list[dict[str, Any]]:
        self.outbox.release(0)
        new = [decoded(message) for message in self.stream.messages[self._seen :]]
        self._seen = len(self.stream.messages)
        return new

    def kinds(self, *messages: bytes) -> str:
        """The answers' types only."""
        return "".join(answer["type"] for answer in self.send(*messages))

    def order(self, user_ref: int) -> Order:
        return self.tally.orders[user_ref]

    @property
    def position(self) -> int:
        return sum(p.bought - p.sold for p in self.tally.positions.values())
