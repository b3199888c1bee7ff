"""A journal as it is on disk: a table of blocks, payloads checked as they are read, records by stream.

A journal that is still being written can be read; what is half there at its end counts as torn until it is whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hft.journal.blocks import RECORDS
from hft.journal.errors import JournalError
from hft.journal.segments import Segment, open_segment, segment_numbers
from hft.layout.dtypes import JournalStream, LossReason


@dataclass(frozen=True)
class Loss:
    """Records of a stream that nobody recorded. `torn` blocks and damage are not among them."""

    stream: int
    generation: int
    first_sequence: int
    count: int
    reason: int

    @property
    def last_sequence(self) -> int:
        return self.first_sequence + self.count - 1

    def __str__(self) -> str:
        stream, reason = JournalStream(self.stream).name.lower(), LossReason(self.reason).name.lower()
        return f"{stream} {self.first_sequence:,} … {self.last_sequence:,} ({reason})"


@dataclass(frozen=True)
class Block:
    """One sound block: its header, and where it is."""

    header: np.void
    segment: Segment
    index: int

    @property
    def generation(self) -> int:
        return int(self.header["generation"])

    @property
    def first_sequence(self) -> int:
        return int(self.header["first_sequence"])

    @property
    def last_sequence(self) -> int:
        return self.first_sequence + int(self.header["count"]) - 1

    @property
    def written_ns(self) -> tuple[int, int]:
        """CLOCK_MONOTONIC and CLOCK_REALTIME of the same moment."""
        return int(self.header["monotonic_ns"]), int(self.header["wall_ns"])

    def __str__(self) -> str:
        stream = JournalStream(int(self.header["stream"])).name.lower()
        return f"{self.segment.path}: block {int(self.header['number'])} ({stream})"

    def payload(self) -> memoryview:
        """Its bytes. Raises JournalError when they are not what was written."""
        if not self.segment.sound(self.index):
            offset = int(self.segment.offsets[self.index])
            raise JournalError(f"{self} at offset {offset} is damaged (checksum)")
        return self.segment.payload(self.index)

    def records(self) -> NDArray[np.void]:
        """Its records, read-only. Raises JournalError."""
        return np.frombuffer(self.payload(), RECORDS[int(self.header["stream"])])


class Journal:
    """Opens a directory. Raises JournalError when it holds no journal, or one of another layout."""

    def __init__(self, path: Path, use_index: bool = True) -> None:
        self.path = path
        try:
            numbers = segment_numbers(path)
            self.segments = [
                open_segment(path, number, number == numbers[-1], use_index) for number in numbers
            ]
        except OSError as error:
            raise JournalError(f"{path}: {error.strerror or error}") from error
        if not any(len(segment.headers) for segment in self.segments):
            raise JournalError(f"{path}: no journal there (no sound block in any *.journal)")
        self.headers: NDArray[np.void] = np.concatenate([segment.headers for segment in self.segments])
        self._starts = np.cumsum([0, *(len(segment.headers) for segment in self.segments)])

    @property
    def torn_bytes(self) -> int:
        """At the end of the last segment: a block that was not finished."""
        return self.segments[-1].rest_bytes

    @property
    def torn_records(self) -> int:
        """Records in it, where its header could be read."""
        return self.segments[-1].rest_records

    def damage(self) -> list[str]:
        """Where blocks are missing: inside a segment, or whole segments between two."""
        found = [
            f"{segment.path}: no block at offset {segment.end}, {segment.rest_bytes} bytes are unreadable"
            for segment in self.segments[:-1]
            if segment.rest_bytes
        ]
        numbers = self.headers["number"]
        found += [
            f"{self.path}: block {numbers[at]} is followed by block {numbers[at + 1]}"
            for at in np.flatnonzero(np.diff(numbers) != 1)
        ]
        return found

    def all_blocks(self) -> Iterator[Block]:
        """Every block, in the order they were written."""
        for place in range(len(self.headers)):
            yield self._block(place)

    def _block(self, place: int) -> Block:
        """By its place in `headers`."""
        at = int(np.searchsorted(self._starts, place, side="right")) - 1
        return Block(self.headers[place], self.segments[at], place - int(self._starts[at]))

    def blocks(self, stream: int, generation: int | None = None) -> Iterator[Block]:
        """The stream's blocks in the order they were written."""
        chosen = self.headers["stream"] == int(stream)
        if generation is not None:
            chosen &= self.headers["generation"] == generation
        for at in np.flatnonzero(chosen):
            yield self._block(int(at))

    def generations(self, stream: int) -> list[int]:
        """Of a stream of records, in the order they appear."""
        found = self.headers["generation"][self.headers["stream"] == int(stream)]
        return list(dict.fromkeys(found.tolist()))

    def records(
        self, stream: int, generation: int, first: int = 1, last: int = 2**63
    ) -> Iterator[NDArray[np.void]]:
        """Records `first` … `last` by their sequence, in arrays; what is not there is left out. Read-only."""
        for block in self.blocks(stream, generation):
            if block.last_sequence < first or block.first_sequence > last:
                continue
            start, end = max(0, first - block.first_sequence), last + 1 - block.first_sequence
            yield block.records()[start : min(end, int(block.header["count"]))]

    def losses(self) -> list[Loss]:
        """What the recorder knows to be missing."""
        return [
            Loss(
                int(one["stream"]), int(one["generation"]), int(one["first_sequence"]), int(one["count"]),
                int(one["reason"]),
            )
            for block in self.blocks(JournalStream.LOST)
            for one in block.records()
        ]  # fmt: skip

    def ends(self) -> dict[tuple[int, int], int]:
        """(stream, generation) -> the sequence that the last pass which names it had reached.

        That is the first one after its last block, or, when recording was cut off before, an earlier one.
        """
        passes = np.flatnonzero(self.headers["stream"] == int(JournalStream.PASS))
        ends: dict[tuple[int, int], int] = {}
        for key, (first, last) in self._spans().items():
            at = min(int(np.searchsorted(passes, last)), len(passes) - 1)
            while at >= 0 and passes[at] > first and key not in ends:
                if said := self._ends_of(int(passes[at]), key):
                    ends[key] = said[-1]
                at -= 1
        return ends

    def _ends_of(self, place: int, key: tuple[int, int]) -> list[int]:
        """What the PASS block at `place` says of one stream and generation."""
        records = self._block(place).records()
        chosen = (records["stream"] == key[0]) & (records["generation"] == key[1])
        return [int(end) for end in records["last_sequence"][chosen]]

    def _spans(self) -> dict[tuple[int, int], tuple[int, int]]:
        """(stream, generation) -> places of its first and last block, losses included."""
        spans: dict[tuple[int, int], tuple[int, int]] = {}
        keys = self.headers[["stream", "generation"]]
        for row in np.unique(keys[self.headers["first_sequence"] > 0]):
            places = np.flatnonzero(keys == row)
            spans[int(row["stream"]), int(row["generation"])] = int(places[0]), int(places[-1])
        for place in np.flatnonzero(self.headers["stream"] == int(JournalStream.LOST)):
            for loss in self._block(int(place)).records():
                key = int(loss["stream"]), int(loss["generation"])
                first, last = spans.get(key, (int(place), int(place)))
                spans[key] = min(first, int(place)), max(last, int(place))
        return spans

    def reached(self) -> dict[tuple[int, int], int]:
        """(stream, generation) -> the last sequence recorded or told to be lost: where recording goes on."""
        reached = self.ends()
        rows = self.headers[self.headers["first_sequence"] > 0]
        for row in rows:
            key = int(row["stream"]), int(row["generation"])
            last = int(row["first_sequence"] + row["count"]) - 1
            reached[key] = max(reached.get(key, 0), last)
        for loss in self.losses():
            key = loss.stream, loss.generation
            reached[key] = max(reached.get(key, 0), loss.last_sequence)
        return reached


