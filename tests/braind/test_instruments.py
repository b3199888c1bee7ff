"""Which id a symbol has: what is waited for belongs to one feed."""

from __future__ import annotations

import time
from pathlib import Path

from braind.features.state import NOT_FOLLOWED
from braind.instruments import NAMING_NS_MAX, Instruments
from hft.layout.dtypes import BOARD_ENTRY, RegionKind
from hft.regions import Region


def test_a_board_of_another_feed_has_its_own_time_to_name_an_instrument(shm_directory: Path) -> None:
    board = Region.create(f"{shm_directory}/board", int(RegionKind.MARKET_BOARD), 8, BOARD_ENTRY.itemsize)
    told: list[tuple[int, int, int]] = []
    instruments = Instruments(("MADEUP",), lambda *named: told.append(named))
    assert instruments.resolve(board, 1, 5) is None
    time.sleep(1.2 * NAMING_NS_MAX / 1e9)
    instruments.forget()
    assert instruments.resolve(board, 1, 5) is None, "the same record number, of another feed"
    time.sleep(1.2 * NAMING_NS_MAX / 1e9)
    settled = instruments.resolve(board, 1, 5)
    assert settled is not None
    assert (settled.slot, told) == (NOT_FOLLOWED, [(1, NOT_FOLLOWED, 0)])
