"""The order side beside a replay: a process of its own, so that neither disturbs the other's timing.

Forked once the capture is in memory, which both then share unwritten. The replay stores how many messages it has
sent in one shared 64-bit word; the order side reads it. A socket pair ends it: when the replay's end closes (also by
the replay's death), the order side says farewell, and sends its summary back.
"""

import gc
import json
import mmap
import os
import select
import signal
import socket
import sys
import traceback
from contextlib import suppress
from typing import Any

from paperd.capture import Capture
from paperd.line import Address
from paperd.orders.config import OrdersConfig
from paperd.orders.market import Market, ReplayedMarket
from paperd.orders.script import ScriptError
from paperd.orders.server import OrderServer, listen

_TIMEOUT_S = 15.0


class OrdersFailed(OSError):
    """The order side ended by itself."""


class OrderProcess:
    """Started when made. OSError when its address or files can not be had, ScriptError."""

    def __init__(self, config: OrdersConfig, capture: Capture) -> None:
        self._page = mmap.mmap(-1, mmap.PAGESIZE)
        self._word = memoryview(self._page).cast("Q")
        self._socket, theirs = socket.socketpair()
        listener = listen(config)
        self.address: Address = listener.getsockname()
        sys.stdout.flush()
        sys.stderr.flush()
        gc.freeze()  # or the child's first collection would copy every page
        self._pid = os.fork()
        if self._pid == 0:
            self._socket.close()
            os._exit(_serve(config, ReplayedMarket(capture, lambda: self._word[0]), listener, theirs))
        gc.unfreeze()
        theirs.close()
        listener.close()
        self._socket.settimeout(_TIMEOUT_S)
        problem = self._read_line()
        if problem:
            self._reap()
            raise OrdersFailed(problem)

    def _read_line(self) -> str:
        data = bytearray()
        while not data.endswith(b"\n"):
            chunk = self._socket.recv(1 << 16)
            if not chunk:
                return "the order side did not start"
            data += chunk
        return data.decode().rstrip()

    def released(self, messages: int) -> None:
        """The replay has sent this many."""
        self._word[0] = messages

    def check(self) -> None:
        """OrdersFailed when it is gone."""
        if select.select([self._socket], (), (), 0)[0]:
            raise OrdersFailed(f"the order side ended with code {self._reap()}")

    def finish(self) -> dict[str, Any]:
        """End it; its summary."""
        self._socket.shutdown(socket.SHUT_WR)
        data = bytearray()
        try:
            while chunk := self._socket.recv(1 << 16):
                data += chunk
        except TimeoutError:
            os.kill(self._pid, signal.SIGKILL)
        code = self._reap()
        if code or not data:
            raise OrdersFailed(f"the order side ended with code {code}")
        summary: dict[str, Any] = json.loads(data)
        return summary

    def _reap(self) -> int:
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])


def _serve(config: OrdersConfig, market: Market, listener: socket.socket, parent: socket.socket) -> int:
    """The child's life. Signals are the parent's business."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        try:
            server = OrderServer(config, market, listener)
        except (OSError, ScriptError) as error:
            parent.sendall(f"{error}\n".encode())
            return 1
        parent.sendall(b"\n")
        summary = server.run(parent)
        with suppress(BrokenPipeError):  # the parent is gone
            parent.sendall(json.dumps(summary).encode())
    except BaseException:  # noqa: BLE001 (whatever it was, the parent hears of it by the exit code)
        traceback.print_exc()
        sys.stderr.flush()
        return 1
    return 0
