"""`hft journal verify`: every checksum, every number, every sequence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from hft.journal.blocks import RECORDS, RINGS
from hft.journal.errors import JournalError
from hft.journal.reader import Block, Journal
from hft.layout.dtypes import JournalStream

_RINGS = frozenset(int(stream) for stream in RINGS)


@dataclass
class Verdict:
    """`problems`: what must not be; the counts are of sound blocks."""

    problems: list[str] = field(default_factory=list)
    blocks: int = 0
    records: int = 0
    lost_records: int = 0


def verify(journal: Journal) -> Verdict:
    """Reads everything. `journal` should be opened without its indexes, which would hide damage."""
    verdict = Verdict(list(journal.damage()))
    places: dict[tuple[int, int], int] = {}
    for block in journal.all_blocks():
        try:
            problems = list(_problems(block, places, verdict))
        except JournalError as error:
            problems = [str(error)]
        verdict.problems += problems
        verdict.blocks += 1
    return verdict


def _problems(block: Block, places: dict[tuple[int, int], int], verdict: Verdict) -> Iterator[str]:
    stream = int(block.header["stream"])
    size = block.payload().nbytes
    dtype = RECORDS.get(stream)
    if dtype is not None and size != dtype.itemsize * int(block.header["count"]):
        yield f"{block}: {size} bytes are not {int(block.header['count'])} records of {dtype.itemsize}"
        return
    if stream == JournalStream.LOST:
        for loss in block.records():
            verdict.lost_records += int(loss["count"])
            key = int(loss["stream"]), int(loss["generation"])
            yield from _follows(block, places, key, int(loss["first_sequence"]), int(loss["count"]))
    elif stream in _RINGS:
        verdict.records += int(block.header["count"])
        key = stream, block.generation
        yield from _follows(block, places, key, block.first_sequence, int(block.header["count"]))
        expected = np.arange(block.first_sequence, block.last_sequence + 1, dtype=np.uint64)
        if not np.array_equal(block.records()["sequence"], expected):
            yield f"{block}: its records are not numbered {block.first_sequence} …"


def _follows(
    block: Block, places: dict[tuple[int, int], int], key: tuple[int, int], first: int, count: int
) -> Iterator[str]:
    if key in places and first != places[key] + 1:
        yield f"{block}: starts at {first}, the one before ended at {places[key]}, and nothing tells a loss"
    places[key] = first + count - 1
