"""Both ends of the peers of `hft bench ring`: the same 128 bytes, each in its quickest way.

A sender is a function (count, interval_ns), a receiver one of (count) -> latencies in nanoseconds. iceoryx2
is an optional dependency (`pip install hft-suite[bench]`) and imported only here.
"""

from __future__ import annotations

import contextlib
import ctypes
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import zmq
from numpy.typing import NDArray

from hft.layout.dtypes import MARKET_EVENT
from hft.regions import monotonic_ns

Latencies = NDArray[np.int64]
Send = Callable[[int, int], None]
Receive = Callable[[int], Latencies]


class Record(ctypes.Structure):
    """A MarketEvent to peers that want a type of their own."""

    _fields_ = [("words", ctypes.c_uint64 * (MARKET_EVENT.itemsize // 8))]


STAMP_WORD = (MARKET_EVENT.names or ()).index("publish_ts_ns")  # the fields before it are words, too


def _pace(interval_ns: int) -> None:
    """Spins for one interval: a sender that was preempted goes on at its pace and does not catch up."""
    due_ns = time.monotonic_ns() + interval_ns
    while time.monotonic_ns() < due_ns:
        pass


def zeromq_sender(path: str) -> Send:
    """PUSH over ipc: one feed to one reader."""
    socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.PUSH)
    socket.bind(f"ipc://{path}")
    record = Record()

    def send(count: int, interval_ns: int) -> None:
        for _ in range(count):
            _pace(interval_ns)
            record.words[STAMP_WORD] = monotonic_ns()
            socket.send(record)

    return send


def _zeromq_receiver(path: str, wait: Callable[[zmq.Socket[bytes]], bytes]) -> Receive:
    socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.PULL)
    socket.connect(f"ipc://{path}")

    def receive(count: int) -> Latencies:
        latencies = np.zeros(count, np.int64)
        for i in range(count):
            message = wait(socket)
            now_ns = monotonic_ns()
            latencies[i] = now_ns - Record.from_buffer_copy(message).words[STAMP_WORD]
        return latencies

    return receive


def zeromq_blocking(path: str) -> Receive:
    """PULL, asleep until a record comes: how it is mostly used."""
    return _zeromq_receiver(path, lambda socket: socket.recv())


def zeromq_spinning(path: str) -> Receive:
    """PULL that never sleeps: what it can do when it burns a core as the ring's readers do."""

    def spin(socket: zmq.Socket[bytes]) -> bytes:
        while True:
            with contextlib.suppress(zmq.Again):
                return socket.recv(zmq.NOBLOCK)

    return _zeromq_receiver(path, spin)


def _iceoryx2_service(directory: str) -> Any:
    import iceoryx2 as iox2  # type: ignore[import-untyped]

    iox2.set_log_level(iox2.LogLevel.Error)
    config = iox2.config.default()
    config.global_cfg.root_path = iox2.Path.new(directory)
    config.global_cfg.prefix = iox2.FileName.new(_iceoryx2_prefix(directory))
    builder = iox2.NodeBuilder.new().config(config).signal_handling_mode(iox2.SignalHandlingMode.Disabled)
    node = builder.create(iox2.ServiceType.Ipc)
    service = node.service_builder(iox2.ServiceName.new("hft/bench")).publish_subscribe(Record)
    return service.subscriber_max_buffer_size(4096).enable_safe_overflow(False).open_or_create()


def _iceoryx2_prefix(directory: str) -> str:
    return f"{Path(directory).parent.name}_"


@contextlib.contextmanager
def iceoryx2_directory(parent: str) -> Iterator[str]:
    """A root of our own for its files; the shared-memory segments that it leaves are removed at the end."""
    directory = Path(parent) / "iceoryx2"
    directory.mkdir()
    try:
        yield str(directory)
    finally:
        for segment in Path(parent).parent.glob(f"{_iceoryx2_prefix(str(directory))}*"):
            segment.unlink(missing_ok=True)


def iceoryx2_sender(directory: str) -> Send:
    """Loan, write, send: its zero-copy way."""
    publisher = _iceoryx2_service(directory).publisher_builder().create()
    record = Record()

    def send(count: int, interval_ns: int) -> None:
        for _ in range(count):
            _pace(interval_ns)
            sample = publisher.loan_uninit()
            record.words[STAMP_WORD] = monotonic_ns()
            sample.write_payload(record).send()

    return send


def iceoryx2_spinning(directory: str) -> Receive:
    """A subscriber that never sleeps and reads the sample in place."""
    subscriber = _iceoryx2_service(directory).subscriber_builder().create()

    def receive(count: int) -> Latencies:
        latencies = np.zeros(count, np.int64)
        for i in range(count):
            while (sample := subscriber.receive()) is None:
                pass
            now_ns = monotonic_ns()
            latencies[i] = now_ns - sample.payload().contents.words[STAMP_WORD]
        return latencies

    return receive
