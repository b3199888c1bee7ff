"""The alert webhook: one POST with one deadline over connection, handshake and answer (see watchd/alert.py)."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import suppress
from functools import partial
from typing import Any, Final

ANSWER_BYTES_MAX: Final = 1 << 16


class Webhook:
    """An address that is posted to. Proxies come from the environment, as everywhere; redirections are refused.

    (urllib would follow one with a GET that carries nothing, and report that all went well.)
    """

    def __init__(self, address: str) -> None:
        self._address = address
        # Reading the certificates takes long enough to be done before there is something to tell.
        self._tls = ssl.create_default_context() if address.startswith("https:") else None
        parts = urllib.parse.urlsplit(address)
        self.shown = f"{parts.scheme}://{parts.hostname}"

    def post(self, payload: bytes, deadline: float) -> str | None:
        """Until `deadline` (time.monotonic seconds). None: answered with 2xx; else what went wrong, without secrets."""
        limit = _Limit(deadline)
        try:
            request = urllib.request.Request(  # noqa: S310 (the configuration allows http and https)
                self._address, payload, {"Content-Type": "application/json", "User-Agent": "hft-watchd"}
            )
            opener = urllib.request.build_opener(_Plain(limit), _Tls(limit, self._tls), _NoRedirection)
            with opener.open(request, timeout=limit.left_s()) as answer:
                answer.read(ANSWER_BYTES_MAX)
        except Exception as error:  # noqa: BLE001 (http.client and ssl raise many kinds; some hold the address)
            return f"{self.shown}: {'no answer in time' if limit.expired else _told(error)}"
        finally:
            limit.close()
        return None


def _told(error: BaseException) -> str:
    """What may be read by all: never the text of an error that could hold the address."""
    if isinstance(error, urllib.error.HTTPError):
        return f"answered {error.code}"
    if isinstance(error, urllib.error.URLError) and isinstance(error.reason, BaseException):
        error = error.reason
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate: {error.verify_message}"
    return error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__


class _Limit:
    """Shuts the connection at the deadline, whatever is being waited for."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self._connections: list[socket.socket] = []
        self.expired = False
        self._timer = threading.Timer(self.left_s(), self._expire)
        self._timer.daemon = True
        self._timer.start()

    def left_s(self) -> float:
        return max(self._deadline - time.monotonic(), 0.001)

    def watch(self, connection: socket.socket) -> None:
        self._connections.append(connection.dup())  # TLS takes the original over; shutdown reaches both
        if self.expired:
            self._expire()

    def close(self) -> None:
        self._timer.cancel()
        self._timer.join()
        for connection in self._connections:
            connection.close()

    def _expire(self) -> None:
        self.expired = True
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Connection(http.client.HTTPConnection):
    limit: _Limit

    def connect(self) -> None:
        super().connect()
        self.limit.watch(self.sock)


class _TlsConnection(http.client.HTTPSConnection, _Connection):
    """HTTPSConnection.connect calls the one above before it shakes hands."""


def _limited(kind: type[_Connection], limit: _Limit, host: str, **more: Any) -> _Connection:
    connection = kind(host, **more)
    connection.limit = limit
    return connection


class _Plain(urllib.request.HTTPHandler):
    def __init__(self, limit: _Limit) -> None:
        super().__init__()
        self._limit = limit

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(partial(_limited, _Connection, self._limit), req)


class _Tls(urllib.request.HTTPSHandler):
    def __init__(self, limit: _Limit, context: ssl.SSLContext | None) -> None:
        super().__init__(context=context)
        self._limit, self._tls = limit, context

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(partial(_limited, _TlsConnection, self._limit, context=self._tls), req)


class _NoRedirection(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_arguments: Any) -> None:
        return None
