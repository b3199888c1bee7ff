"""SoupBinTCP sessions: who is logged in, what part of the stream each has, heartbeats, and how connections end.

    connected ──login accepted──▶ logged in ──logout, hang-up, silence, cut──▶ gone
        └──login rejected, no login in time, no SoupBinTCP──▶ gone

A second login takes the place of the first, unless the port is mirrored: then all get the same stream. When the last
logged-in connection is gone, cancel-on-disconnect does what it is configured to.
"""

import socket
from collections.abc import Callable
from dataclasses import dataclass, field

from paperd.orders import actions, soup
from paperd.orders.config import CancelOnDisconnect, Disconnect, OrdersConfig
from paperd.orders.connection import SEND_HIGH_WATER_BYTES, Connection, Packet
from paperd.orders.ledger import Ledger
from paperd.orders.stream import Stream
from paperd.orders.timers import Timers
from paperd.orders.venue import Venue

ANSWERS, HEARTBEATS, LOGIN = "answers", "heartbeats", "login"


@dataclass(frozen=True)
class Cut:
    """End the connection once message `sequence` is out, with the first `extra_bytes` of the one after it."""

    sequence: int
    extra_bytes: int = 0
    reset: bool = False


@dataclass
class SessionFaults:
    """What sessions do differently. As made, nothing."""

    login_rejects: list[str] = field(default_factory=list)
    muted: dict[str, object] = field(default_factory=dict)
    """What is not sent, each with the mark of who said so last."""
    deaf: object = None
    """Unless None, nothing is read, so the client's socket fills."""
    cut: Cut | None = None
    replay_earlier: int = 0
    """The next login's stream starts this many messages earlier than asked for."""
    login_debug: str | None = None


