"""MoldUDP64 on the wire: downstream headers, and the answers of a retransmission server.

Source: "MoldUDP64 Protocol Specification" 1.00. A downstream packet is session ascii[10], sequence number of
its first message u64, message count u16, then the messages, each behind a u16 length. Count 0 is a
heartbeat and 0xFFFF the end of the session; both carry the next sequence number. A request has the
header's layout: session, first wanted sequence, how many. The first sequence number of a session is 1.
"""

import struct
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from paperd.capture import Capture

SESSION_BYTES = 10
HEADER = struct.Struct(">10sQH")
HEADER_BYTES = HEADER.size
BLOCK_LENGTH_BYTES = 2
HEARTBEAT = 0
END_OF_SESSION = 0xFFFF
COUNT_MAX = 0xFFFE


class Refusal(StrEnum):
    """Why a request got no answer; the server stays silent and counts."""

    WRONG_LENGTH = "wrong_length"
    WRONG_SESSION = "wrong_session"
    NO_MESSAGES = "no_messages"
    OUT_OF_RANGE = "out_of_range"


@dataclass(frozen=True)
class Reply:
    """A retransmission: header, byte range of the blocks in the capture, and how many messages."""

    header: bytes
    start_byte: int
    end_byte: int
    count: int


def session_field(name: str) -> bytes:
    """A session name as ten bytes, padded on the right; ValueError when it is none."""
    if not name or len(name) > SESSION_BYTES or not name.isascii() or not name.isprintable():
        raise ValueError(f"{name!r} is not 1 to {SESSION_BYTES} printable ASCII characters")
    return name.ljust(SESSION_BYTES).encode("ascii")


class RetransmissionStore:
    """Answers requests out of a capture, for messages already released. Holds no state of its own."""

    def __init__(self, capture: Capture, session: bytes, payload_bytes: int) -> None:
        self._offset = capture.offset
        self._end_byte = capture.offset + capture.length
        self._session = session
        self._block_bytes_max = payload_bytes - HEADER_BYTES

    def answer(self, request: bytes, released: int) -> Reply | Refusal:
        """As many of the wanted messages as fit, of the first `released` ones of the session."""
        if len(request) != HEADER_BYTES:
            return Refusal.WRONG_LENGTH
        session, sequence, wanted = HEADER.unpack(request)
        if session != self._session:
            return Refusal.WRONG_SESSION
        if wanted == 0:
            return Refusal.NO_MESSAGES
        if not 1 <= sequence <= released:
            return Refusal.OUT_OF_RANGE
        first = sequence - 1
        start_byte = int(self._offset[first]) - BLOCK_LENGTH_BYTES
        available = self._end_byte[first : first + min(wanted, COUNT_MAX, released - first)]
        fitting = int(np.searchsorted(available, start_byte + self._block_bytes_max, side="right"))
        count = max(1, fitting)
        header = HEADER.pack(session, sequence, count)
        return Reply(header, start_byte, int(available[count - 1]), count)
