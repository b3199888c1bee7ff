"""Values of the command line: each function takes the text and says what is wrong with it."""

import argparse
import math
import re
from collections.abc import Callable

from paperd.faults import Window
from paperd.line import Address
from paperd.mold import session_field
from paperd.pacing import AS_FAST_AS_POSSIBLE, SECOND_NS

_TIME_OF_DAY = re.compile(r"(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?")
FIRST_ORDER = "first-order"


def number(low: float, high: float, above: bool = False) -> Callable[[str], float]:
    """A float from `low` (or above it) to `high`."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (low < value if above else low <= value) or not value <= high:
            raise argparse.ArgumentTypeError(
                f"{text!r} is not a number {'above' if above else 'from'} {low:g} to {high:g}"
            )
        return value

    return parse


def whole(low: int, high: int) -> Callable[[str], int]:
    """An integer from `low` to `high`."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"\d{1,19}", text) or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {low} to {high}")
        return int(text)

    return parse


def chance(text: str) -> float:
    """A probability from 0 to 1."""
    return number(0.0, 1.0)(text)


def speed(text: str) -> float:
    """A speed factor, or `max` for no spacing at all."""
    return AS_FAST_AS_POSSIBLE if text == "max" else number(0.0, 1e9, above=True)(text)


def ipv4(text: str) -> str:
    """An IPv4 address in dotted form."""
    parts = text.split(".")
    if len(parts) != 4 or not all(re.fullmatch(r"\d{1,3}", p) and int(p) <= 255 for p in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is not an IPv4 address")
    return text


def host_port(text: str) -> Address:
    """HOST:PORT with an IPv4 address (or localhost) and a port from 1."""
    address = request_host_port(text)
    if address[1] == 0:
        raise argparse.ArgumentTypeError(f"{text!r}: a port from 1 to 65535 is needed")
    return address


def request_host_port(text: str) -> Address:
    """HOST:PORT where port 0 lets the system choose."""
    host, colon, port = text.rpartition(":")
    if not colon or not re.fullmatch(r"\d{1,5}", port) or int(port) > 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return ipv4("127.0.0.1" if host == "localhost" else host), int(port)


def session(text: str) -> bytes:
    """A MoldUDP64 session name."""
    try:
        return session_field(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def silence(text: str) -> Window:
    """AT:DURATION in seconds from the start of sending."""
    at, colon, duration = text.partition(":")
    if not colon:
        raise argparse.ArgumentTypeError(f"{text!r} is not AT:DURATION in seconds")
    at_s, duration_s = number(0.0, 1e6)(at), number(0.0, 1e6, above=True)(duration)
    return round(at_s * SECOND_NS), round(duration_s * SECOND_NS)


def start_at(text: str) -> int | str:
    """HH:MM:SS[.fraction] as nanoseconds since New York midnight, or `first-order`."""
    if text == FIRST_ORDER:
        return text
    match = _TIME_OF_DAY.fullmatch(text)
    if match is None or int(match[1]) > 23 or int(match[2]) > 59 or int(match[3]) > 59:
        raise argparse.ArgumentTypeError(f"{text!r} is neither HH:MM:SS[.fraction] nor {FIRST_ORDER}")
    seconds = (int(match[1]) * 60 + int(match[2])) * 60 + int(match[3])
    return seconds * SECOND_NS + int((match[4] or "0").ljust(9, "0"))
