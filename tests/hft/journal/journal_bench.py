"""What the journal's tests share: a disk that fails when told to, and rings to record from."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np

from hft.journal.blocks import Block
from hft.journal.disk import Disk
from hft.journal.reader import Journal
from hft.journal.recorder import Options, Recorder
from hft.journal.stats import RecorderStats
from hft.journal.verify import verify
from hft.journal.writer import JournalWriter, Limits
from hft.layout.dtypes import (
    BOARD_ENTRY,
    LOOP_INPUT,
    MARKET_EVENT,
    ORDER_INTENT,
    ORDER_UPDATE,
    SNAPSHOT,
    EventKind,
    JournalStream,
    RegionKind,
    dtype,
)
from hft.regions import (
    BoardWriter,
    IntentConsumer,
    IntentProducer,
    Region,
    RingWriter,
    monotonic_ns,
    write_snapshot,
)

MARKET = int(JournalStream.MARKET)
SECOND_NS = 1_000_000_000
ROOMY = Limits(1 << 20, 1 << 30, "drop-oldest", SECOND_NS)


class Crash(BaseException):
    """The process is gone: nothing after this happens."""


class FaultyDisk(Disk):
    """Call number `at` (1, 2, …) of `operation` fails with `error`, or is short, or kills.

    `operation` "" counts every call. `error`: an errno; "short": half is written, then all goes on; "crash": half
    is written and the process is gone.
    """

    def __init__(self, operation: str, at: int, error: int | str, for_ever: bool = False) -> None:
        self._operation, self._at, self._error, self._for_ever = operation, at, error, for_ever
        self.calls = 0

    def _fault(self, operation: str) -> bool:
        if self._operation not in ("", operation):
            return False
        self.calls += 1
        return self.calls == self._at or (self._for_ever and self.calls > self._at)

    def _raise(self) -> None:
        if self._error == "crash":
            raise Crash
        if isinstance(self._error, int):
            raise OSError(self._error, os.strerror(self._error))

    def write(self, descriptor, parts) -> int:
        if not self._fault("write"):
            return super().write(descriptor, parts)
        whole = b"".join(parts)
        written = os.write(descriptor, whole[: max(1, len(whole) // 2)])
        self._raise()
        return written


def _faulty(operation: str):
    original = getattr(Disk, operation)

    def call(self, *arguments):
        if self._fault(operation):
            self._raise()
        return original(self, *arguments)

    return call


for _name in ("create", "reopen", "truncate", "sync", "sync_directory", "close", "replace", "unlink"):
    setattr(FaultyDisk, _name, _faulty(_name))

NO_SPACE = errno.ENOSPC
BROKEN = errno.EIO


def market_block(first: int, count: int, generation: int = 7) -> Block:
    events = np.zeros(count, MARKET_EVENT)
    events["sequence"] = np.arange(first, first + count)
    events["feed_sequence"] = events["sequence"] * 3
    return Block(MARKET, events, generation, first, count)


def writer_of(directory: Path, limits: Limits = ROOMY, disk: Disk | None = None, **options) -> JournalWriter:
    """A writer that repeats nothing, with fsync in this thread unless asked otherwise."""
    told: list[tuple[str, int]] = options.pop("told", [])
    return JournalWriter(
        directory, limits, options.pop("preamble", list), lambda *event: told.append(event), disk,
        options.pop("threaded", False),
    )  # fmt: skip


class Run:
    """All regions of a run directory that the recorder reads, written by the test."""

    def __init__(self, directory: Path, ring_records: int = 1 << 14) -> None:
        self.directory = directory
        for name in ("feedd", "braind", "recorder"):
            (directory / name).mkdir(exist_ok=True)
        self._ring_records = ring_records
        self.begin_feed()
        self.begin_braind()

    def widen(self, ring_records: int) -> None:
        """A market ring that keeps more."""
        self._ring_records = ring_records
        self.begin_feed()

    def begin_feed(self) -> None:
        """feedd's regions, of a new generation."""
        folder = self.directory / "feedd"
        self.market = Region.create(
            str(folder / "market.ring"), RegionKind.MARKET_RING, self._ring_records, 128
        )
        self.updates = Region.create(
            str(folder / "updates.ring"), RegionKind.UPDATES_RING, 1024, ORDER_UPDATE.itemsize
        )
        self.board = Region.create(
            str(folder / "market.board"), RegionKind.MARKET_BOARD, 64, BOARD_ENTRY.itemsize,
            peer_generation=self.market.generation,
        )  # fmt: skip
        self._gateway = Region.create(
            str(folder / "gateway.state"), RegionKind.GATEWAY_STATE, 1, dtype("GatewayState").itemsize
        )
        self.market_writer, self.updates_writer = RingWriter(self.market), RingWriter(self.updates)
        self._board_writer, self._consumer = BoardWriter(self.board), IntentConsumer(self._gateway)

    def begin_braind(self) -> None:
        """braind's, likewise."""
        folder = self.directory / "braind"
        self.inputs = Region.create(str(folder / "inputs.ring"), RegionKind.INPUTS_RING, 1024, 128)
        self.intents = Region.create(str(folder / "intents.ring"), RegionKind.INTENTS_RING, 64, 128)
        self.inputs_writer = RingWriter(self.inputs)
        self._consumer.attach(self.intents)
        self._producer = IntentProducer(self.intents, self._gateway)
        self.identity, self.checkpoint = (
            Region.create(str(folder / name), kind, 1, SNAPSHOT.itemsize, extra_bytes=64)
            for name, kind in (("identity", RegionKind.IDENTITY), ("checkpoint", RegionKind.CHECKPOINT))
        )

    def publish(self, count: int, instrument_id: int = 0) -> int:
        """Market records; returns the last sequence."""
        events = np.zeros(count, MARKET_EVENT)
        events["publish_ts_ns"], events["instrument_id"] = monotonic_ns(), instrument_id
        events["kind"] = EventKind.ADD if instrument_id else EventKind.TICK
        return self.market_writer.publish_many(events)

    def tell_inputs(self, count: int) -> None:
        self.inputs_writer.publish_many(np.zeros(count, LOOP_INPUT))

    def push(self, count: int) -> None:
        """Intents, taken off the queue at once."""
        intent, taken = np.zeros(1, ORDER_INTENT), np.zeros(1, ORDER_INTENT)
        for _ in range(count):
            assert self._producer.push(intent) == 0
            assert self._consumer.pop(taken)
            self._consumer.commit()

    def name(self, instrument_id: int, symbol: str, sequence: int) -> None:
        entry = np.zeros(1, BOARD_ENTRY)
        entry["symbol"][0, : len(symbol)] = list(symbol.encode())
        entry["sequence"], entry["price_decimals"], entry["round_lot"] = sequence, 4, 100
        self._board_writer.write(instrument_id, entry)

    def snapshot(self, region: Region, word: int) -> None:
        image = np.zeros(SNAPSHOT.itemsize + 8, np.uint8)
        header = image[: SNAPSHOT.itemsize].view(SNAPSHOT)[0]
        header["payload_bytes"], header["inputs_generation"] = 8, self.inputs.generation
        image[SNAPSHOT.itemsize :] = np.frombuffer(np.uint64(word).tobytes(), np.uint8)
        write_snapshot(region, image)


def recorder_of(
    run: Run, directory: Path, limits: Limits = ROOMY, disk: Disk | None = None, told=None
) -> Recorder:
    """A recorder in this thread; `told` takes what it reports."""
    told = [] if told is None else told
    stats = RecorderStats(str(run.directory / "recorder" / "stats"), require_huge_pages=False)
    return Recorder(
        Options(run.directory, directory, limits), stats,
        lambda event, fields: told.append((event, fields)), disk, threaded=False,
    )  # fmt: skip


SMALL = Limits(1 << 20, 4 << 20, "drop-oldest", 0)


def sequences(directory) -> list[int]:
    journal = Journal(directory)
    parts = [records["sequence"] for records in journal.records(MARKET, 7)]
    return np.concatenate(parts).tolist() if parts else []


def append_many(writer, first: int, last: int, size: int = 1000, accepted: list[int] | None = None) -> None:
    """Blocks of `size` records; `accepted` gets the last record of each that was taken."""
    for at in range(first, last + 1, size):
        writer.append(market_block(at, size))
        if accepted is not None:
            accepted.append(at + size - 1)


def sound(directory) -> bool:
    return verify(Journal(directory, use_index=False)).problems == []