class Sessions:
    """All connections of the port. `on_close` is told of each before its socket closes."""

    def __init__(
        self,
        config: OrdersConfig,
        stream: Stream,
        venue: Venue,
        ledger: Ledger,
        timers: Timers,
        on_close: Callable[[Connection], None],
    ) -> None:
        self.faults = SessionFaults()
        self.stream = stream
        self.cancel_on_disconnect: CancelOnDisconnect = config.cancel_on_disconnect
        self.connections: list[Connection] = []
        self.ended = False
        self.logins = 0
        self._config = config
        self._venue = venue
        self._ledger = ledger
        self._timers = timers
        self._on_close = on_close
        self._numbered = 0

    def logged_in(self) -> list[Connection]:
        return [connection for connection in self.connections if connection.logged_in]

    def accept(self, sock: socket.socket, now_ns: int) -> Connection:
        self._numbered += 1
        connection = Connection(sock, self._numbered, now_ns)
        self.connections.append(connection)
        self._note(connection, "connected", now_ns)
        return connection

    def receive(self, connection: Connection) -> None:
        """Read from the socket; what was read is kept for `take`, also when it was the last."""
        try:
            alive = connection.receive()
        except soup.SoupError:
            connection.why = "protocol_error"
            alive = False
        if not alive:
            connection.closing = True

    def take(self, connection: Connection, packet: Packet) -> None:
        """Do what one packet says."""
        kind, now_ns = packet.kind, packet.received_ns
        if kind == soup.DEBUG:
            self._note(connection, "debug", now_ns, text=packet.payload.decode("latin-1"))
        elif kind == soup.LOGIN_REQUEST and not connection.logged_in:
            self._login(connection, packet)
        elif kind == soup.CLIENT_HEARTBEAT:
            pass
        elif kind == soup.LOGOUT_REQUEST:
            if connection.logged_in and ANSWERS not in self.faults.muted:
                self._hand_out(connection, now_ns)  # answers to what came right before
            self.drop(connection, "logout", now_ns)
        elif kind == soup.UNSEQUENCED and connection.logged_in:
            self._venue.handle(packet.payload, now_ns)
        else:
            self._protocol_error(connection, f"packet type {kind!r} is not expected", now_ns)

    def _protocol_error(self, connection: Connection, problem: str, now_ns: int) -> None:
        self.drop(connection, "protocol_error", now_ns, problem=problem)

    def _login(self, connection: Connection, packet: Packet) -> None:
        now_ns = packet.received_ns
        try:
            login = soup.parse_login(packet.payload)
        except soup.SoupError as error:
            self._protocol_error(connection, str(error), now_ns)
            return
        if LOGIN in self.faults.muted:
            self._note(connection, "login_unanswered", now_ns, username=login.username)
            return
        if self.faults.login_debug is not None:
            connection.send(soup.packet(soup.DEBUG, self.faults.login_debug.encode("latin-1")), now_ns)
            self.faults.login_debug = None
        reason = self._refusal(login)
        if reason:
            connection.send(soup.login_rejected(reason), now_ns)
            self._note(connection, "login_rejected", now_ns, reason=reason, username=login.username)
            connection.closing = True
            connection.why = "turned_away"
            return
        sequence = min(login.sequence or self.stream.next_sequence, self.stream.next_sequence)
        sequence = max(1, sequence - self.faults.replay_earlier)
        self.faults.replay_earlier = 0
        connection.position = sequence - 1
        connection.logged_in = True
        connection.timeout_ns = (
            login.heartbeat_timeout_ms or 0
        ) * 1_000_000 or self._config.client_timeout_ns
        connection.send(soup.login_accepted(self.stream.session, sequence), now_ns)
        self.logins += 1
        self._note(connection, "login", now_ns, asked=login.sequence, sequence=sequence)
        if not self._config.mirror:
            for other in self.logged_in():
                if other is not connection:
                    self.drop(other, "replaced", now_ns)

    def _refusal(self, login: soup.Login) -> str:
        """The reason to reject a login, empty when there is none. Names and passwords: upper or lower case alike."""
        if self.faults.login_rejects:
            return self.faults.login_rejects.pop(0)
        password = self._config.password
        if login.username.upper() != self._config.username.upper():
            return soup.NOT_AUTHORISED
        if password is not None and login.password.upper() != password.upper():
            return soup.NOT_AUTHORISED
        if self.ended or login.session not in ("", self.stream.session):
            return soup.SESSION_NOT_AVAILABLE
        return ""

    def pump(self, now_ns: int) -> None:
        """Hand each connection what it has not had, heartbeat the idle, drop the silent, flush."""
        for connection in list(self.connections):
            if connection.gone:
                continue
            if connection.logged_in and not connection.closing:
                if ANSWERS not in self.faults.muted:
                    self._hand_out(connection, now_ns)
                idle = now_ns - connection.last_sent_ns >= self._config.heartbeat_ns
                if idle and HEARTBEATS not in self.faults.muted:
                    connection.send(soup.packet(soup.SERVER_HEARTBEAT), now_ns)
            alive = connection.flush()
            if not alive or (connection.closing and not connection.out and not connection.inbox):
                self.drop(connection, connection.why, now_ns)
            elif self.faults.deaf is None:
                self._drop_silent(connection, now_ns)

    def _hand_out(self, connection: Connection, now_ns: int) -> None:
        messages, cut = self.stream.messages, self.faults.cut
        end = len(messages) if cut is None else min(len(messages), cut.sequence)
        while connection.position < end and len(connection.out) < SEND_HIGH_WATER_BYTES:
            connection.send(soup.packet(soup.SEQUENCED, messages[connection.position]), now_ns)
            connection.position += 1
        if cut is None or connection.position < cut.sequence:
            return
        if cut.extra_bytes:
            if connection.position == len(messages):
                return  # until there is a message to break off
            connection.send(
                soup.packet(soup.SEQUENCED, messages[connection.position])[: cut.extra_bytes], now_ns
            )
        connection.closing = True
        connection.why = "cut"
        connection.reset = cut.reset
        self.faults.cut = None

    def _drop_silent(self, connection: Connection, now_ns: int) -> None:
        if connection.logged_in and now_ns - connection.last_received_ns > connection.timeout_ns:
            self.drop(connection, "silent", now_ns)
        elif not connection.logged_in and now_ns - connection.opened_ns > self._config.login_timeout_ns:
            self.drop(connection, "no_login", now_ns)

    def drop(self, connection: Connection, why: str, now_ns: int, **fields: object) -> None:
        """Close a connection; the last logged-in one takes the orders with it if that is configured."""
        if connection.gone:
            return
        connection.flush()
        self._on_close(connection)
        connection.close()
        self.connections.remove(connection)
        self._note(connection, why, now_ns, **fields)
        if not connection.logged_in or self.logged_in() or why == "ended":
            return
        mode, last_ref = self.cancel_on_disconnect, self._venue.last_ref
        if mode.mode == Disconnect.YES:
            self._cancel_all(last_ref, now_ns)
        elif mode.mode == Disconnect.LATE:
            self._timers.at(now_ns + mode.late_ns, lambda: self._cancel_all(last_ref, now_ns + mode.late_ns))

    def _cancel_all(self, last_ref: int, now_ns: int) -> None:
        cancelled = actions.disconnected(self._venue, last_ref)
        if cancelled:
            self._ledger.write("session", {"event": "cancelled_on_disconnect", "orders": cancelled}, now_ns)

    def end(self, now_ns: int) -> None:
        """End of session: `Z` to all; it can not be joined again."""
        self.ended = True
        for connection in list(self.connections):
            if connection.logged_in:
                self._hand_out(connection, now_ns)
                connection.send(soup.packet(soup.END_OF_SESSION), now_ns)
                connection.closing = True
                connection.why = "ended"
        self._ledger.write("session", {"event": "ended"}, now_ns)

    def hear(self, now_ns: int) -> None:
        """Read again. What clients sent meanwhile is still in their sockets: they were not silent."""
        if self.faults.deaf is not None:
            for connection in self.connections:
                connection.last_received_ns = connection.opened_ns = now_ns
        self.faults.deaf = None

    def cut_off(self, now_ns: int) -> None:
        """Before another session: all connections end, with what cancel-on-disconnect does then."""
        for connection in self.logged_in():
            self.drop(connection, "new_session", now_ns)

    def begin(self, stream: Stream, now_ns: int) -> None:
        """Another session: the stream starts anew; orders that are still open and numbers stay."""
        self.stream = stream
        self.ended = False
        self._ledger.write("session", {"event": "begun", "session": stream.session}, now_ns)

    def _note(self, connection: Connection, event: str, now_ns: int, **fields: object) -> None:
        self._ledger.write("session", {"event": event, "connection": connection.number} | fields, now_ns)
