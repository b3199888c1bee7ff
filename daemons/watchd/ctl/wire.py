"""One question to watchd, with a deadline over everything: connecting, sending, waiting."""

from __future__ import annotations

import json
import os
import select
import socket
import time
from typing import Any, Final

from watchd.ctl.arguments import Options
from watchd.ctl_words import BY_CHARACTERS_MAX, MESSAGE_BYTES_MAX, REASON_CHARACTERS_MAX, VERSION

RETRY_S: Final = 0.005  # while watchd's backlog is full


class NoAnswer(Exception):
    """watchd is not there, hangs, or hung up. `not_permitted`: the socket may not be used by this person."""

    def __init__(self, problem: str, *, not_permitted: bool = False) -> None:
        super().__init__(problem)
        self.not_permitted = not_permitted


def request_of(options: Options) -> bytes:
    """The datagram. Without --by: the login name as the environment tells it; watchd adds what the kernel says."""
    environment = os.environ
    login = environment.get("SUDO_USER") or environment.get("LOGNAME") or environment.get("USER") or ""
    request: dict[str, object] = {
        "version": VERSION,
        "verb": options.verb,
        "by": (options.by or login)[:BY_CHARACTERS_MAX],
        "reason": options.reason[:REASON_CHARACTERS_MAX],
        "scope": options.scope or {"all": True},
    }
    if options.limit is not None:
        request["limit"] = options.limit
    return json.dumps(request).encode()


class Line:
    """A connection that may not be there yet. Nothing blocks but `answer`, and that until its deadline."""

    def __init__(self, path: str, request: bytes) -> None:
        self._path = path
        self._request = request
        self._socket: socket.socket | None = None

    def try_send(self) -> bool:
        """False: watchd's backlog is full, try again. Raises NoAnswer."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        try:
            connection.connect(self._path)
            connection.send(self._request, socket.MSG_NOSIGNAL)
        except BlockingIOError:
            connection.close()
            return False
        except PermissionError:
            connection.close()
            raise NoAnswer(f"{self._path}: not permitted", not_permitted=True) from None
        except OSError as error:
            connection.close()
            raise NoAnswer(f"{self._path}: {error.strerror or error}: watchd is not running") from None
        self._socket = connection
        return True

    def answer(self, deadline: float) -> dict[str, Any]:
        """Until `deadline` (time.monotonic seconds). Raises NoAnswer."""
        while self._socket is None and not self.try_send():
            if time.monotonic() >= deadline:
                raise NoAnswer(f"{self._path}: its queue of connections is full: watchd hangs")
            time.sleep(RETRY_S)
        assert self._socket is not None
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        if not poll.poll(max(deadline - time.monotonic(), 0.0) * 1e3):
            raise NoAnswer(f"{self._path}: no answer in time: watchd hangs")
        try:
            data = self._socket.recv(MESSAGE_BYTES_MAX)
            answer = json.loads(data) if data else None
        except (OSError, ValueError):
            answer = None
        if not isinstance(answer, dict) or not isinstance(answer.get("code"), str):
            raise NoAnswer(f"{self._path}: hung up without an answer")
        return answer


def ask(path: str, options: Options) -> dict[str, Any]:
    """The answer of watchd. Raises NoAnswer."""
    return Line(path, request_of(options)).answer(time.monotonic() + options.timeout_s)
