"""watchd as its peers see it: sockets that register and hear heartbeats, a fence and an operator's veto to write."""

from __future__ import annotations

import array
import os
import socket
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import zmq
from numpy.typing import NDArray

from hft import _native
from hft.control import HEARTBEAT_SOCKET, REGISTER_SOCKET
from hft.layout.dtypes import RegionKind, RegistrationVerdict, dtype
from hft.regions import FenceWriter, Region, fence_token, monotonic_ns

REGISTRATION = dtype("Registration")
REPLY = dtype("RegistrationReply")
HEARTBEAT = dtype("Heartbeat")
ANSWER_S = 20.0
LINK_INTERVAL_NS = 2_000_000  # of links that tests make themselves
HOUR_NS = 3_600_000_000_000


@dataclass
class Registered:
    """One connection: what was said on it, by whom, and the descriptor that came along."""

    connection: socket.socket
    said: np.void
    pidfd: int
    peer_pid: int

    def answer(
        self, verdict: int, problem: bytes = b"", layout_hash: int = _native.LAYOUT_HASH
    ) -> Registered:
        reply = np.zeros(1, REPLY)
        reply["magic"], reply["layout_hash"] = _native.REGISTRATION_MAGIC, layout_hash
        reply["verdict"] = verdict
        reply["problem"][0, : len(problem)] = list(problem)
        self.connection.send(reply.tobytes())
        return self

    def accepted(self) -> Registered:
        return self.answer(int(RegistrationVerdict.ACCEPTED))

    def pid_of_pidfd(self) -> int:
        for line in Path(f"/proc/self/fdinfo/{self.pidfd}").read_text().splitlines():
            if line.startswith("Pid:"):
                return int(line.split()[1])
        raise AssertionError("not a pidfd")

    def close(self) -> None:
        self.connection.close()
        os.close(self.pidfd)


class FakeWatchd:
    """Listens in `control_directory` from its making to `close`; another one may then take its place."""

    def __init__(self, control_directory: Path) -> None:
        control_directory.mkdir(exist_ok=True)
        self._context = zmq.Context()
        self._beats = self._context.socket(zmq.PULL)
        self._beats.bind(f"ipc://{control_directory / HEARTBEAT_SOCKET}")
        path = control_directory / REGISTER_SOCKET
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(str(path))
        self._listener.listen(8)
        self._listener.settimeout(ANSWER_S)
        self._made: list[Registered] = []

    def take(self) -> Registered:
        """The next one who registers, not answered yet."""
        connection, _ = self._listener.accept()
        connection.settimeout(ANSWER_S)
        data, ancillary, _, _ = connection.recvmsg(4096, socket.CMSG_SPACE(4))
        ((_level, _type, descriptors),) = ancillary
        peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        made = Registered(
            connection,
            np.frombuffer(data, REGISTRATION)[0],
            array.array("i", descriptors)[0],
            struct.unpack("iII", peer)[0],
        )
        self._made.append(made)
        return made

    def register(self) -> Registered:
        """The next one, accepted."""
        return self.take().accepted()

    def beats(self, wait_s: float = 0.0) -> NDArray[np.void]:
        """The heartbeats that have come since the last call; waits up to that long for the first one."""
        frames = []
        self._beats.poll(int(wait_s * 1000))
        while self._beats.poll(0):
            frames.append(self._beats.recv())
        return np.frombuffer(b"".join(frames), HEARTBEAT)

    def close(self) -> None:
        for each in self._made:
            each.close()
        self._made.clear()
        self._listener.close()
        self._context.destroy(linger=0)


class FakeFence:
    """`<run>/watchd/fence` and `<run>/operator/veto`, as watchd makes them at its start."""

    def __init__(self, run_directory: Path) -> None:
        self.fence = self._adopt(run_directory / "watchd" / "fence", RegionKind.FENCE, "Fence", 0o640)
        self.veto = self._adopt(run_directory / "operator" / "veto", RegionKind.VETO, "VetoNote", 0o660)
        self.writer = FenceWriter(self.fence)

    @staticmethod
    def _adopt(path: Path, kind: RegionKind, record: str, mode: int) -> Region:
        path.parent.mkdir(parents=True, exist_ok=True)
        return Region.adopt(str(path), int(kind), dtype(record).itemsize, mode=mode)

    def arm(
        self, epoch: int, feedd_generation: int, intents_generation: int, lease_ns: int = HOUR_NS
    ) -> None:
        token = fence_token(epoch, feedd_generation, intents_generation)
        self.writer.open(epoch, token, monotonic_ns() + lease_ns)
