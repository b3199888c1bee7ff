"""Nasdaq TotalView-ITCH 5.0: the 23 message layouts, each typed once.

Source: "Nasdaq TotalView-ITCH 5.0" specification; the section title stands beside each layout (section
numbers differ between its editions). Every message starts with type u8, stock locate u16, tracking number
u16 and a 48-bit timestamp in nanoseconds since New York midnight; all integers are big-endian, nothing is
padded, text is left-justified and space-padded. Prices are integers with four implied decimals (`_e4`),
the circuit breaker levels with eight (`_e8`).

Field offsets, numpy dtypes and `struct` formats are all derived from the table below.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

PREFIX_BYTES = 11
"""Type, locate, tracking number and timestamp: no message is shorter."""

_UNSIGNED_BYTES = {"u16": 2, "u32": 4, "u48": 6, "u64": 8}
_STRUCT_CODES = {"u16": "H", "u32": "I", "u48": "HI", "u64": "Q"}
_PREFIX = "stock_locate:u16 tracking_number:u16 timestamp_ns:u48"
_TEXT = "a"

# type: (section, fields after the prefix). A field is name:kind; aN is N bytes of text.
_TABLE: dict[str, tuple[str, str]] = {
    "S": ("System Event Message", "event_code:a1"),
    "R": (
        "Stock Directory",
        (
            "stock:a8 market_category:a1 financial_status:a1 round_lot_shares:u32 round_lots_only:a1"
            " issue_classification:a1 issue_sub_type:a2 authenticity:a1 short_sale_threshold:a1 ipo_flag:a1"
            " luld_tier:a1 etp_flag:a1 etp_leverage_factor:u32 inverse:a1"
        ),
    ),
    "H": ("Stock Trading Action", "stock:a8 trading_state:a1 reserved:a1 reason:a4"),
    "Y": ("Reg SHO Short Sale Price Test Restricted Indicator", "stock:a8 reg_sho_action:a1"),
    "L": (
        "Market Participant Position",
        "mpid:a4 stock:a8 primary_market_maker:a1 market_maker_mode:a1 participant_state:a1",
    ),
    "V": ("MWCB Decline Level Message", "level_1_e8:u64 level_2_e8:u64 level_3_e8:u64"),
    "W": ("MWCB Status Message", "breached_level:a1"),
    "K": ("Quoting Period Update", "stock:a8 release_time_s:u32 release_qualifier:a1 ipo_price_e4:u32"),
    "J": (
        "Limit Up - Limit Down (LULD) Auction Collar",
        "stock:a8 reference_price_e4:u32 upper_price_e4:u32 lower_price_e4:u32 extension:u32",
    ),
    "h": ("Operational Halt", "stock:a8 market_code:a1 halt_action:a1"),
    "A": (
        "Add Order - No MPID Attribution",
        "order_reference:u64 side:a1 shares:u32 stock:a8 price_e4:u32",
    ),
    "F": (
        "Add Order with MPID Attribution",
        "order_reference:u64 side:a1 shares:u32 stock:a8 price_e4:u32 attribution:a4",
    ),
    "E": ("Order Executed Message", "order_reference:u64 executed_shares:u32 match_number:u64"),
    "C": (
        "Order Executed With Price Message",
        "order_reference:u64 executed_shares:u32 match_number:u64 printable:a1 execution_price_e4:u32",
    ),
    "X": ("Order Cancel Message", "order_reference:u64 cancelled_shares:u32"),
    "D": ("Order Delete Message", "order_reference:u64"),
    "U": ("Order Replace Message", "order_reference:u64 new_order_reference:u64 shares:u32 price_e4:u32"),
    "P": (
        "Trade Message (Non-Cross)",
        "order_reference:u64 side:a1 shares:u32 stock:a8 price_e4:u32 match_number:u64",
    ),
    "Q": (
        "Cross Trade Message",
        "cross_shares:u64 stock:a8 cross_price_e4:u32 match_number:u64 cross_type:a1",
    ),
    "B": ("Broken Trade / Order Execution Message", "match_number:u64"),
    "I": (
        "Net Order Imbalance Indicator (NOII) Message",
        (
            "paired_shares:u64 imbalance_shares:u64 imbalance_direction:a1 stock:a8 far_price_e4:u32"
            " near_price_e4:u32 reference_price_e4:u32 cross_type:a1 price_variation:a1"
        ),
    ),
    "N": ("Retail Price Improvement Indicator (RPII)", "stock:a8 interest_flag:a1"),
    "O": (
        "Direct Listing with Capital Raise Price Discovery Message",
        (
            "stock:a8 open_eligibility:a1 minimum_price_e4:u32 maximum_price_e4:u32 near_price_e4:u32"
            " near_execution_time_ns:u64 lower_collar_e4:u32 upper_collar_e4:u32"
        ),
    ),
}


@dataclass(frozen=True)
class Field:
    """One field of a message: its place and width in bytes, type byte at offset 0."""

    name: str
    kind: str
    offset: int
    width: int

    @property
    def is_text(self) -> bool:
        return self.kind.startswith(_TEXT)


@dataclass(frozen=True)
class Layout:
    """One message type: fields in wire order, without the type byte; `size` counts it."""

    type: str
    section: str
    fields: tuple[Field, ...]
    size: int

    @cached_property
    def dtype(self) -> np.dtype[np.void]:
        """Packed big-endian dtype of the whole message; the timestamp is two fields, _high and _low."""
        columns: list[tuple[str, str]] = [("type", "S1")]
        for field in self.fields:
            if field.is_text:
                columns.append((field.name, f"S{field.width}"))
            elif field.kind == "u48":
                columns += [(f"{field.name}_high", ">u2"), (f"{field.name}_low", ">u4")]
            else:
                columns.append((field.name, f">u{field.width}"))
        return np.dtype(columns)

    @cached_property
    def packer(self) -> struct.Struct:
        codes = (f"{f.width}s" if f.is_text else _STRUCT_CODES[f.kind] for f in self.fields)
        return struct.Struct(">c" + "".join(codes))

    def offset(self, name: str) -> int:
        """Byte offset of a field from the type byte; KeyError when the type has no such field."""
        for field in self.fields:
            if field.name == name:
                return field.offset
        raise KeyError(f"ITCH {self.type} has no field {name}")


def _layout(message_type: str, section: str, body: str) -> Layout:
    fields: list[Field] = []
    offset = 1
    for item in f"{_PREFIX} {body}".split():
        name, kind = item.split(":")
        width = int(kind[1:]) if kind.startswith(_TEXT) else _UNSIGNED_BYTES[kind]
        fields.append(Field(name, kind, offset, width))
        offset += width
    return Layout(message_type, section, tuple(fields), offset)


LAYOUTS: Mapping[str, Layout] = {kind: _layout(kind, *entry) for kind, entry in _TABLE.items()}


def encode(message_type: str, **values: int | str) -> bytes:
    """One message as bytes, without a length prefix. ValueError names a field that is absent or unfit."""
    layout = LAYOUTS[message_type]
    unknown = values.keys() - {field.name for field in layout.fields}
    if unknown:
        raise ValueError(f"ITCH {message_type}: unknown fields {sorted(unknown)}")
    wire: list[int | bytes] = [message_type.encode()]
    for field in layout.fields:
        if field.name not in values:
            raise ValueError(f"ITCH {message_type}: field {field.name} is missing")
        wire += _wire_values(message_type, field, values[field.name])
    return layout.packer.pack(*wire)


def _wire_values(message_type: str, field: Field, value: int | str) -> list[int | bytes]:
    if field.is_text:
        if not isinstance(value, str) or len(value) > field.width:
            raise ValueError(f"ITCH {message_type}.{field.name}: {value!r} is no text of {field.width}")
        return [value.ljust(field.width).encode("ascii")]
    if not isinstance(value, int) or not 0 <= value < 1 << (8 * field.width):
        raise ValueError(f"ITCH {message_type}.{field.name}: {value!r} is out of range for {field.kind}")
    return [value >> 32, value & 0xFFFFFFFF] if field.kind == "u48" else [value]


def decode(message: bytes) -> dict[str, int | str]:
    """Field name → value of one whole message, `type` first. ValueError on an unknown type or length."""
    layout = LAYOUTS.get(message[:1].decode("latin-1"))
    if layout is None:
        raise ValueError(f"unknown ITCH 5.0 type {message[:1]!r}")
    if len(message) != layout.size:
        raise ValueError(f"ITCH {layout.type} is {layout.size} bytes, got {len(message)}")
    decoded: dict[str, int | str] = {"type": layout.type}
    for field in layout.fields:
        raw = message[field.offset : field.offset + field.width]
        decoded[field.name] = raw.decode("latin-1") if field.is_text else int.from_bytes(raw, "big")
    return decoded


def frame(message: bytes) -> bytes:
    """A message with its u16 big-endian length in front, as in capture files and MoldUDP64 blocks."""
    return len(message).to_bytes(2, "big") + message


def framed_table(message_type: str, rows: int) -> npt.NDArray[np.void]:
    """`rows` length-prefixed messages of one type, zeroed, to be filled by column: dtype length + layout."""
    layout = LAYOUTS[message_type]
    columns: list[tuple[str, str]] = [("length", ">u2")]
    columns += [(name, layout.dtype[name].str) for name in layout.dtype.names or ()]
    table = np.zeros(rows, np.dtype(columns))
    table["length"] = layout.size
    table["type"] = message_type.encode()
    return table
