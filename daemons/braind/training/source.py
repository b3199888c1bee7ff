"""Normalized events in batches: a capture through feedd's decoder, `hft decode --events` files, or a journal."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from braind.training import TrainingError
from hft.layout.dtypes import (
    MARKET_EVENT,
    BookValidity,
    EventFlags,
    EventKind,
    JournalStream,
    Side,
    TradeState,
)

_PARQUET_BATCH_ROWS = 1 << 18
_ENUMS = {"kind": EventKind, "side": Side, "trade_state": TradeState, "validity": BookValidity}
# All that features and labels look at.
_COLUMNS = (
    "exchange_ts_ns", "instrument_id", "kind", "side", "flags", "price", "quantity", "bid_price", "ask_price",
    "bid_quantity", "ask_quantity", "bid_orders", "ask_orders", "trade_state", "validity", "code",
)  # fmt: skip


def file_sha256(path: Path) -> str:
    """Hex SHA-256 of the file's bytes. Raises TrainingError."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise TrainingError(f"{path}: {error.strerror}") from error


class Source(Protocol):
    """What training needs of its data."""

    path: Path

    def sha256(self) -> str:
        """Of what `batches` gives: the same data, the same model."""
        ...

    def batches(self) -> Iterator[NDArray[np.void]]:
        """MARKET_EVENT arrays in order. Raises TrainingError."""
        ...


class CaptureSource:
    """Batches of a capture, decoded now; `messages_max` 0 = all. Raises TrainingError."""

    def __init__(self, path: Path, date: str | None, messages_max: int) -> None:
        self.path = path
        self._date = date
        self._messages_max = messages_max

    def sha256(self) -> str:
        """Of the file."""
        return file_sha256(self.path)

    def batches(self) -> Iterator[NDArray[np.void]]:
        """MARKET_EVENT arrays in feed order."""
        from hft.decode.capture_file import CaptureFile
        from hft.decode.decoder import Decoder
        from hft.decode.errors import CaptureError

        try:
            with CaptureFile(self.path) as file:
                for batch in Decoder(file, self._date).batches():
                    events = batch.events
                    if self._messages_max:
                        events = events[batch.message_numbers < self._messages_max]
                    yield events
                    if len(events) < len(batch.events):
                        return
        except (CaptureError, ValueError) as error:
            raise TrainingError(str(error)) from error


class ParquetSource:
    """Batches of a Parquet file of `hft decode --events`. Raises TrainingError."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def sha256(self) -> str:
        """Of the file."""
        return file_sha256(self.path)

    def batches(self) -> Iterator[NDArray[np.void]]:
        """MARKET_EVENT arrays with the slots that features and labels use."""
        import pyarrow as pa  # type: ignore[import-untyped]
        import pyarrow.parquet  # type: ignore[import-untyped]

        try:
            with pyarrow.parquet.ParquetFile(self.path) as file:
                for batch in file.iter_batches(_PARQUET_BATCH_ROWS, columns=list(_COLUMNS)):
                    yield _events_of({name: batch.column(name) for name in _COLUMNS})
        except (OSError, pa.ArrowException, KeyError) as error:
            raise TrainingError(f"{self.path}: not the events of `hft decode`: {error}") from error


class JournalSource:
    """What `hft record` wrote of market.ring. A loss or another feedd is a GAP: features start anew there.

    Raises TrainingError.
    """

    def __init__(self, path: Path) -> None:
        from hft.journal.errors import JournalError
        from hft.journal.reader import Journal

        self.path = path
        try:
            self._journal = Journal(path)
        except JournalError as error:
            raise TrainingError(str(error)) from error

    def sha256(self) -> str:
        """Over numbers and checksums of the market blocks."""
        headers = self._journal.headers
        chosen = headers[headers["stream"] == JournalStream.MARKET]
        digest = hashlib.sha256()
        for name in ("generation", "first_sequence", "count", "payload_crc32"):
            digest.update(np.ascontiguousarray(chosen[name]).tobytes())
        return digest.hexdigest()

    def batches(self) -> Iterator[NDArray[np.void]]:
        """MARKET_EVENT arrays as they were in the ring."""
        from hft.journal.errors import JournalError

        place: tuple[int, int] | None = None  # generation, next sequence
        try:
            for generation in self._journal.generations(JournalStream.MARKET):
                for events in self._journal.records(JournalStream.MARKET, generation):
                    if place is not None and place != (generation, int(events["sequence"][0])):
                        yield _gap_before(events)
                    place = generation, int(events["sequence"][-1]) + 1
                    yield events
        except JournalError as error:
            raise TrainingError(str(error)) from error


def _gap_before(events: NDArray[np.void]) -> NDArray[np.void]:
    gap = np.zeros(1, MARKET_EVENT)
    gap["kind"], gap["exchange_ts_ns"] = int(EventKind.GAP), events["exchange_ts_ns"][0]
    return gap


def _events_of(columns: dict[str, object]) -> NDArray[np.void]:
    events = np.zeros(len(columns["kind"]), MARKET_EVENT)  # type: ignore[arg-type]
    for name, column in columns.items():
        values = column.to_numpy(zero_copy_only=False)  # type: ignore[attr-defined]
        if name in _ENUMS:
            values = _by_name(values, {member.name: int(member) for member in _ENUMS[name]})
        elif name == "flags":
            values = _by_name(values, {text: _flags(text) for text in np.unique(values)})
        elif name == "code":
            values = _by_name(values, {text: ord(text) if text else 0 for text in np.unique(values)})
        events[name] = values
    return events


def _flags(text: str) -> int:
    return sum(int(EventFlags[name]) for name in text.split("|") if name)


def _by_name(values: NDArray[np.object_], numbers: dict[str, int]) -> NDArray[np.int64]:
    names, inverse = np.unique(values.astype(str), return_inverse=True)
    return np.array([numbers[name] for name in names], np.int64)[inverse]


def trading_date(ts_ns: int) -> str:
    """YYYY-MM-DD of an event time (UTC; a US session does not cross midnight there)."""
    return datetime.fromtimestamp(ts_ns / 1e9, UTC).date().isoformat()
