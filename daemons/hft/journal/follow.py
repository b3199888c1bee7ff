"""One ring of the run directory, over all its generations, as blocks for the journal.

A generation is read to its end before the next one is looked for. Recording that begins late, or goes on after a
pause, starts with the oldest records that are still safely there; what is gone by then is told as ABSENT, what is
overwritten later as LAPPED.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hft.journal.blocks import RECORDS, Block
from hft.layout.dtypes import JOURNAL_END, JOURNAL_LOSS, JournalStream, LossReason
from hft.regions import Region, RegionMissing, RingReader

# Records a grant: 1 MiB.
GRANT_RECORDS_MAX = 8192
_HEADER_BYTES = 256


@dataclass(frozen=True)
class Source:
    """Where a ring is, and what it is called in the journal."""

    path: Path
    kind: int
    stream: int


class RingFollower:
    """`take` again and again. `reached`: (stream, generation) -> where an earlier recording stopped."""

    def __init__(self, source: Source, reached: dict[tuple[int, int], int]) -> None:
        self.source = source
        self._dtype = RECORDS[source.stream]
        self._reached = reached
        self._region: Region | None = None
        self._reader: RingReader | None = None
        self._lost = 0
        self._first_poll = True
        self._ended: list[NDArray[np.void]] = []  # generations left since the last pass
        self.lost = {int(LossReason.ABSENT): 0, int(LossReason.LAPPED): 0}

    @property
    def region(self) -> Region | None:
        """The generation that is followed now."""
        return self._region

    @property
    def generation(self) -> int:
        """Of the region, 0 = none yet."""
        return self._region.generation if self._region else 0

    @property
    def lag_records(self) -> int:
        return self._reader.lag_records if self._reader else 0

    @property
    def pressed(self) -> bool:
        """An eighth of the ring is waiting."""
        return self._region is not None and self.lag_records > self._region.capacity_records // 8

    def ends(self) -> list[NDArray[np.void]]:
        """What a PASS block says of this stream: where it stands, and where generations it has left ended."""
        ended, self._ended = self._ended, []
        return ended if self._reader is None else [*ended, self._end()]

    def _end(self) -> NDArray[np.void]:
        assert self._reader is not None
        end = np.zeros(1, JOURNAL_END)
        end["generation"], end["last_sequence"] = self.generation, self._reader.cursor
        end["stream"] = self.source.stream
        return end

    def preamble(self) -> list[Block]:
        """What a segment must say again: which region this is."""
        return [] if self._region is None else [region_block(self._region)]

    def take(self, records_max: int) -> Iterator[Block]:
        """Blocks of what is there, at most about `records_max` records. Raises RegionError for another layout."""
        if self._region is None or self._reader is None:
            yield from self._map()
        taken = 0
        while taken < records_max and self._region is not None and self._reader is not None:
            retired = self._region.retired  # before the poll: what was published before it is then seen
            count = self._reader.poll(GRANT_RECORDS_MAX)
            if (lost := self._reader.lost_records - self._lost) > 0:
                self._lost += lost
                reason = LossReason.ABSENT if self._first_poll else LossReason.LAPPED
                yield self._loss(self._reader.cursor - lost + 1, lost, int(reason))
            self._first_poll = False
            if count == 0:
                if lost > 0:
                    continue
                before = self._region
                if retired:
                    yield from self._map()
                if self._region is before:
                    return
                continue
            if (block := self._copied(count)) is not None:
                taken += count
                yield block

    def _copied(self, count: int) -> Block | None:
        """The granted records, or None when the writer overtook: the next poll then counts the loss."""
        assert self._region is not None
        assert self._reader is not None
        start, first = self._reader.start, self._reader.cursor + 1
        records = self._region.records(self._dtype)[start : start + count].copy()
        if not self._reader.validate():
            return None
        self._reader.advance(count)
        return Block(self.source.stream, records, self.generation, first, count)

    def _map(self) -> Iterator[Block]:
        """Another generation than the present one, if there is one."""
        try:
            region = Region.open(str(self.source.path), self.source.kind)
        except RegionMissing:
            return
        if region.generation == self.generation:
            return
        if self._reader is not None:
            self._ended.append(self._end())
        reached = self._reached.get((self.source.stream, region.generation), 0)
        self._region, self._reader = region, RingReader(region, reached)
        self._lost, self._first_poll = 0, True
        yield region_block(region)
        # The oldest quarter may be overwritten before it is read.
        safe = self._reader.head - region.capacity_records * 3 // 4
        if self._reader.head >= region.capacity_records and reached < safe:
            self._reader.seek(safe)
            yield self._loss(reached + 1, safe - reached, int(LossReason.ABSENT))

    def _loss(self, first: int, count: int, reason: int) -> Block:
        self.lost[reason] += count
        return loss_block(self.source.stream, self.generation, first, count, reason)


def loss_block(
    stream: int,
    generation: int,
    first: int,
    count: int,
    reason: int,
    written_ns: tuple[int, int] | None = None,
) -> Block:
    """A LOST block."""
    loss = np.zeros(1, JOURNAL_LOSS)
    loss["stream"], loss["generation"], loss["reason"] = stream, generation, reason
    loss["first_sequence"], loss["count"] = first, count
    return Block(int(JournalStream.LOST), loss, generation, written_ns=written_ns)


def region_block(region: Region) -> Block:
    """A REGION block: the header as it is now."""
    header = np.array(region.bytes()[:_HEADER_BYTES])
    return Block(int(JournalStream.REGION), header, region.generation)


class Followers:
    """The rings of a run, in the order in which a pass takes them (see hft.journal)."""

    def __init__(self, sources: list[Source], reached: dict[tuple[int, int], int]) -> None:
        self.rings = [RingFollower(source, reached) for source in sources]

    def ends(self) -> Block:
        """The PASS block."""
        ends = [end for ring in self.rings for end in ring.ends()]
        records = np.concatenate(ends) if ends else np.zeros(0, JOURNAL_END)
        return Block(int(JournalStream.PASS), records, count=len(records))

    def preamble(self) -> list[Block]:
        return [block for ring in self.rings for block in ring.preamble()]
