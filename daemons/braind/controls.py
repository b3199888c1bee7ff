"""What ties the loop to watchd: its progress, which it stores itself, and the fence's epoch, which it copies.

Both reach the compiled loop as addresses in one array: `controls[PROGRESS]` of a ProgressWriter,
`controls[FENCE_EPOCH]` of the fence's word; 0 = not there. The fence may appear later than braind and is one
inode for the whole boot, so it is mapped once.
"""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hft.layout.dtypes import LoopState, RegionKind, dtype
from hft.regions import RECORDS_OFFSET, ProgressWriter, Region, RegionError, RegionMissing

PROGRESS, FENCE_EPOCH = range(2)
NO_CONTROLS: NDArray[np.uint64] = np.zeros(2, np.uint64)

_LOOPS = 1


class Controls:
    """`addresses` for the compiled loop; the states of the loop; the search for the fence."""

    def __init__(self, run_directory: Path, require_huge_pages: bool) -> None:
        """Creates `braind/progress` in state WARMUP. Raises RegionError."""
        self.progress = Region.create(
            str(run_directory / "braind" / "progress"),
            int(RegionKind.PROGRESS),
            _LOOPS,
            dtype("LoopProgress").itemsize,
            require_huge_pages,
        )
        self._writer = ProgressWriter(self.progress, 0)
        self._writer.set_thread_id(threading.get_native_id())
        self._fence_path = str(run_directory / "watchd" / "fence")
        self._fence: Region | None = None
        self._fence_problem = ""
        self.addresses: NDArray[np.uint64] = np.zeros(2, np.uint64)
        self.addresses[PROGRESS] = self._writer.address
        self.enter(LoopState.WARMUP)

    def enter(self, state: int) -> None:
        """The loop is in this LoopState from now on."""
        self._writer.enter(int(state))

    def round(self, consumed: int, produced: int, lag_records: int) -> None:
        """A round made outside the compiled loop; totals as the compiled loop stores them."""
        self._writer.round(consumed, produced, lag_records)

    def look_for_fence(self) -> str:
        """Maps the fence once it is there. Returns what is wrong with it, once; "" = nothing to say.

        A fence that can not be used is none: intents then carry epoch 0, which no gateway lets pass.
        """
        if self._fence is not None:
            return ""
        try:
            self._fence = Region.open(self._fence_path, int(RegionKind.FENCE))
        except RegionMissing:
            return ""
        except RegionError as error:
            said, self._fence_problem = self._fence_problem, str(error)
            return "" if said == self._fence_problem else self._fence_problem
        base = self._fence.bytes().ctypes.data
        self.addresses[FENCE_EPOCH] = base + RECORDS_OFFSET + dtype("Fence").fields["epoch"][1]  # type: ignore[index]
        return ""
