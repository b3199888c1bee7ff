"""What is recorded beside the rings: who braind is, its checkpoints, and which symbols the ids of a feed have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hft.journal.blocks import Block
from hft.layout.dtypes import (
    BOARD_ENTRY,
    SNAPSHOT,
    SYMBOL_FACT,
    EventKind,
    JournalStream,
    RegionKind,
)
from hft.regions import (
    RECORDS_OFFSET,
    Region,
    RegionMissing,
    monotonic_ns,
    read_board_entry,
    read_snapshot,
    snapshot_version,
)

# An id that the board has not named this long after its first record is not asked for again.
NAMING_NS_MAX = 1_000_000_000
# Board entries read a pass: about a millisecond's worth.
LOOKUPS_A_PASS = 512
_NEW_FEED_SESSION = ord("+")


class SnapshotFollower:
    """One snapshot region; `take` gives what is new. `missed`: versions that came and went in between."""

    def __init__(self, path: Path, kind: int, stream: int) -> None:
        self._path, self._kind, self._stream = str(path), kind, stream
        self._region: Region | None = None
        self._version = 0
        self._image: NDArray[np.uint8] = np.zeros(0, np.uint8)
        self.missed = 0
        self.last: Block | None = None

    def take(self) -> Block | None:
        """The snapshot if it has changed. Raises RegionError for another layout."""
        if self._region is None or self._region.retired:
            self._map()
        if self._region is None:
            return None
        version = snapshot_version(self._region)
        if version in (0, self._version) or not read_snapshot(self._region, self._image):
            return None
        header = self._image[: SNAPSHOT.itemsize].view(SNAPSHOT)[0]
        self.missed += max(0, (int(header["version"]) - self._version) // 2 - 1)
        self._version = int(header["version"])
        end = SNAPSHOT.itemsize + int(header["payload_bytes"])
        image = self._image[:end].copy()
        self.last = Block(self._stream, image, int(header["inputs_generation"]))
        return self.last

    def _map(self) -> None:
        try:
            region = Region.open(self._path, self._kind)
        except RegionMissing:
            return
        if self._region is not None and region.generation == self._region.generation:
            return
        self._region, self._version = region, 0
        self._image = np.zeros((region.size_bytes - RECORDS_OFFSET) // 8 * 8, np.uint8)


class Symbols:
    """Names of the ids that a market generation uses, looked up on its board when a record first shows one."""

    def __init__(self, board_path: Path) -> None:
        self._board_path = str(board_path)
        self._board: Region | None = None
        self._generation = 0
        self._known: NDArray[np.bool_] = np.zeros(0, np.bool_)
        self._pending: dict[int, tuple[int, int]] = {}  # id -> (record that asks, when it is given up)
        self._facts: dict[int, np.void] = {}
        self._entry = np.zeros(1, BOARD_ENTRY)

    def see(self, generation: int, events: NDArray[np.void]) -> None:
        """Notes ids that nobody has asked for yet; a new feed session asks for all of them again.

        Only records that carry the symbol ask (directory, added order): the board reflects those at once.
        """
        if generation != self._generation:
            self._generation, self._board = generation, None
            self._known = np.zeros(1 << 16, np.bool_)
            self._pending, self._facts = {}, {}
        new_session = (events["kind"] == EventKind.SESSION) & (events["code"] == _NEW_FEED_SESSION)
        if new_session.any():
            self._known[:] = False
        asking = events[(events["kind"] == EventKind.ADD) | (events["kind"] == EventKind.DIRECTORY)]
        asking = asking[asking["instrument_id"] < len(self._known)]
        ids = asking["instrument_id"]
        fresh, at = np.unique(ids[~self._known[ids]], return_index=True)
        sequences = asking["sequence"][~self._known[ids]][at]
        self._known[fresh] = True
        due_ns = monotonic_ns() + NAMING_NS_MAX
        self._pending |= {int(one): (int(seq), due_ns) for one, seq in zip(fresh, sequences, strict=True)}

    def take(self) -> Block | None:
        """The facts that are new."""
        if not self._pending or not self._mapped():
            return None
        found = list(self._look_up())
        return self._block(found) if found else None

    def preamble(self) -> list[Block]:
        """All facts of the present generation."""
        return [self._block(list(self._facts.values()))] if self._facts else []

    def _block(self, facts: list[np.void]) -> Block:
        records = np.array(facts, SYMBOL_FACT)
        return Block(int(JournalStream.SYMBOLS), records, self._generation, count=len(records))

    def _mapped(self) -> bool:
        if self._board is None:
            try:
                board = Region.open(self._board_path, int(RegionKind.MARKET_BOARD))
            except RegionMissing:
                return False
            if board.peer_generation == self._generation:
                self._board = board
        return self._board is not None

    def _look_up(self) -> Iterator[np.void]:
        assert self._board is not None
        now_ns, entry = monotonic_ns(), self._entry[0]
        for instrument_id in list(self._pending)[:LOOKUPS_A_PASS]:
            asked_by, due_ns = self._pending[instrument_id]
            known = read_board_entry(self._board, instrument_id, self._entry)
            if not (known and entry["symbol"][0] and entry["sequence"] >= asked_by):
                if now_ns > due_ns:
                    del self._pending[instrument_id]
                continue
            del self._pending[instrument_id]
            fact = np.zeros(1, SYMBOL_FACT)[0]
            for name in ("sequence", "symbol", "round_lot", "price_decimals", "market_category"):
                fact[name] = entry[name]
            fact["instrument_id"] = instrument_id
            self._facts[instrument_id] = fact
            yield fact
