"""Registration: who the daemons are, by the kernel's word.

A daemon connects to register.sock (AF_UNIX, SOCK_SEQPACKET) and sends one `Registration` struct with a pidfd of
itself. It is believed when three sources name one process: the peer credentials of the socket, the pidfd
(/proc/self/fdinfo), and the lock of the daemon's directory (F_GETLK). So neither another member of the group nor
a reused pid can pass for feedd or braind. The pidfd is what a kill goes through and what its death shows on.
"""

from __future__ import annotations

import array
import contextlib
import os
import re
import select
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hft import _native
from hft.layout.dtypes import REGISTRATION, REGISTRATION_REPLY, DaemonId, RegistrationVerdict
from hft.locks import lock_holder
from watchd.liveness import LOOP_NAMES

BACKLOG = 64
PENDING_MAX = 8
_UCRED = struct.Struct("iII")
_NAMES = {int(DaemonId.FEEDD): "feedd", int(DaemonId.BRAIND): "braind"}


class RefusedError(Exception):
    """Why a registration is not believed."""


@dataclass
class Registered:
    """One believed daemon. Its owner closes it."""

    name: str
    pid: int
    uid: int
    generation: int
    start_ts_ns: int
    pidfd: int
    connection: socket.socket

    @property
    def alive(self) -> bool:
        """A pidfd becomes readable when its process ends, also while it is a zombie nobody reaps."""
        return not _readable(self.pidfd)

    def close(self) -> None:
        os.close(self.pidfd)
        self.connection.close()


def _readable(descriptor: int) -> bool:
    poller = select.poll()
    poller.register(descriptor, select.POLLIN)
    return bool(poller.poll(0))


class Registry:
    """Listens; `poll()` never blocks. `is_taken(name)`: a living daemon of that name is registered."""

    def __init__(
        self, path: Path, run_directory: Path, is_taken: Callable[[str], bool], refused: Callable[[str], None]
    ) -> None:
        """Raises OSError. The caller holds watchd's lock, so whatever is at `path` is a dead one's."""
        self._run_directory = run_directory
        self._is_taken = is_taken
        self._refused = refused
        self._listener = listen(path)
        self._pending: list[socket.socket] = []

    def descriptors(self) -> list[int]:
        return [self._listener.fileno(), *(one.fileno() for one in self._pending)]

    def poll(self) -> list[Registered]:
        """Registrations that came since the last call."""
        with contextlib.suppress(BlockingIOError, ConnectionError):
            while True:
                connection, _ = self._listener.accept()
                connection.setblocking(False)
                self._pending.append(connection)
                if len(self._pending) > PENDING_MAX:
                    self._pending.pop(0).close()  # said nothing for longest
        believed = []
        for connection in list(self._pending):
            try:
                message, descriptors = _receive(connection)
            except BlockingIOError:
                continue
            except OSError:
                message, descriptors = b"", []
            self._pending.remove(connection)
            if (registered := self._judge(connection, message, descriptors)) is not None:
                believed.append(registered)
        return believed

    def _judge(self, connection: socket.socket, message: bytes, descriptors: list[int]) -> Registered | None:
        try:
            registered = self._believe(connection, message, descriptors)
        except (RefusedError, OSError) as error:
            for descriptor in descriptors:
                os.close(descriptor)
            if message:  # an empty one is a connection that was closed again
                self._refused(str(error))
                _answer(connection, str(error))
            connection.close()
            return None
        _answer(connection, None)
        return registered

    def _believe(self, connection: socket.socket, message: bytes, descriptors: list[int]) -> Registered:
        if len(message) != REGISTRATION.itemsize:
            raise RefusedError(f"{len(message)} bytes are not a registration of {REGISTRATION.itemsize}")
        record = np.frombuffer(message, REGISTRATION)[0]
        if int(record["magic"]) != _native.REGISTRATION_MAGIC:
            raise RefusedError("not a registration (magic differs)")
        if int(record["layout_hash"]) != _native.LAYOUT_HASH:
            raise RefusedError(
                f"layout 0x{int(record['layout_hash']):016x} is another build's, "
                f"watchd has 0x{_native.LAYOUT_HASH:016x}"
            )
        name = _NAMES.get(int(record["daemon"]))
        if name is None or int(record["loops"]) != len(LOOP_NAMES[name]):
            raise RefusedError(f"daemon {record['daemon']} with {record['loops']} loops is not known")
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        pid, uid, _gid = _UCRED.unpack(credentials)
        if pid != int(record["pid"]):
            raise RefusedError(f"{name}: says pid {record['pid']}, the kernel says {pid}")
        if len(descriptors) != 1 or pid_of(descriptors[0]) != pid:
            raise RefusedError(f"{name}: brought no pidfd of pid {pid}")
        holder = lock_holder(self._run_directory / name / "lock")
        if holder != pid:
            raise RefusedError(
                f"{name}: pid {pid} does not hold {self._run_directory / name / 'lock'} (pid {holder} does)"
            )
        if self._is_taken(name):
            raise RefusedError(f"{name}: another one is registered and lives")
        return Registered(
            name, pid, uid, int(record["generation"]), int(record["start_ts_ns"]), descriptors[0], connection
        )

    def close(self) -> None:
        for one in (self._listener, *self._pending):
            one.close()


def listen(path: Path) -> socket.socket:
    """A non-blocking listener that its group may connect to. Raises OSError."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
    before = os.umask(0o117)  # its mode is right from the first moment
    try:
        listener.bind(str(path))
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(before)
    listener.listen(BACKLOG)
    return listener


def pid_of(pidfd: int) -> int:
    """The process that a pidfd names; 0 for any other descriptor, -1 (the kernel's) when it is reaped."""
    try:
        text = Path(f"/proc/self/fdinfo/{pidfd}").read_text()
    except OSError:
        return 0
    found = re.search(r"^Pid:\t(-?\d+)$", text, re.MULTILINE)
    return int(found[1]) if found else 0


def _receive(connection: socket.socket) -> tuple[bytes, list[int]]:
    room = socket.CMSG_SPACE(4 * array.array("i").itemsize)
    message, ancillary, _flags, _address = connection.recvmsg(
        REGISTRATION.itemsize + 1, room, socket.MSG_CMSG_CLOEXEC
    )
    descriptors = array.array("i")
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
    return message, list(descriptors)


def _answer(connection: socket.socket, problem: str | None) -> None:
    reply = np.zeros(1, REGISTRATION_REPLY)
    reply["magic"], reply["layout_hash"] = _native.REGISTRATION_MAGIC, _native.LAYOUT_HASH
    reply["verdict"] = int(RegistrationVerdict.ACCEPTED if problem is None else RegistrationVerdict.REFUSED)
    text = (problem or "").encode()[: reply["problem"].shape[1] - 1]
    reply["problem"][0, : len(text)] = np.frombuffer(text, np.uint8)
    with contextlib.suppress(OSError):
        connection.send(reply.tobytes())