class RecordCursor:
    """Goes forward through one generation of a stream, in pieces as small as its user likes."""

    def __init__(self, journal: Journal, stream: int, generation: int, after: int, end: int) -> None:
        """The next record is `after` + 1; records beyond `end` are not there."""
        self.position = after
        self._end = end
        self._blocks = [b for b in journal.blocks(stream, generation) if b.last_sequence > after]
        self._at = 0
        self._loaded: tuple[int, NDArray[np.void]] | None = None

    def upto(self, last: int) -> Iterator[NDArray[np.void]]:
        """Records up to `last`, read-only; `position` then says where they ended: before `last`, one is missing."""
        while self.position < min(last, self._end):
            block = self._block_of(self.position + 1)
            if block is None:
                return
            first = self.position + 1 - block.first_sequence
            records = self._records(block)[first : min(last, self._end) + 1 - block.first_sequence]
            self.position += len(records)
            yield records

    def _block_of(self, sequence: int) -> Block | None:
        while self._at < len(self._blocks) and self._blocks[self._at].last_sequence < sequence:
            self._at += 1
        if self._at == len(self._blocks) or self._blocks[self._at].first_sequence > sequence:
            return None
        return self._blocks[self._at]

    def _records(self, block: Block) -> NDArray[np.void]:
        """Checked once a block."""
        if self._loaded is None or self._loaded[0] != self._at:
            self._loaded = self._at, block.records()
        return self._loaded[1]


def is_journal(path: Path) -> bool:
    """Whether `path` is a directory with segments."""
    try:
        return bool(segment_numbers(path))
    except OSError:
        return False
