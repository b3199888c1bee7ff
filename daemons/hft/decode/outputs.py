"""The files that `hft decode` writes: tops and events, in Arrow batches, each complete or not there at all."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.csv  # type: ignore[import-untyped]
import pyarrow.parquet  # type: ignore[import-untyped]
from numpy.typing import NDArray

from hft.decode.decoder import Batch
from hft.layout.dtypes import MARKET_EVENT, BookValidity, EventFlags, EventKind, Side, TradeState

PRICE_DECIMALS = 4
_PRICE = pa.decimal128(19, PRICE_DECIMALS)

TOPS_SCHEMA = pa.schema(
    [
        ("message_number", pa.uint64()),
        ("exchange_ts_ns", pa.uint64()),
        ("symbol", pa.string()),
        ("bid_price", _PRICE),
        ("bid_size", pa.uint64()),
        ("bid_orders", pa.uint16()),
        ("ask_price", _PRICE),
        ("ask_size", pa.uint64()),
        ("ask_orders", pa.uint16()),
    ]
)

_ENUMS: dict[str, Any] = {
    "kind": EventKind,
    "side": Side,
    "trade_state": TradeState,
    "validity": BookValidity,
}
_CHARACTERS = ("code", "message_type")


def _event_type(name: str) -> pa.DataType:
    if name in _ENUMS or name in _CHARACTERS or name == "flags":
        return pa.string()
    return pa.from_numpy_dtype(MARKET_EVENT[name])


EVENTS_SCHEMA = pa.schema(
    [
        ("message_number", pa.uint64()),
        ("symbol", pa.string()),
        *((name, _event_type(name)) for name in MARKET_EVENT.names or ()),
    ]
)
"""The slots of MarketEvent under their own names, raw integers; enums and flags by name, codes as characters."""


class _Writer(Protocol):
    def write(self, table: pa.Table) -> None: ...
    def close(self) -> None: ...


class AtomicFile:
    """`path` appears with commit(), complete; without it nothing is left behind. OSError names the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        self.handle = self.temporary.open("wb")

    def commit(self) -> None:
        self.handle.flush()
        os.fsync(self.handle.fileno())
        self.handle.close()
        self.temporary.replace(self.path)

    def discard(self) -> None:
        self.handle.close()
        self.temporary.unlink(missing_ok=True)


class TableFile:
    """A CSV or, by the ending `.parquet`, Parquet file that grows by `rows(batch)`."""

    def __init__(self, path: Path, schema: pa.Schema, rows: Callable[[Batch], pa.Table]) -> None:
        self._file = AtomicFile(path)
        self._rows = rows
        self._writer = _open_writer(self._file, schema)

    def write(self, batch: Batch) -> None:
        table = self._rows(batch)
        if table.num_rows:
            self._writer.write(table)

    def commit(self) -> None:
        self._writer.close()
        self._file.commit()

    def discard(self) -> None:
        self._file.discard()


def _open_writer(file: AtomicFile, schema: pa.Schema) -> _Writer:
    if file.path.suffix == ".parquet":
        parquet: _Writer = pyarrow.parquet.ParquetWriter(file.handle, schema)
        return parquet
    return _CsvWriter(file.handle, schema)


class _CsvWriter:
    """Quotes only where it must: Arrow's own "needed" quotes every string."""

    def __init__(self, handle: BinaryIO, schema: pa.Schema) -> None:
        self._handle = handle
        handle.write((",".join(schema.names) + "\n").encode())

    def write(self, table: pa.Table) -> None:
        try:
            text = _csv_text(table, "none")
        except pa.ArrowInvalid:  # a string holds a comma, a quote or a line end
            text = _csv_text(table, "needed")
        self._handle.write(text)

    def close(self) -> None:
        """The file belongs to its AtomicFile."""


def _csv_text(table: pa.Table, quoting_style: str) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    options = pyarrow.csv.WriteOptions(include_header=False, quoting_style=quoting_style)
    pyarrow.csv.write_csv(table, sink, options)
    return sink.getvalue()


def write_json(path: Path, value: object) -> None:
    file = AtomicFile(path)
    try:
        file.handle.write(json.dumps(value, indent=1).encode() + b"\n")
        file.commit()
    except OSError:
        file.discard()
        raise


def tops_table(batch: Batch) -> pa.Table:
    """One row for each event that changed price, size or order count at the top of its book."""
    changed = (batch.events["flags"] & EventFlags.TOP_CHANGED) != 0
    tops = batch.events[changed]
    columns = [
        pa.array(batch.message_numbers[changed]),
        pa.array(tops["exchange_ts_ns"].copy()),
        pa.array(batch.symbols).take(pa.array(tops["instrument_id"].copy())),
        _decimals(tops["bid_price"]),
        pa.array(tops["bid_quantity"].copy()),
        pa.array(tops["bid_orders"].copy()),
        _decimals(tops["ask_price"]),
        pa.array(tops["ask_quantity"].copy()),
        pa.array(tops["ask_orders"].copy()),
    ]
    return pa.Table.from_arrays(columns, schema=TOPS_SCHEMA)


def events_table(batch: Batch) -> pa.Table:
    """All events as EVENTS_SCHEMA says."""
    columns = [
        pa.array(batch.message_numbers),
        pa.array(batch.symbols).take(pa.array(batch.events["instrument_id"].copy())),
    ]
    for name in MARKET_EVENT.names or ():
        values = batch.events[name]
        if name in _ENUMS:
            columns.append(_names(_ENUMS[name]).take(pa.array(values.copy())))
        elif name in _CHARACTERS:
            columns.append(_CHARACTER_NAMES.take(pa.array(values.copy())))
        elif name == "flags":
            columns.append(_FLAG_NAMES.take(pa.array(values.copy())))
        else:
            columns.append(pa.array(values.copy()))
    return pa.Table.from_arrays(columns, schema=EVENTS_SCHEMA)


def _names(enum: Any) -> pa.Array:
    return pa.array([member.name for member in sorted(enum, key=int)])


_CHARACTER_NAMES = pa.array(["", *(chr(code) for code in range(1, 256))])
_FLAG_NAMES = pa.array(
    ["|".join(str(flag.name) for flag in EventFlags if bits & flag) for bits in range(2 * max(EventFlags))]
)


def _decimals(prices: NDArray[np.int64]) -> pa.Array:
    """int64 prices of four implied decimals as exact decimals: the same integers, widened to 128 bits."""
    wide = np.empty((len(prices), 2), dtype="<i8")
    wide[:, 0] = prices
    wide[:, 1] = prices >> 63
    return pa.Array.from_buffers(_PRICE, len(prices), [None, pa.py_buffer(wide)])
