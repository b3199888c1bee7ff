"""Fixtures of the paperd tests: captures, the command as a process, and a MoldUDP64 receiver beside it."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from paperd.capture import Capture, index_messages
from paperd.day import DayConfig, generate_day

ROOT = Path(__file__).resolve().parents[2]
REAL_CAPTURE = ROOT.parent / "shared" / "data" / "itch50" / "20191230_premarket.itch50.gz"

HEADER_BYTES = 20
DEADLINE_S = 20.0


@pytest.fixture(scope="session")
def real_capture_path() -> Path:
    if not REAL_CAPTURE.exists():
        pytest.skip("the real captures are absent: expected ../shared/data/itch50 beside the repository")
    return REAL_CAPTURE


@pytest.fixture(scope="session")
def small_day() -> Capture:
    """20,000 messages, 10 instruments, all message types."""
    return index_messages(generate_day(DayConfig(seed=5, instruments=10, messages=20_000)))


@pytest.fixture(scope="session")
def small_day_path(small_day: Capture, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("day") / "day.itch50"
    path.write_bytes(small_day.data.tobytes())
    return path


@dataclass
class Received:
    """What came in on one socket."""

    datagrams: list[tuple[bytes, int, int, bytes]] = field(default_factory=list)

    def add(self, datagram: bytes) -> None:
        assert len(datagram) >= HEADER_BYTES
        sequence, count = int.from_bytes(datagram[10:18], "big"), int.from_bytes(datagram[18:20], "big")
        self.datagrams.append((datagram[:10], sequence, count, datagram[HEADER_BYTES:]))

    def data(self) -> list[tuple[int, list[bytes]]]:
        """Sequence number and messages of each data packet, in order of arrival."""
        packets = []
        for _, sequence, count, blocks in self.datagrams:
            if count not in (0, 0xFFFF):
                packets.append((sequence, split_blocks(blocks, count)))
        return packets

    def messages(self) -> dict[int, bytes]:
        """Message by sequence number."""
        return {sequence + k: message for sequence, packet in self.data() for k, message in enumerate(packet)}

    def ends(self) -> list[int]:
        return [sequence for _, sequence, count, _ in self.datagrams if count == 0xFFFF]

    def heartbeats(self) -> list[int]:
        return [sequence for _, sequence, count, _ in self.datagrams if count == 0]


def split_blocks(blocks: bytes, count: int) -> list[bytes]:
    messages, at = [], 0
    for _ in range(count):
        length = int.from_bytes(blocks[at : at + 2], "big")
        assert at + 2 + length <= len(blocks)
        messages.append(blocks[at + 2 : at + 2 + length])
        at += 2 + length
    assert at == len(blocks)
    return messages


def bound_socket() -> socket.socket:
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    receiver.bind(("127.0.0.1", 0))
    return receiver


class FeedClient:
    """Two bound sockets and what they received."""

    def __init__(self) -> None:
        self.sockets = (bound_socket(), bound_socket())
        self.lines = (Received(), Received())

    def options(self) -> list[str]:
        return [
            text
            for letter, receiver in zip("ab", self.sockets, strict=True)
            for text in (f"--line-{letter}", f"127.0.0.1:{receiver.getsockname()[1]}")
        ]

    def collect(self, until: Callable[[], bool]) -> None:
        """Receive until the condition holds and nothing more is there."""
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            ready, _, _ = select.select(self.sockets, (), (), 0.02)
            for receiver in ready:
                self.lines[self.sockets.index(receiver)].add(receiver.recv(65_535))
            if not ready and until():
                return
        raise AssertionError("what was awaited did not come in time")

    def ask(self, request: bytes, address: str, timeout_s: float = 2.0) -> tuple[int, list[bytes]] | None:
        """Send one request: sequence and messages of the answer, or None when there is silence."""
        host, port = address.split(":")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(timeout_s)
            client.sendto(request, (host, int(port)))
            try:
                reply = client.recv(65_535)
            except TimeoutError:
                return None
        answer = Received()
        answer.add(reply)
        return answer.data()[0]

    def close(self) -> None:
        for receiver in self.sockets:
            receiver.close()


class Command:
    """One run of the real `paperd` command."""

    def __init__(self, *arguments: str, stdin: int = subprocess.DEVNULL) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "paperd.main", *arguments],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT / "daemons")},
        )

    def first_status(self) -> dict[str, Any]:
        """The line that tells where it listens; empty when it ended before."""
        line = self.process.stdout.readline()
        return json.loads(line) if line else {}

    def finish(self) -> dict[str, Any]:
        """Wait for the end; the last status line, {} when there is none."""
        out, self.errors = self.process.communicate(timeout=DEADLINE_S)
        return json.loads(out.splitlines()[-1]) if out else {}


@pytest.fixture
def paperd() -> Iterator[Callable[..., Command]]:
    """Starts the command; whatever still runs at the end of the test is killed."""
    commands: list[Command] = []

    def start(*arguments: str, stdin: int = subprocess.DEVNULL) -> Command:
        commands.append(Command(*arguments, stdin=stdin))
        return commands[-1]

    yield start
    for command in commands:
        if command.process.poll() is None:
            command.process.kill()
        command.process.communicate()


@pytest.fixture
def feed() -> Iterator[FeedClient]:
    client = FeedClient()
    yield client
    client.close()
