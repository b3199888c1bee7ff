"""numpy dtypes and enums of the records, derived from the schema that the extension was built with."""

from __future__ import annotations

from enum import IntEnum, IntFlag
from functools import cache

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
        {  # type: ignore[call-overload]
            "names": [field.name for field in struct.fields],
            "formats": formats,
            "offsets": [field.offset_bytes for field in struct.fields],
            "itemsize": struct.size_bytes,
        }
    )


def _values(enum_name: str) -> list[tuple[str, int]]:
    return list(schema().enums[enum_name].values)


MARKET_EVENT = dtype("MarketEvent")
BOARD_ENTRY = dtype("BoardEntry")
ORDER_INTENT = dtype("OrderIntent")
ORDER_UPDATE = dtype("OrderUpdate")

RegionKind = IntEnum("RegionKind", _values("RegionKind"))  # type: ignore[misc]
EventKind = IntEnum("EventKind", _values("EventKind"))  # type: ignore[misc]
Side = IntEnum("Side", _values("Side"))  # type: ignore[misc]
TradeState = IntEnum("TradeState", _values("TradeState"))  # type: ignore[misc]
BookValidity = IntEnum("BookValidity", _values("BookValidity"))  # type: ignore[misc]
EventFlags = IntFlag("EventFlags", _values("EventFlags"))  # type: ignore[misc]
IntentAction = IntEnum("IntentAction", _values("IntentAction"))  # type: ignore[misc]
TimeInForce = IntEnum("TimeInForce", _values("TimeInForce"))  # type: ignore[misc]
UpdateKind = IntEnum("UpdateKind", _values("UpdateKind"))  # type: ignore[misc]
RefusalReason = IntEnum("RefusalReason", _values("RefusalReason"))  # type: ignore[misc]
