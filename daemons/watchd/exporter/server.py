"""HTTP for one purpose: GET /metrics. A thread per request, as many as CLIENTS_MAX at once, each with a time-out.

`able` is told once in a while that the next request would be taken: not while every thread is busy.

`/` is a page with the link that people expect of an exporter; anything else is 404. Nothing is looked up in DNS.
"""

from __future__ import annotations

import socketserver
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client.exposition import make_wsgi_app
from prometheus_client.registry import CollectorRegistry

CLIENTS_MAX: Final = 16
CLIENT_TIMEOUT_S: Final = 5.0
ABLE_INTERVAL_S: Final = 5.0
_PAGE = b'<html><head><title>hft exporter</title></head><body><a href="/metrics">metrics</a></body></html>\n'


class MetricsServer(socketserver.ThreadingMixIn, WSGIServer):
    """Listens from construction on (OSError when it can not); `serve_forever` answers."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self, address: str, port: int, registry: CollectorRegistry, able: Callable[[], object]
    ) -> None:
        self._slots = threading.BoundedSemaphore(CLIENTS_MAX)
        self._able, self._next_able_s = able, 0.0
        super().__init__((address, port), _Handler)
        self.set_app(_application(registry))

    def server_bind(self) -> None:
        """As the parents', without asking DNS for the name of the address."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def verify_request(self, request: Any, client_address: Any) -> bool:  # noqa: ARG002  the parent's signature
        """Closes what comes while CLIENTS_MAX are being served: Prometheus counts that as a failed scrape."""
        return self._slots.acquire(blocking=False)

    def service_actions(self) -> None:
        """Each round of `serve_forever`."""
        if time.monotonic() < self._next_able_s or not self._slots.acquire(blocking=False):
            return
        self._slots.release()
        self._next_able_s = time.monotonic() + ABLE_INTERVAL_S
        self._able()

    def process_request(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # no thread to be had
            self._slots.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._slots.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away or was too slow is its own affair."""


class _Handler(WSGIRequestHandler):
    timeout = CLIENT_TIMEOUT_S

    def log_message(self, *_: object) -> None:
        """Scrapes are counted, not logged."""


def _application(registry: CollectorRegistry) -> Callable[..., Iterable[bytes]]:
    metrics = make_wsgi_app(registry)

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            answer: Iterable[bytes] = metrics(environ, start_response)
            return answer
        if path in ("", "/"):
            start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
            return [_PAGE]
        start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
        return [b"404: only /metrics is here\n"]

    return application
