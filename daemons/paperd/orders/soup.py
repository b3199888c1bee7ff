"""SoupBinTCP 4.0 and 4.1: packets of both directions.

Source: "SoupBinTCP" specification, versions 4.0 and 4.1. A packet is a u16 length (of what follows), a type byte and a
payload. The login request is username a6, password a10 (padded on the right), session a10 and sequence a20 (padded on
the left), and since 4.1 the client's heartbeat time-out in ms, a5.
"""

from dataclasses import dataclass

LENGTH_BYTES = 2
SESSION_BYTES = 10
_SEQUENCE_BYTES = 20
_LOGIN_BYTES = (46, 51)

DEBUG = b"+"
LOGIN_ACCEPTED = b"A"
LOGIN_REJECTED = b"J"
SEQUENCED = b"S"
UNSEQUENCED = b"U"
SERVER_HEARTBEAT = b"H"
END_OF_SESSION = b"Z"
LOGIN_REQUEST = b"L"
CLIENT_HEARTBEAT = b"R"
LOGOUT_REQUEST = b"O"

NOT_AUTHORISED = "A"
SESSION_NOT_AVAILABLE = "S"


class SoupError(ValueError):
    """What is no SoupBinTCP; the connection can not be used any further."""


@dataclass(frozen=True)
class Login:
    """A login request. `session` empty: the current one; `sequence` 0: only what is new."""

    username: str
    password: str
    session: str
    sequence: int
    heartbeat_timeout_ms: int | None


def packet(kind: bytes, payload: bytes = b"") -> bytes:
    return (len(payload) + 1).to_bytes(LENGTH_BYTES, "big") + kind + payload


def login_accepted(session: str, sequence: int) -> bytes:
    text = session.rjust(SESSION_BYTES) + str(sequence).rjust(_SEQUENCE_BYTES)
    return packet(LOGIN_ACCEPTED, text.encode("ascii"))


def login_rejected(reason: str) -> bytes:
    return packet(LOGIN_REJECTED, reason.encode("ascii"))


def parse_login(payload: bytes) -> Login:
    if len(payload) not in _LOGIN_BYTES:
        raise SoupError(f"login request of {len(payload)} bytes")
    try:
        text = payload.decode("ascii")
        sequence = int(text[26:46])
        timeout_ms = int(text[46:]) if len(text) > _LOGIN_BYTES[0] else None
    except ValueError:
        raise SoupError("login request: a number is none") from None
    if sequence < 0:
        raise SoupError("login request: a negative sequence number")
    return Login(text[:6].rstrip(), text[6:16].rstrip(), text[16:26].strip(), sequence, timeout_ms)


class Splitter:
    """Bytes of a stream in, whole packets out."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """Type and payload of each packet that is whole now. SoupError on a length of 0."""
        self._bytes += data
        packets = []
        at, end = 0, len(self._bytes)
        while end - at >= LENGTH_BYTES:
            length = (self._bytes[at] << 8) | self._bytes[at + 1]
            if length == 0:
                raise SoupError("packet of length 0")
            if at + LENGTH_BYTES + length > end:
                break
            start = at + LENGTH_BYTES
            packets.append(
                (bytes(self._bytes[start : start + 1]), bytes(self._bytes[start + 1 : start + length]))
            )
            at = start + length
        del self._bytes[:at]
        return packets
