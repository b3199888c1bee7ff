"""The loop of the order side: one thread over the listener, the clients and the control socket.

A turn: read every socket that is ready (receive stamps first of all), see what the replay has sent since, then
do what was asked, message by message; let go what is due; write. Nothing waits for a client.
"""

import json
import selectors
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from paperd.line import Address
from paperd.orders.actions import ActionError
from paperd.orders.config import OrdersConfig
from paperd.orders.connection import Connection
from paperd.orders.control import Control
from paperd.orders.faults import Outbox, Outgoing
from paperd.orders.ledger import Ledger
from paperd.orders.market import Market
from paperd.orders.script import Script, load_script
from paperd.orders.sessions import Sessions
from paperd.orders.stream import Stream
from paperd.orders.tally import Tally
from paperd.orders.timers import Timers
from paperd.orders.venue import Venue
from paperd.orders.verbs import QUESTIONS, VerbError, obey

IDLE_S = 0.02
MOVING_S = 0.001
"""How late a resting order's fill can be noticed while the market moves."""
MOVING_NS = 1_000_000_000
PACKETS_PER_TURN = 128
"""Of one client, before answers are written and the others have their turn."""
FAREWELL_NS = 1_000_000_000
"""How long clients have to read what is left at the end."""


def listen(config: OrdersConfig) -> socket.socket:
    """The listening socket. OSError when the address can not be had."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if config.receive_buffer_bytes is not None:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, config.receive_buffer_bytes)
    listener.bind(config.address)
    listener.listen(16)
    listener.setblocking(False)
    return listener


class OrderServer:
    """The whole order side. Opens its files and the control socket when made (OSError); `run` closes them."""

    def __init__(self, config: OrdersConfig, market: Market, listener: socket.socket) -> None:
        self.config = config
        self.market = market
        self.ledger = Ledger(config.ledger)
        self.timers = Timers()
        self.outbox = Outbox(self._emit, config.seed)
        tally = Tally(config.fees)
        self.venue = Venue(market, tally, self.ledger, self._put, config.self_match)
        stream = Stream(config.session, self.ledger)
        self.sessions = Sessions(config, stream, self.venue, self.ledger, self.timers, self._forget)
        self._script = Script([] if config.script is None else load_script(config.script), self.now_ns())
        self._listener = listener
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ)
        self._interest: dict[Connection, int] = {}
        self._control = None if config.control is None else Control(config.control, self._selector)
        self._stopping = False
        self._moved_ns = -MOVING_NS
        self.venue.say(None, "S", event_code="S")
        self._settle()

    @property
    def address(self) -> Address:
        address: Address = self._listener.getsockname()
        return address

    def now_ns(self) -> int:
        return time.monotonic_ns()

    def later(self, after_ns: int, callback: Callable[[], object]) -> None:
        self.timers.at(self.now_ns() + after_ns, callback)

    def stop(self) -> None:
        """Ask for the end; safe in a signal handler."""
        self._stopping = True

    def report(self) -> dict[str, Any]:
        """The summary as it stands."""
        head = {
            "venue": "paper",
            "session": self.sessions.stream.session,
            "sequenced": self.sessions.stream.next_sequence - 1,
            "logins": self.sessions.logins,
            "logged_in": len(self.sessions.logged_in()),
            "last_user_ref": self.venue.last_ref,
            "market_messages": self.market.clock,
            "fees_per_share_e4": {"taker": self.config.fees.taker_e4, "maker": self.config.fees.maker_e4},
        }
        return head | self.venue.tally.report()

    def run(self, stop: socket.socket | None = None) -> dict[str, Any]:
        """Serve until stopped (`stop`: until its other end closes); the summary, also written to its file."""
        if stop is not None:
            self._selector.register(stop, selectors.EVENT_READ, "stop")
        try:
            while not self._stopping:
                self._turn()
            self._farewell()
        finally:
            self.ledger.close()
            if self._control is not None:
                self._control.close()
            self._listener.close()
            self._selector.close()
        summary = self.report()
        if self.config.summary is not None:
            _write_summary(self.config.summary, summary)
        return summary

    def _turn(self) -> None:
        ready = self._selector.select(self._timeout_s())
        now_ns = self.now_ns()
        for key, events in ready:
            if key.fileobj is self._listener:
                self._accept(now_ns)
            elif isinstance(key.data, Connection):
                if events & selectors.EVENT_READ:
                    self.sessions.receive(key.data)
            elif key.data == "stop":
                self._stopping = True
        self._see_market(now_ns)
        for connection in list(self.sessions.connections):
            self._take(connection)
        if self._control is not None:
            self._control.serve([key for key, _ in ready], self._obey)
        self._do_what_is_due()

    def _see_market(self, now_ns: int) -> None:
        before = self.market.clock
        self.market.advance()
        if self.market.clock != before:
            self._moved_ns = now_ns
        self._settle()

    def _take(self, connection: Connection) -> None:
        packets = connection.inbox[:PACKETS_PER_TURN]
        del connection.inbox[:PACKETS_PER_TURN]
        for packet in packets:
            if connection.gone:
                return
            self.sessions.take(connection, packet)
            self._settle()

    def _do_what_is_due(self) -> None:
        now_ns = self.now_ns()
        self.timers.run(now_ns)
        self.venue.expire()
        self._settle()
        self.ledger.flush()  # who has an answer finds it there
        self.sessions.pump(now_ns)
        for connection in list(self._interest):
            self._watch(connection)
        self.ledger.flush()

    def _settle(self) -> None:
        """After anything that may have made messages: let go what is due, and look whether the script has its turn."""
        self.outbox.release(self.now_ns())
        orders = self.venue.tally.counts["enters"]
        for request in self._script.due(orders, self.sessions.stream.next_sequence - 1, self.now_ns()):
            answer = self._obey(request)
            if not answer["ok"]:
                self.ledger.write("control", {"event": "script_failed"} | answer)
            self.outbox.release(self.now_ns())

    def _obey(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            fields = obey(self, request)
        except (VerbError, ActionError) as error:
            return {"ok": False, "error": str(error)}
        if request["verb"] not in QUESTIONS:
            self.ledger.write("control", {"request": request})
        self.outbox.release(self.now_ns())
        self.ledger.flush()  # who asked may look into the file next
        return {"ok": True} | fields

    def _accept(self, now_ns: int) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError:
            return  # it has gone again
        connection = self.sessions.accept(sock, now_ns)
        self._selector.register(sock, selectors.EVENT_READ, connection)
        self._interest[connection] = selectors.EVENT_READ

    def _watch(self, connection: Connection) -> None:
        """Keep the selector at what this connection waits for."""
        wanted = selectors.EVENT_WRITE if connection.out else 0
        if self.sessions.faults.deaf is None and not connection.closing:
            wanted |= selectors.EVENT_READ
        known = self._interest[connection]
        if wanted == known:
            return
        if known:
            self._selector.unregister(connection.socket)
        if wanted:
            self._selector.register(connection.socket, wanted, connection)
        self._interest[connection] = wanted

    def _forget(self, connection: Connection) -> None:
        """Before it closes: its descriptor may be another's in the same turn."""
        if self._interest.pop(connection):
            self._selector.unregister(connection.socket)

    def _timeout_s(self) -> float:
        if any(connection.inbox for connection in self.sessions.connections):
            return 0.0
        now_ns = self.now_ns()
        moving = now_ns - self._moved_ns < MOVING_NS and bool(self.venue.tally.live)
        due = [t for t in (self.timers.next_due_ns(), self.outbox.next_due_ns()) if t is not None]
        wait_s = MOVING_S if moving else IDLE_S
        return max(0.0, min([wait_s, *((t - now_ns) / 1e9 for t in due)]))

    def _farewell(self) -> None:
        """The end of the session, in order; clients have a moment to read it."""
        self._see_market(self.now_ns())
        for connection in list(self.sessions.connections):
            while connection.inbox and not connection.gone:
                self._take(connection)
        self.outbox.flush()
        self.venue.say(None, "S", event_code="E")
        self.outbox.flush()
        if not self.sessions.ended:
            self.sessions.end(self.now_ns())
        for connection in list(self.sessions.connections):
            if not connection.logged_in:
                self.sessions.drop(connection, "ended", self.now_ns())
        until_ns = self.now_ns() + FAREWELL_NS
        while self.sessions.connections and self.now_ns() < until_ns:
            self.sessions.pump(self.now_ns())
            time.sleep(0.001)
        for connection in list(self.sessions.connections):
            self.sessions.drop(connection, "ended", self.now_ns())

    def _put(self, outgoing: Outgoing) -> None:
        self.outbox.put(outgoing, self.now_ns())

    def _emit(self, outgoing: Outgoing) -> None:
        self.sessions.stream.emit(outgoing)


def _write_summary(path: Path, summary: dict[str, Any]) -> None:
    """Whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(json.dumps(summary) + "\n")
    part.replace(path)
