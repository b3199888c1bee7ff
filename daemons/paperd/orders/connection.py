"""One client's socket: whole packets with their receive stamps in, bytes out, never blocking."""

import socket
import struct
import time
from contextlib import suppress
from dataclasses import dataclass

from paperd.orders.soup import Splitter

RECEIVE_BYTES = 1 << 18
SEND_HIGH_WATER_BYTES = 1 << 18
"""No more of the stream is prepared while this much waits for the client to read."""


@dataclass(frozen=True)
class Packet:
    """A packet of the client and when its last byte was read (CLOCK_MONOTONIC)."""

    kind: bytes
    payload: bytes
    received_ns: int


class Connection:
    """Buffers and stamps. `position`: how many messages of the stream it was given."""

    def __init__(self, sock: socket.socket, number: int, now_ns: int) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = sock
        self.number = number
        self.logged_in = False
        self.first_ref = 0
        self.position = 0
        self.opened_ns = now_ns
        self.last_received_ns = now_ns
        self.last_sent_ns = now_ns
        self.timeout_ns = 0
        self.out = bytearray()
        self.inbox: list[Packet] = []
        self.closing = False
        self.why = "disconnected"
        self.reset = False
        self.gone = False
        self._splitter = Splitter()

    def receive(self) -> bool:
        """Read what is there, once. False when the client has hung up. SoupError: see Splitter."""
        try:
            data = self.socket.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return True
        except OSError:
            return False
        now_ns = time.monotonic_ns()
        if not data:
            return False
        self.last_received_ns = now_ns
        self.inbox += [Packet(kind, payload, now_ns) for kind, payload in self._splitter.feed(data)]
        return True

    def send(self, data: bytes, now_ns: int) -> None:
        """Queue bytes; they leave with the next flush."""
        self.out += data
        self.last_sent_ns = now_ns

    def flush(self) -> bool:
        """As much as the socket takes. False when the client has hung up."""
        while self.out:
            try:
                sent = self.socket.send(self.out)
            except BlockingIOError:
                return True
            except OSError:
                return False
            del self.out[:sent]
        return True

    def close(self) -> None:
        """With `reset`, by RST: what the client has not read is lost to it."""
        self.gone = True
        if self.reset:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            with suppress(
                OSError
            ):  # unread bytes would turn the end into a reset, and the client lose our last words
                self.socket.recv(RECEIVE_BYTES)
        self.socket.close()
