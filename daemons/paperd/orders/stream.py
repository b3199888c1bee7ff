"""The sequenced stream of a session: every message sent, numbered from 1, kept for replay from any number."""

from paperd.orders.faults import Outgoing
from paperd.orders.ledger import Ledger
from paperd.orders.ouch50 import OUTBOUND, encode


class Stream:
    """Numbers messages and keeps them, encoded."""

    def __init__(self, session: str, ledger: Ledger) -> None:
        self.session = session
        self.messages: list[bytes] = []
        self._ledger = ledger

    @property
    def next_sequence(self) -> int:
        return len(self.messages) + 1

    def emit(self, outgoing: Outgoing) -> None:
        """One more message."""
        line = {"sequence": self.next_sequence} | outgoing.message
        if outgoing.copy:
            line["copy"] = True
        self.messages.append(encode(OUTBOUND, outgoing.message))
        self._ledger.write("out", line)

    def emit_raw(self, message: bytes) -> None:
        """Bytes as they are: what a client must survive."""
        self._ledger.write("out", {"sequence": self.next_sequence, "type": "raw", "hex": message.hex()})
        self.messages.append(message)
