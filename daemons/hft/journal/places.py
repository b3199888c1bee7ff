"""A place in a recorded market stream, as people name it: a ring sequence, or a time.

Times are wall-clock times of publication (ISO 8601, UTC unless they say otherwise); a time means the first record
published at or after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from hft.journal.errors import JournalError
from hft.journal.reader import Block, Journal
from hft.layout.dtypes import JournalStream


@dataclass(frozen=True)
class Place:
    """Exactly one of the two is set."""

    sequence: int | None = None
    wall_ns: int | None = None

    def __str__(self) -> str:
        if self.sequence is not None:
            return f"market record {self.sequence:,}"
        assert self.wall_ns is not None
        return datetime.fromtimestamp(self.wall_ns / 1e9, UTC).isoformat()


def place(text: str) -> Place:
    """Raises ValueError (argparse then names the option)."""
    if text.isascii() and text.isdigit():
        return Place(sequence=int(text))
    time = datetime.fromisoformat(text)
    time = time if time.tzinfo else time.replace(tzinfo=UTC)
    # Whole microseconds: a float of today's nanoseconds has lost the last ones.
    since_epoch = time - datetime(1970, 1, 1, tzinfo=UTC)
    return Place(
        wall_ns=(since_epoch.days * 86_400 + since_epoch.seconds) * 10**9 + since_epoch.microseconds * 1000
    )


def sequence_of(journal: Journal, generation: int, at: Place) -> int:
    """The market sequence that a place means in one generation; one beyond the end when it is later."""
    if at.sequence is not None:
        return at.sequence
    assert at.wall_ns is not None
    last = 0
    for block in journal.blocks(JournalStream.MARKET, generation):
        last = block.last_sequence
        if int(block.header["wall_ns"]) >= at.wall_ns:
            # Everything in a block was published before it was written.
            later = np.flatnonzero(_published_wall_ns(block) >= at.wall_ns)
            if len(later):
                return block.first_sequence + int(later[0])
    return last + 1


def _published_wall_ns(block: Block) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    shift = int(block.header["wall_ns"]) - int(block.header["monotonic_ns"])
    return block.records()["publish_ts_ns"].astype(np.int64) + shift


def the_generation(journal: Journal, wanted: int | None) -> int:
    """The one market generation a sequence can belong to. Raises JournalError when that is not clear."""
    found = journal.generations(JournalStream.MARKET)
    if wanted is not None:
        if wanted not in found:
            raise JournalError(f"{journal.path}: no market generation {wanted}; there are {found}")
        return wanted
    if len(found) != 1:
        raise JournalError(
            f"{journal.path}: {len(found)} market generations ({found}): say which with --generation"
        )
    return found[0]
