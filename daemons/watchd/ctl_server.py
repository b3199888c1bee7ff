"""The socket of `watchd ctl`: requests in, answers out, never waiting for a client.

    epoll ── listener ── client … client     at most 32; `fileno` is the epoll's, readable when there is something to do

* A client's next request is read when its last one is answered. A request whose sender has gone is still handed
  out: a kill does not depend on who waits for its answer.
* When all places are taken, the client that has been idle longest makes room: forgotten connections of a script do
  not keep a person out.
* A client that does not read its answers is dropped when its buffer is full.
* Malformed requests and people who may not are answered here; the latter are told to `refused_hook`, at most ten a
  second, with how many were not told.

The socket file appears under its name with its rights set and already listening (bound under another name and
renamed), in place of a dead watchd's. The caller holds watchd's lock.

Errors: OSError when the socket can not be made; afterwards a failing client costs that client only.
"""

from __future__ import annotations

import errno
import grp
import os
import select
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final

from watchd.ctl_protocol import Answer, BadRequest, Peer, Request, bad_request, parse_request
from watchd.ctl_words import LOOKING, MESSAGE_BYTES_MAX, NOT_PERMITTED
from watchd.peers import Logins, is_operator, peer_of

CLIENTS_MAX: Final = 32
ACCEPTED_PER_POLL_MAX: Final = 16
BACKLOG: Final = 64
MODE: Final = 0o660
REFUSALS_TOLD_PER_SECOND_MAX: Final = 10
_NO_DESCRIPTORS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

RefusedHook = Callable[[Mapping[str, Any]], None]


@dataclass
class _Client:
    connection: socket.socket
    peer: Peer
    ticket: int | None = None  # of the request that is not answered yet


