"""Heartbeats over ZeroMQ: accepted only from the process that registered, only forward, each counted once.

The PULL socket authenticates by ZAP: for ipc the handler is told the peer's uid, gid and pid by the kernel and
returns them as the connection's user id, so that each frame names its sender. Nothing waits here: the monitor
drains what has come in every pass. Memory (progress words) is the first witness, heartbeats are the second.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from pathlib import Path

import numpy as np
import zmq

from hft import _native
from hft.layout.dtypes import HEARTBEAT, DaemonId
from watchd.liveness import LOOP_NAMES
from watchd.registry import Registered

DRAIN_MAX = 1024
_NAMES = {int(DaemonId.FEEDD): "feedd", int(DaemonId.BRAIND): "braind"}
REJECTIONS = ("malformed", "layout", "forged", "generation", "repeated")


class Heartbeats:
    """`accepted[name][loop]` counts since registration; `rejected[reason]` since start."""

    def __init__(self, path: Path) -> None:
        """Raises zmq.ZMQError, OSError. The caller holds watchd's lock: a second bind would steal the address."""
        self.accepted: dict[str, list[int]] = {}
        self.rejected: Counter[str] = Counter(dict.fromkeys(REJECTIONS, 0))
        self._sequences: dict[str, list[int]] = {}
        self._registered: dict[str, Registered] = {}
        self._context = zmq.Context()
        self._handler = self._context.socket(zmq.REP)
        self._handler.bind("inproc://zeromq.zap.01")
        self._socket = self._context.socket(zmq.PULL)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.RCVHWM, DRAIN_MAX)
        self._socket.setsockopt(zmq.MAXMSGSIZE, HEARTBEAT.itemsize)
        self._socket.setsockopt(zmq.ZAP_DOMAIN, b"hft")
        before = os.umask(0o117)
        try:
            self._socket.bind(f"ipc://{path}")
        finally:
            os.umask(before)

    def expect(self, registered: Registered) -> None:
        """From now on this process is the one to hear."""
        loops = len(LOOP_NAMES[registered.name])
        self._registered[registered.name] = registered
        self.accepted[registered.name] = [0] * loops
        self._sequences[registered.name] = [0] * loops

    def forget(self, name: str) -> None:
        self._registered.pop(name, None)

    def drain(self) -> None:
        """Takes what is there, at most DRAIN_MAX frames."""
        self._admit()
        with contextlib.suppress(zmq.Again):
            for _ in range(DRAIN_MAX):
                frame = self._socket.recv(zmq.NOBLOCK, copy=False)
                if self._socket.getsockopt(zmq.RCVMORE):
                    self.rejected["malformed"] += 1
                    continue
                rejection = self._take(frame)
                if rejection:
                    self.rejected[rejection] += 1

    def _admit(self) -> None:
        """The ZAP handler: everybody may connect who can open the socket, but under the kernel's name for it."""
        with contextlib.suppress(zmq.Again):
            while True:
                version, request_id, _domain, address, *_ = self._handler.recv_multipart(zmq.NOBLOCK)
                self._handler.send_multipart([version, request_id, b"200", b"OK", address, b""])

    def _take(self, frame: zmq.Frame) -> str:
        """Counts it; returns why not, "" when it was good."""
        if len(frame.bytes) != HEARTBEAT.itemsize:
            return "malformed"
        beat = np.frombuffer(frame.bytes, HEARTBEAT)[0]
        name, loop = _NAMES.get(int(beat["daemon"]), ""), int(beat["loop"])
        registered = self._registered.get(name)
        if int(beat["magic"]) != _native.HEARTBEAT_MAGIC or not name:
            return "malformed"
        if int(beat["layout_hash"]) != _native.LAYOUT_HASH:
            return "layout"
        if registered is None or not int(beat["pid"]) == _sender(frame) == registered.pid:
            return "forged"
        return self._count(registered, loop, int(beat["generation"]), int(beat["sequence"]))

    def _count(self, registered: Registered, loop: int, generation: int, sequence: int) -> str:
        name = registered.name
        if generation != registered.generation or loop >= len(self.accepted[name]):
            return "generation"
        if sequence <= self._sequences[name][loop]:
            return "repeated"
        self._sequences[name][loop] = sequence
        self.accepted[name][loop] += 1
        return ""

    def close(self) -> None:
        self._socket.close(0)
        self._handler.close(0)
        self._context.term()


def _sender(frame: zmq.Frame) -> int:
    """The pid that the kernel gave for the connection: user id ``localhost:uid:gid:pid``; 0 = unknown."""
    try:
        return int(str(frame.get("User-Id")).rsplit(":", 1)[1])
    except (zmq.ZMQError, IndexError, ValueError):
        return 0
