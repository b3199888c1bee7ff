"""OUCH 5.0: every message of both directions, each layout typed once.

Source: "OUCH 5.0" specification of Nasdaq, "Inbound Messages" and "Outbound Messages". Integers are big-endian, nothing
is padded, text is left-justified and space-padded. Prices are u64 with four implied decimals. Messages marked `+` end
in an appendage: a u16 length, then elements of u8 length (of tag and value), u8 tag and value.

Whatever a field holds is carried, known code or not: judging values is the venue's business, not the codec's.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Message = dict[str, Any]
"""Field name → value: int for numbers, str (padding stripped) for text; `type` first, `options` for the appendage."""

PRICE_MAX_E4 = 0x7735939C
"""199,999.9900"""
QUANTITY_MAX = 999_999

_CODES = {"u16": "H", "u32": "I", "u64": "Q"}
_APPENDAGE_LENGTH = struct.Struct(">H")

_INBOUND = {
    "O": (
        "user_ref:u32 side:a1 quantity:u32 symbol:a8 price_e4:u64 time_in_force:a1 display:a1 capacity:a1 iso:a1"
        " cross:a1 client_id:a14 +"
    ),
    "U": (
        "original_ref:u32 user_ref:u32 quantity:u32 price_e4:u64 time_in_force:a1 display:a1 iso:a1 client_id:a14 +"
    ),
    "X": "user_ref:u32 quantity:u32",
    "M": "user_ref:u32 side:a1 quantity:u32",
    "Q": "",
}

_OUTBOUND = {
    "S": "timestamp_ns:u64 event_code:a1",
    "A": (
        "timestamp_ns:u64 user_ref:u32 side:a1 quantity:u32 symbol:a8 price_e4:u64 time_in_force:a1 display:a1"
        " order_reference:u64 capacity:a1 iso:a1 cross:a1 state:a1 client_id:a14 +"
    ),
    "U": (
        "timestamp_ns:u64 original_ref:u32 user_ref:u32 side:a1 quantity:u32 symbol:a8 price_e4:u64"
        " time_in_force:a1 display:a1 order_reference:u64 capacity:a1 iso:a1 cross:a1 state:a1 client_id:a14 +"
    ),
    "C": "timestamp_ns:u64 user_ref:u32 quantity:u32 reason:a1",
    "D": (
        "timestamp_ns:u64 user_ref:u32 quantity:u32 reason:a1 prevented_quantity:u32 price_e4:u64 liquidity:a1"
        " strategy:a1"
    ),
    "E": "timestamp_ns:u64 user_ref:u32 quantity:u32 price_e4:u64 liquidity:a1 match_number:u64 +",
    "B": "timestamp_ns:u64 user_ref:u32 match_number:u64 reason:a1 client_id:a14",
    "J": "timestamp_ns:u64 user_ref:u32 reason:u16 client_id:a14",
    "P": "timestamp_ns:u64 user_ref:u32",
    "I": "timestamp_ns:u64 user_ref:u32",
    "T": "timestamp_ns:u64 user_ref:u32 price_e4:u64 display:a1 order_reference:u64",
    "M": "timestamp_ns:u64 user_ref:u32 side:a1 quantity:u32",
    "R": "timestamp_ns:u64 user_ref:u32 reason:a1 +",
    "Q": "timestamp_ns:u64 next_ref:u32",
}

# tag: (name, width in bytes, how it is read: unsigned, signed, text)
_OPTIONS = {
    1: ("secondary_reference", 8, "u"),
    2: ("firm", 4, "a"),
    3: ("minimum_quantity", 4, "u"),
    4: ("customer_type", 1, "a"),
    5: ("max_floor", 4, "u"),
    6: ("price_type", 1, "a"),
    7: ("peg_offset_e4", 4, "i"),
    9: ("discretion_price_e4", 8, "u"),
    10: ("discretion_price_type", 1, "a"),
    11: ("discretion_peg_offset_e4", 4, "i"),
    12: ("post_only", 1, "a"),
    13: ("random_reserves", 4, "u"),
    14: ("route", 4, "a"),
    15: ("expire_time_s", 4, "u"),
    16: ("trade_now", 1, "a"),
    17: ("handling", 1, "a"),
    18: ("bbo_weight", 1, "a"),
    22: ("display_quantity", 4, "u"),
    23: ("display_price_e4", 8, "u"),
    24: ("group_id", 2, "u"),
    25: ("shares_located", 1, "a"),
}
_TAGS = {name: (tag, width, kind) for tag, (name, width, kind) in _OPTIONS.items()}


class OuchError(ValueError):
    """Bytes that are no OUCH 5.0 message, or values that do not fit one; the text says why."""


@dataclass(frozen=True)
class Layout:
    """One message: its struct with the type byte, field names in wire order, widths of text (0 = a number)."""

    packer: struct.Struct
    names: tuple[str, ...]
    widths: tuple[int, ...]
    appendage: bool

    @property
    def size(self) -> int:
        """Bytes without the appendage's elements."""
        return self.packer.size + (_APPENDAGE_LENGTH.size if self.appendage else 0)


