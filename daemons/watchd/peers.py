"""Who is at the other end of a local socket, and may they.

By the kernel's word alone: SO_PEERCRED (uid, gid, pid) and SO_PEERGROUPS (supplementary groups), both as they were
when the peer connected. getgrouplist(3) would answer what a directory server believes about the login name: not
what the process holds, and in a thread that renews a lease it may take seconds. For the same reason login names
are looked up in /etc/passwd only; a person who is not there is named by number.
"""

from __future__ import annotations

import os
import socket
import struct
from pathlib import Path

from watchd.ctl_protocol import Peer

SO_PEERGROUPS = 59  # linux/asm-generic/socket.h; Python does not name it
GROUPS_BYTES_MAX = 1024  # what Python's getsockopt can take: 256 groups; who is in more has none here


class Logins:
    """uid -> login name of the local password file, read again when it has changed."""

    def __init__(self, path: str | Path = "/etc/passwd") -> None:
        self._path = Path(path)
        self._names: dict[int, str] = {}
        self._read_at_ns = -1
        self.name(0)

    def name(self, uid: int) -> str:
        """`str(uid)` when there is no such login."""
        try:
            changed_ns = self._path.stat().st_mtime_ns
            if changed_ns != self._read_at_ns:
                self._names = _names(self._path.read_text(encoding="utf-8", errors="replace"))
                self._read_at_ns = changed_ns
        except OSError:
            pass  # what was read before, or numbers
        return self._names.get(uid, str(uid))


def _names(passwd: str) -> dict[int, str]:
    names: dict[int, str] = {}
    for line in passwd.splitlines():
        fields = line.split(":")
        if len(fields) >= 3 and fields[2].isdecimal():
            names.setdefault(int(fields[2]), fields[0])
    return names


def peer_of(connection: socket.socket, logins: Logins) -> Peer:
    """Raises OSError when the kernel does not say (the peer's process is of another kind of socket)."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("iII"))
    pid, uid, gid = struct.unpack("iII", credentials)
    try:
        packed = connection.getsockopt(socket.SOL_SOCKET, SO_PEERGROUPS, GROUPS_BYTES_MAX)
    except OSError:
        packed = b""
    groups = frozenset(group for (group,) in struct.iter_unpack("I", packed))
    return Peer(uid, gid, pid, logins.name(uid), groups)


def is_operator(peer: Peer, operators_gid: int) -> bool:
    """root, watchd's own user, or a member of the operators' group."""
    return peer.uid in (0, os.geteuid()) or operators_gid == peer.gid or operators_gid in peer.groups
