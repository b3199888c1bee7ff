"""An OUCH 5.0 client of the tests' own: offsets typed from the specification's tables, nothing of paperd's codec.

Blocking, one socket. `read` gives the next packet, `message` the next sequenced message as a dictionary.
"""

from __future__ import annotations

import socket
import struct
import time
from dataclasses import dataclass, field
from typing import Any

DEADLINE_S = 10.0

# Outbound: field name, offset, length; "s" text, otherwise an unsigned number.
OUTBOUND: dict[str, list[tuple[str, int, int, str]]] = {
    "S": [("event_code", 9, 1, "s")],
    "A": [
        ("user_ref", 9, 4, "u"), ("side", 13, 1, "s"), ("quantity", 14, 4, "u"), ("symbol", 18, 8, "s"),
        ("price", 26, 8, "u"), ("tif", 34, 1, "s"), ("display", 35, 1, "s"), ("reference", 36, 8, "u"),
        ("capacity", 44, 1, "s"), ("iso", 45, 1, "s"), ("cross", 46, 1, "s"), ("state", 47, 1, "s"),
        ("client_id", 48, 14, "s"), ("appendage", 62, 2, "u"),
    ],
    "U": [
        ("original_ref", 9, 4, "u"), ("user_ref", 13, 4, "u"), ("side", 17, 1, "s"), ("quantity", 18, 4, "u"),
        ("symbol", 22, 8, "s"), ("price", 30, 8, "u"), ("tif", 38, 1, "s"), ("display", 39, 1, "s"),
        ("reference", 40, 8, "u"), ("capacity", 48, 1, "s"), ("iso", 49, 1, "s"), ("cross", 50, 1, "s"),
        ("state", 51, 1, "s"), ("client_id", 52, 14, "s"), ("appendage", 66, 2, "u"),
    ],
    "C": [("user_ref", 9, 4, "u"), ("quantity", 13, 4, "u"), ("reason", 17, 1, "s")],
    "D": [
        ("user_ref", 9, 4, "u"), ("quantity", 13, 4, "u"), ("reason", 17, 1, "s"), ("prevented", 18, 4, "u"),
        ("price", 22, 8, "u"), ("liquidity", 30, 1, "s"), ("strategy", 31, 1, "s"),
    ],
    "E": [
        ("user_ref", 9, 4, "u"), ("quantity", 13, 4, "u"), ("price", 17, 8, "u"), ("liquidity", 25, 1, "s"),
        ("match", 26, 8, "u"), ("appendage", 34, 2, "u"),
    ],
    "B": [("user_ref", 9, 4, "u"), ("match", 13, 8, "u"), ("reason", 21, 1, "s"), ("client_id", 22, 14, "s")],
    "J": [("user_ref", 9, 4, "u"), ("reason", 13, 2, "u"), ("client_id", 15, 14, "s")],
    "P": [("user_ref", 9, 4, "u")],
    "I": [("user_ref", 9, 4, "u")],
    "T": [("user_ref", 9, 4, "u"), ("price", 13, 8, "u"), ("display", 21, 1, "s"), ("reference", 22, 8, "u")],
    "M": [("user_ref", 9, 4, "u"), ("side", 13, 1, "s"), ("quantity", 14, 4, "u")],
    "R": [("user_ref", 9, 4, "u"), ("reason", 13, 1, "s"), ("appendage", 14, 2, "u")],
    "Q": [("next_ref", 9, 4, "u")],
}  # fmt: skip
SIZES = {
    "S": 10, "A": 64, "U": 68, "C": 18, "D": 32, "E": 36, "B": 36, "J": 29, "P": 13, "I": 13, "T": 30, "M": 18,
    "R": 16, "Q": 13,
}  # fmt: skip


def decoded(data: bytes) -> dict[str, Any]:
    """A server's message; its size is checked."""
    kind = chr(data[0])
    fields: dict[str, Any] = {"type": kind, "timestamp": int.from_bytes(data[1:9], "big")}
    for name, offset, length, what in OUTBOUND[kind]:
        raw = data[offset : offset + length]
        fields[name] = raw.decode("ascii").rstrip() if what == "s" else int.from_bytes(raw, "big")
    assert len(data) == SIZES[kind] + fields.get("appendage", 0), (kind, data.hex())
    if "appendage" in fields:
        fields["tail"] = data[SIZES[kind] :]
    return fields


def tail(*elements: tuple[int, bytes]) -> bytes:
    """An appendage with its length."""
    body = b"".join(bytes((len(value) + 1, tag)) + value for tag, value in elements)
    return struct.pack(">H", len(body)) + body


POST_ONLY = (12, b"P")