def _layout(body: str) -> Layout:
    fields = [item.split(":") for item in body.split() if item != "+"]
    codes = "".join(f"{kind[1:]}s" if kind[0] == "a" else _CODES[kind] for _, kind in fields)
    return Layout(
        struct.Struct(">c" + codes),
        tuple(name for name, _ in fields),
        tuple(int(kind[1:]) if kind[0] == "a" else 0 for _, kind in fields),
        body.endswith("+"),
    )


INBOUND: Mapping[str, Layout] = {kind: _layout(body) for kind, body in _INBOUND.items()}
OUTBOUND: Mapping[str, Layout] = {kind: _layout(body) for kind, body in _OUTBOUND.items()}


def decode(layouts: Mapping[str, Layout], data: bytes) -> Message:
    """One whole message. OuchError on an unknown type, a wrong length or a broken appendage."""
    kind = data[:1].decode("latin-1")
    layout = layouts.get(kind)
    if layout is None:
        raise OuchError(f"unknown type {data[:1]!r}")
    if len(data) < layout.size or (not layout.appendage and len(data) != layout.size):
        raise OuchError(f"{kind} is {layout.size} bytes, got {len(data)}")
    message: Message = {"type": kind}
    values = layout.packer.unpack_from(data)
    for name, width, value in zip(layout.names, layout.widths, values[1:], strict=True):
        message[name] = value.decode("latin-1").rstrip(" ") if width else value
    if layout.appendage:
        (length,) = _APPENDAGE_LENGTH.unpack_from(data, layout.packer.size)
        if layout.size + length != len(data):
            raise OuchError(f"{kind}: appendage of {length} bytes, {len(data) - layout.size} are there")
        message["options"] = _decode_options(data[layout.size :])
    return message


def _decode_options(data: bytes) -> dict[str, int | str]:
    options: dict[str, int | str] = {}
    at = 0
    while at < len(data):
        length = data[at]
        if length < 1 or at + 1 + length > len(data):
            raise OuchError(f"appendage element at {at}: length {length}")
        tag, raw = data[at + 1], data[at + 2 : at + 1 + length]
        name, width, kind = _OPTIONS.get(tag, (f"tag_{tag}", len(raw), "x"))
        if len(raw) != width:
            raise OuchError(f"appendage {name}: {len(raw)} bytes instead of {width}")
        if kind == "x":
            options[name] = raw.hex()
        elif kind == "a":
            options[name] = raw.decode("latin-1").rstrip(" ")
        else:
            options[name] = int.from_bytes(raw, "big", signed=kind == "i")
        at += 1 + length
    return options


def encode(layouts: Mapping[str, Layout], message: Message) -> bytes:
    """A message as bytes. OuchError when a field is absent or does not fit."""
    kind = message["type"]
    layout = layouts[kind]
    try:
        values = [
            _text(message[name], width) if width else message[name]
            for name, width in zip(layout.names, layout.widths, strict=True)
        ]
        data = layout.packer.pack(kind.encode(), *values)
    except (KeyError, struct.error) as error:
        raise OuchError(f"{kind}: {error}") from error
    if layout.appendage:
        tail = b"".join(_encode_option(*option) for option in message.get("options", {}).items())
        data += _APPENDAGE_LENGTH.pack(len(tail)) + tail
    return data


def _text(value: Any, width: int) -> bytes:
    if not isinstance(value, str) or len(value) > width:
        raise OuchError(f"{value!r} is no text of {width}")
    return value.ljust(width).encode("latin-1")


def _encode_option(name: str, value: int | str) -> bytes:
    if name.startswith("tag_"):
        tag, raw = int(name[4:]), bytes.fromhex(str(value))
    else:
        tag, width, kind = _TAGS[name]
        raw = _text(value, width) if kind == "a" else int(value).to_bytes(width, "big", signed=kind == "i")
    return bytes((len(raw) + 1, tag)) + raw
