"""The control socket of `paperd ctl`: AF_UNIX, a JSON object a line in, one a line out."""

import json
import selectors
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

LINE_BYTES_MAX = 1 << 16


class Control:
    """Listens and answers. OSError when the socket can not be made; a failing client costs that client only."""

    def __init__(self, path: Path, selector: selectors.BaseSelector) -> None:
        if path.is_socket():
            path.unlink()  # of a paperd that is gone
        self._path = path
        self._selector = selector
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        path.chmod(0o600)
        self._listener.listen(16)
        self._listener.setblocking(False)
        selector.register(self._listener, selectors.EVENT_READ, self)
        self._clients: dict[socket.socket, bytearray] = {}

    def serve(
        self, ready: list[selectors.SelectorKey], obey: Callable[[dict[str, Any]], dict[str, Any]]
    ) -> None:
        """Take new clients, answer whole lines."""
        for key in ready:
            if key.fileobj is self._listener:
                self._accept()
            elif key.data is self and isinstance(key.fileobj, socket.socket):
                self._answer(key.fileobj, obey)

    def _accept(self) -> None:
        try:
            client, _ = self._listener.accept()
        except OSError:
            return
        client.settimeout(1.0)  # an answer is short; who does not read it for that long is dropped
        self._selector.register(client, selectors.EVENT_READ, self)
        self._clients[client] = bytearray()

    def _answer(self, client: socket.socket, obey: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        kept = self._clients[client]
        try:
            data = client.recv(LINE_BYTES_MAX)
            kept += data
            *lines, rest = bytes(kept).split(b"\n")
            kept[:] = rest
            for line in lines:
                client.sendall(json.dumps(_answered(line, obey)).encode() + b"\n")
        except OSError:
            data = b""
        if not data or len(kept) > LINE_BYTES_MAX:
            self._drop(client)

    def _drop(self, client: socket.socket) -> None:
        del self._clients[client]
        self._selector.unregister(client)
        client.close()

    def close(self) -> None:
        for client in list(self._clients):
            self._drop(client)
        self._selector.unregister(self._listener)
        self._listener.close()
        self._path.unlink(missing_ok=True)


def _answered(line: bytes, obey: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        return {"ok": False, "error": "not JSON"}
    if not isinstance(request, dict):
        return {"ok": False, "error": "not a JSON object"}
    return obey(request)