def enter(
    user_ref: int,
    side: str = "B",
    quantity: int = 100,
    symbol: str = "AAPL",
    price: int = 1_000_000,
    tif: str = "0",
    display: str = "Y",
    capacity: str = "P",
    iso: str = "N",
    cross: str = "N",
    client_id: str = "",
    options: tuple[tuple[int, bytes], ...] = (),
) -> bytes:
    text = [t.encode() for t in (tif, display, capacity, iso, cross, client_id.ljust(14))]
    head = struct.pack(">cIcI8sQ", b"O", user_ref, side.encode(), quantity, symbol.ljust(8).encode(), price)
    return head + b"".join(text) + tail(*options)


def replace(
    original: int,
    user_ref: int,
    quantity: int = 100,
    price: int = 1_000_000,
    tif: str = "0",
    display: str = "Y",
    iso: str = "N",
    client_id: str = "",
    options: tuple[tuple[int, bytes], ...] = (),
) -> bytes:
    head = struct.pack(">cIIIQ", b"U", original, user_ref, quantity, price)
    return head + f"{tif}{display}{iso}{client_id:<14}".encode() + tail(*options)


def cancel(user_ref: int, total: int = 0) -> bytes:
    return struct.pack(">cII", b"X", user_ref, total)


def modify(user_ref: int, side: str, total: int) -> bytes:
    return struct.pack(">cIcI", b"M", user_ref, side.encode(), total)


def query() -> bytes:
    return b"Q"


def packet(kind: str, payload: bytes = b"") -> bytes:
    return struct.pack(">H", len(payload) + 1) + kind.encode() + payload


def login_packet(
    sequence: int = 1,
    session: str = "",
    username: str = "HFT001",
    password: str = "",
    heartbeat_ms: int | None = None,
) -> bytes:
    text = f"{username:<6}{password:<10}{session:>10}{sequence:>20}"
    return packet("L", (text if heartbeat_ms is None else f"{text}{heartbeat_ms:>5}").encode())


@dataclass
class Client:
    """A connection. `next`: number of the next sequenced message."""

    sock: socket.socket
    next: int = 1
    session: str = ""
    buffer: bytearray = field(default_factory=bytearray)
    packets: list[tuple[str, bytes]] = field(default_factory=list)

    @classmethod
    def connect(cls, address: str, receive_buffer: int | None = None) -> Client:
        host, port = address.split(":")
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(DEADLINE_S)
        sock.connect((host, int(port)))
        return cls(sock)

    @classmethod
    def logged_in(cls, address: str, sequence: int = 1, **login: Any) -> Client:
        client = cls.connect(address)
        client.send_packet(login_packet(sequence, **login))
        kind, payload = client.read()
        assert kind == "A", (kind, payload)
        client.session = payload[:10].decode().strip()
        client.next = int(payload[10:30])
        return client

    def send_packet(self, data: bytes) -> None:
        self.sock.sendall(data)

    def send(self, *messages: bytes) -> None:
        self.sock.sendall(b"".join(packet("U", message) for message in messages))

    def read(self, timeout_s: float = DEADLINE_S) -> tuple[str, bytes]:
        """The next packet that is no heartbeat; ("", b"") at the end of the connection, TimeoutError."""
        deadline = time.monotonic() + timeout_s
        while True:
            while len(self.buffer) >= 2:
                length = int.from_bytes(self.buffer[:2], "big")
                if len(self.buffer) < 2 + length:
                    break
                kind, payload = chr(self.buffer[2]), bytes(self.buffer[3 : 2 + length])
                del self.buffer[: 2 + length]
                self.packets.append((kind, payload))
                if kind != "H":
                    return kind, payload
            self.sock.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                data = self.sock.recv(1 << 16)
            except ConnectionResetError:
                return "", b""
            if not data:
                return "", b""
            self.buffer += data

    def raw_message(self) -> bytes:
        kind, payload = self.read()
        assert kind == "S", (kind, payload)
        self.next += 1
        return payload

    def message(self) -> dict[str, Any]:
        return decoded(self.raw_message())

    def messages(self, count: int) -> list[dict[str, Any]]:
        return [self.message() for _ in range(count)]

    def expect(self, kind: str, **fields: Any) -> dict[str, Any]:
        """The next message is of this kind and has these fields."""
        message = self.message()
        found = {"type": message["type"]} | {name: message.get(name) for name in fields}
        assert {"type": kind} | fields == found, message
        return message

    def settled(self) -> list[dict[str, Any]]:
        """All that comes before the answer to an account query: everything sent before has had its effect."""
        self.send(query())
        seen: list[dict[str, Any]] = []
        while True:
            message = self.message()
            if message["type"] == "Q":
                return seen
            seen.append(message)

    def close(self) -> None:
        self.sock.close()
