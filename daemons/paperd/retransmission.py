"""The retransmission server: unicast UDP requests in, at most one datagram of messages out for each."""

import socket
from typing import Any

import numpy as np
import numpy.typing as npt

from paperd.faults import LOST, PacketDice
from paperd.line import Address
from paperd.mold import HEADER_BYTES, Refusal, RetransmissionStore

REQUESTS_PER_TURN = 16
RECEIVE_BUFFER_BYTES = 1 << 20


class RetransmissionServer:
    """Owns the request socket and counts what happens on it. OSError when the address cannot be bound."""

    def __init__(
        self, address: Address, store: RetransmissionStore, data: npt.NDArray[np.uint8], dice: PacketDice
    ) -> None:
        self._store = store
        self._data = memoryview(data)  # type: ignore[arg-type]
        self._dice = dice
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        self.socket.setblocking(False)
        self.socket.bind(address)
        self.address: Address = self.socket.getsockname()
        self._requests = 0
        self._replies = 0
        self._messages = 0
        self._dropped = 0
        self._send_errors = 0
        self._refused = dict.fromkeys(Refusal, 0)

    def serve(self, released: int) -> int:
        """Answer what is waiting, up to REQUESTS_PER_TURN; returns how many requests were taken."""
        for taken in range(REQUESTS_PER_TURN):
            try:
                # One byte more than a request has, so that a longer datagram is seen to be longer.
                request, sender = self.socket.recvfrom(HEADER_BYTES + 1)
            except BlockingIOError:
                return taken
            self._requests += 1
            self._answer(request, sender, released)
        return REQUESTS_PER_TURN

    def _answer(self, request: bytes, sender: Address, released: int) -> None:
        answer = self._store.answer(request, released)
        if isinstance(answer, Refusal):
            self._refused[answer] += 1
        elif self._dice.fate(0) == LOST:
            self._dropped += 1
        else:
            blocks = self._data[answer.start_byte : answer.end_byte]
            try:
                self.socket.sendmsg((answer.header, blocks), (), 0, sender)
            except OSError:
                self._send_errors += 1
            else:
                self._replies += 1
                self._messages += answer.count

    def status(self) -> dict[str, Any]:
        """The counters, for scripts."""
        return {
            "retransmission_requests": self._requests,
            "retransmission_replies": self._replies,
            "retransmitted_messages": self._messages,
            "dropped_retransmissions": self._dropped,
            "retransmission_send_errors": self._send_errors,
            "refused_requests": {reason.value: count for reason, count in self._refused.items()},
        }

    def close(self) -> None:
        self.socket.close()
