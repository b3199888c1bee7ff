"""braind's state at a quiet moment, in `braind/checkpoint`: where a replay can begin without the beginning.

The region holds a seqlocked Snapshot (schema/replay.fbs) and, behind it, the arrays that the identity lists. It is
written between two compiled rounds once `interval_records` were consumed since the last one: as soon as the loop
has caught up, and at twice the interval in any case. Whoever wants all of them (the recorder) looks in time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from braind.brain import Brain
from braind.counts import Count
from braind.identity import Array
from braind.shadow.names import restore_index
from hft.layout.dtypes import SNAPSHOT, RegionKind
from hft.regions import Region, monotonic_ns, write_snapshot


def state_arrays(brain: Brain) -> dict[str, NDArray[Any]]:
    """Everything a decision depends on, by name, in the order of the payload."""
    return {
        "slot_of_instrument": brain.state.slot_of_instrument,
        "values": brain.state.values,
        "clocks": brain.state.clocks,
        "tick": brain.state.tick,
        "own": brain.own,
        "book_rows": brain.book.rows,
        "book_orders": brain.book.orders,
        "book_words": brain.book.words,
        "counts": brain.counts,
    }


def _padded(size_bytes: int) -> int:
    return -(-size_bytes // 8) * 8


class Place(NamedTuple):
    """Where the loop stands: the Snapshot's fields of the same names."""

    inputs_generation: int
    inputs_seq: int
    market_generation: int
    market_seq: int
    updates_generation: int
    updates_seq: int
    intents_generation: int
    intents_seq: int
    decide_after_seq: int


class Checkpoints:
    """The writer of `braind/checkpoint`. `interval_records` 0: the region is there and stays empty."""

    def __init__(
        self, path: str, brain: Brain, identity_hash: int, interval_records: int, require_huge_pages: bool
    ) -> None:
        """Raises RegionError."""
        self._arrays = state_arrays(brain)
        self._counts = brain.counts
        self._interval = interval_records
        self._last_events = 0
        payload = sum(_padded(each.nbytes) for each in self._arrays.values())
        self._region = Region.create(
            path, int(RegionKind.CHECKPOINT), 1, SNAPSHOT.itemsize, require_huge_pages, extra_bytes=payload
        )
        self._image = np.zeros(SNAPSHOT.itemsize + payload, np.uint8)
        self._header = self._image[: SNAPSHOT.itemsize].view(SNAPSHOT)[0]
        self._header["payload_bytes"], self._header["identity_hash"] = payload, identity_hash
        self._views = unpacked(
            self._image[SNAPSHOT.itemsize :],
            (Array(name, each.dtype.str, each.shape) for name, each in self._arrays.items()),
        )

    def due(self) -> bool:
        """Whether the interval has passed: the loop writes when it has nothing else to do."""
        return bool(self._interval and self._since() >= self._interval)

    def overdue(self) -> bool:
        """Whether it is written now, whatever else there is to do."""
        return self._since() >= 2 * self._interval

    def write(self, place: Place) -> None:
        """Publishes the state as it is. The loop is between two rounds and owes no input."""
        self._last_events = int(self._counts[Count.EVENTS])
        header = self._header
        for name, value in zip(Place._fields, place, strict=True):
            header[name] = value
        header["events"], header["written_ts_ns"] = self._last_events, monotonic_ns()
        for name, view in self._views.items():
            view[...] = self._arrays[name]
        write_snapshot(self._region, self._image)

    def _since(self) -> int:
        return int(self._counts[Count.EVENTS]) - self._last_events


def unpacked(payload: NDArray[np.uint8], arrays: Iterable[Array]) -> dict[str, NDArray[Any]]:
    """Views of a payload by array. Raises ValueError when it is too short."""
    out, offset = {}, 0
    for each in arrays:
        part = payload[offset : offset + each.size_bytes]
        if len(part) < each.size_bytes:
            raise ValueError(f"a payload of {len(payload)} bytes ends inside {each.name}")
        out[each.name] = part.view(each.dtype).reshape(each.shape)
        offset += _padded(each.size_bytes)
    return out


def restore(arrays: Mapping[str, NDArray[Any]], brain: Brain) -> None:
    """Puts a checkpoint's arrays into a brain of the same identity."""
    for name, own in state_arrays(brain).items():
        own[...] = arrays[name]
    restore_index(brain.book)
