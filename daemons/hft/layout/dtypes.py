"""numpy dtypes and enums of the records, derived from the schema that the extension was built with."""

from __future__ import annotations

from enum import IntEnum, IntFlag
from functools import cache
from typing import Any

import numpy as np

from hft import _native
from hft.layout.reflection import Schema, Struct, parse

_SCALARS = {
    "bool": "?", "i8": "<i1", "u8": "<u1", "i16": "<i2", "u16": "<u2", "i32": "<i4", "u32": "<u4",
    "i64": "<i8", "u64": "<u8", "f32": "<f4", "f64": "<f8",
}  # fmt: skip


@cache
def schema() -> Schema:
    """The schema embedded in the extension."""
    return parse(_native.schema_bfbs())


@cache
def dtype(struct_name: str) -> np.dtype[np.void]:
    """The packed numpy dtype of a schema struct, e.g. ``dtype("MarketEvent")`` (128 bytes).

    Byte arrays become ``S``-free ``u1`` sub-arrays, nested structs nested dtypes. Raises KeyError for a
    name that the schema does not hold.
    """
    return _dtype_of(schema().structs[struct_name])


def _dtype_of(struct: Struct) -> np.dtype[np.void]:
    formats: list[object] = []
    for field in struct.fields:
        element: object = _SCALARS.get(field.type) or dtype(field.type)
        formats.append((element, (field.count,)) if field.count else element)
    return np.dtype(
        {
            "names": [field.name for field in struct.fields],
            "formats": formats,
            "offsets": [field.offset_bytes for field in struct.fields],
            "itemsize": struct.size_bytes,
        }
    )


def _values(enum_name: str) -> list[tuple[str, int]]:
    return list(schema().enums[enum_name].values)


def _enum(enum_name: str, base: Any = IntEnum) -> Any:
    """The members come from the schema at run time, so a type checker can not know them: Any."""
    return base(enum_name, _values(enum_name))


MARKET_EVENT = dtype("MarketEvent")
BOARD_ENTRY = dtype("BoardEntry")
ORDER_INTENT = dtype("OrderIntent")
ORDER_UPDATE = dtype("OrderUpdate")
GATEWAY_STATE = dtype("GatewayState")
GATEWAY_POSITION = dtype("GatewayPosition")
GATEWAY_ORDER = dtype("GatewayOrder")
LIMITS = dtype("Limits")
COMMANDS = dtype("Commands")

LOOP_INPUT = dtype("LoopInput")
LOOP_ORDER = dtype("LoopOrder")
SNAPSHOT = dtype("Snapshot")
JOURNAL_BLOCK = dtype("JournalBlock")
JOURNAL_END = dtype("JournalEnd")
JOURNAL_LOSS = dtype("JournalLoss")
SYMBOL_FACT = dtype("SymbolFact")

HEARTBEAT = dtype("Heartbeat")
REGISTRATION = dtype("Registration")
REGISTRATION_REPLY = dtype("RegistrationReply")

RegionKind = _enum("RegionKind")
EventKind = _enum("EventKind")
Side = _enum("Side")
MarketPhase = _enum("MarketPhase")
TradeState = _enum("TradeState")
BookValidity = _enum("BookValidity")
EventFlags = _enum("EventFlags", IntFlag)
IntentAction = _enum("IntentAction")
TimeInForce = _enum("TimeInForce")
UpdateKind = _enum("UpdateKind")
RefusalReason = _enum("RefusalReason")
IntentFlags = _enum("IntentFlags", IntFlag)
OrderState = _enum("OrderState")
VenueSession = _enum("VenueSession")
CommandScope = _enum("CommandScope")
StatKind = _enum("StatKind")
CloseReason = _enum("CloseReason")
VetoReason = _enum("VetoReason")
LoopState = _enum("LoopState")
DaemonId = _enum("DaemonId")
RegistrationVerdict = _enum("RegistrationVerdict")
InputKind = _enum("InputKind")
JournalStream = _enum("JournalStream")
LossReason = _enum("LossReason")