class CtlServer:
    """`group`: name of the operators' group, "" = watchd's own. Raises OSError, ValueError (no such group)."""

    def __init__(
        self, path: str | Path, group: str = "", refused_hook: RefusedHook = lambda _fields: None
    ) -> None:
        self._path = Path(path)
        self._operators_gid = _gid_of(group)
        self._logins = Logins()
        self._refused_hook = refused_hook
        self._told_second, self._told, self._untold = 0, 0, 0
        self._tickets = count(1)
        self._clients: dict[int, _Client] = {}  # by descriptor, the longest idle first
        self._asked: dict[int, _Client] = {}  # by ticket
        self._spare = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        self._listener = _listen(self._path, self._operators_gid)
        self._inode = self._path.stat().st_ino
        self._epoll = select.epoll()
        self._epoll.register(self._listener, select.EPOLLIN)

    def fileno(self) -> int:
        return self._epoll.fileno()

    @property
    def clients(self) -> int:
        """Connections at the moment."""
        return len(self._clients)

    def poll(self) -> list[Request]:
        """What was asked since the last call, in no particular order among clients. Bounded work, no waiting."""
        requests: list[Request] = []
        ready = [descriptor for descriptor, _ in self._epoll.poll(0, CLIENTS_MAX + 1)]
        for descriptor in ready:
            if client := self._clients.get(descriptor):
                self._forget_ticket(client)  # ready while it waits for an answer: it has hung up
                self._receive(client, requests)
        if self._listener.fileno() in ready:  # last: it may give a dropped client's descriptor to another
            self._accept(requests)
        return requests

    def answer(self, ticket: int, answer: Answer) -> None:
        """To the client that asked; nothing happens when it has gone. Once per ticket."""
        client = self._asked.pop(ticket, None)
        if client is None:
            return
        client.ticket = None
        self._send(client, answer)
        if client.connection.fileno() >= 0:
            self._epoll.modify(client.connection, select.EPOLLIN)

    def close(self) -> None:
        """Drops everyone; the socket file goes when it is still ours."""
        for client in list(self._clients.values()):
            self._drop(client)
        self._epoll.close()
        self._listener.close()
        os.close(self._spare)
        with suppress(OSError):
            if self._path.stat().st_ino == self._inode:
                self._path.unlink()

    def _accept(self, requests: list[Request]) -> None:
        for _ in range(ACCEPTED_PER_POLL_MAX):
            try:
                connection, _address = self._listener.accept()
            except OSError as error:
                if error.errno not in _NO_DESCRIPTORS:
                    return  # nobody is waiting
                self._find_descriptor()
                continue
            connection.setblocking(False)
            try:
                client = _Client(connection, peer_of(connection, self._logins))
                self._epoll.register(connection, select.EPOLLIN)
            except OSError:
                connection.close()
                continue
            if len(self._clients) >= CLIENTS_MAX:
                self._make_room()
            self._clients[connection.fileno()] = client
            self._receive(client, requests)  # mostly it is there already

    def _find_descriptor(self) -> None:
        """The process has no descriptor left: a client makes room.

        When there is none, someone is taken with the spare descriptor and hung up on, or the listener would stay
        readable for ever. `watchd ctl kill` sees that at once and does what needs no watchd.
        """
        if self._clients:
            self._make_room()
            return
        os.close(self._spare)
        with suppress(OSError):
            self._listener.accept()[0].close()
        self._spare = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)

    def _make_room(self) -> None:
        idle = (client for client in self._clients.values() if client.ticket is None)
        self._drop(next(idle, next(iter(self._clients.values()))))

    def _receive(self, client: _Client, requests: list[Request]) -> None:
        try:
            data, _, flags, _ = client.connection.recvmsg(MESSAGE_BYTES_MAX)
        except BlockingIOError:
            return
        except OSError:
            data, flags = b"", 0
        if not data:  # it has hung up
            self._drop(client)
            return
        self._clients[client.connection.fileno()] = self._clients.pop(client.connection.fileno())
        try:
            if flags & socket.MSG_TRUNC:
                raise BadRequest(f"longer than {MESSAGE_BYTES_MAX} bytes")  # noqa: TRY301 (one place answers both)
            request = parse_request(data, client.peer, next(self._tickets))
        except BadRequest as error:
            self._send(client, bad_request(str(error)))
            return
        if request.verb not in LOOKING and not is_operator(client.peer, self._operators_gid):
            self._refuse(client, request)
            return
        client.ticket = request.ticket
        self._asked[request.ticket] = client
        self._epoll.modify(client.connection, 0)  # hang-ups are reported all the same
        requests.append(request)

    def _refuse(self, client: _Client, request: Request) -> None:
        text = f"{request.verb}: uid {request.uid} is not in the operators' group (gid {self._operators_gid})"
        self._send(client, Answer(False, NOT_PERMITTED, text))
        second = int(time.monotonic())
        if second != self._told_second:
            self._told_second, self._told = second, 0
        if self._told >= REFUSALS_TOLD_PER_SECOND_MAX:
            self._untold += 1
            return
        self._told += 1
        fields = {
            name: getattr(request, name) for name in ("verb", "by", "reason", "uid", "gid", "pid", "user")
        }
        self._refused_hook({**fields, "not_told_before": self._untold})
        self._untold = 0

    def _send(self, client: _Client, answer: Answer) -> None:
        try:
            client.connection.send(answer.encode(), socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        except OSError:
            self._drop(client)

    def _forget_ticket(self, client: _Client) -> None:
        if client.ticket is not None:
            self._asked.pop(client.ticket, None)
            client.ticket = None

    def _drop(self, client: _Client) -> None:
        self._forget_ticket(client)
        self._clients.pop(client.connection.fileno(), None)
        client.connection.close()  # which takes it out of the epoll


def _gid_of(group: str) -> int:
    if not group:
        return os.getegid()
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise ValueError(f'watchd.operators_group: there is no group "{group}"') from None


def _listen(path: Path, gid: int) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
    unready = path.with_name(f"{path.name}.new")
    try:
        unready.unlink(missing_ok=True)
        listener.bind(str(unready))
        if unready.stat().st_gid != gid:
            os.chown(unready, -1, gid)
        unready.chmod(MODE)
        listener.listen(BACKLOG)
        unready.rename(path)
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"can not make the socket: {error.strerror}", str(path)) from error
    return listener
