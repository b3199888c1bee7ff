"""What ties braind to watchd: the loop's progress, the fence's epoch, and the line that carries heartbeats.

The first two reach the compiled loop as addresses in one array: `controls[PROGRESS]` of a ProgressWriter,
`controls[FENCE_EPOCH]` of the fence's word; 0 = not there. The fence may appear later than braind and is one
inode for the whole boot, so it is mapped once. Heartbeats are sent by a native thread that reads the progress and
vouches for nothing itself.
"""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hft._native import WatchdLink
from hft.config import Run
from hft.layout.dtypes import CloseReason, DaemonId, LoopState, RegionKind, dtype
from hft.regions import RECORDS_OFFSET, ProgressWriter, Region, RegionError, RegionMissing, load_words

PROGRESS, FENCE_EPOCH = range(2)
NO_CONTROLS: NDArray[np.uint64] = np.zeros(2, np.uint64)

_LOOPS = 1
# Of token, epoch and reason in the fence's region.
_FENCE_WORDS = tuple(
    RECORDS_OFFSET + dtype("Fence").fields[name][1]  # type: ignore[index]
    for name in ("token", "epoch", "reason")
)


class Controls:
    """`addresses` for the compiled loop; the states of the loop; what is to be said of fence and watchd."""

    def __init__(self, run_directory: Path, require_huge_pages: bool) -> None:
        """Creates `braind/progress` in state WARMUP. Raises RegionError."""
        self._link: WatchdLink | None = None
        self._said: dict[str, str] = {}
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
        self._fence_said = ""
        self.addresses: NDArray[np.uint64] = np.zeros(2, np.uint64)
        self.addresses[PROGRESS] = self._writer.address
        self.enter(LoopState.WARMUP)

    def enter(self, state: int) -> None:
        """The loop is in this LoopState from now on."""
        self._writer.enter(int(state))

    def round(self, consumed: int, produced: int, lag_records: int) -> None:
        """A round made outside the compiled loop; totals as the compiled loop stores them."""
        self._writer.round(consumed, produced, lag_records)

    def connect(self, run: Run) -> None:
        """Starts registration and heartbeats. Before this thread is pinned: the helper keeps to its cores."""
        self._link = WatchdLink(
            run.control_directory,
            int(DaemonId.BRAIND),
            self.progress,
            run.heartbeat_interval_ms * 1_000_000,
            service_keep_alive=True,
        )
        self._link.start()

    def close(self) -> None:
        """Hangs up."""
        if self._link is not None:
            self._link.close()

    def look_outside(self) -> list[tuple[str, str]]:
        """Maps the fence once it is there. Returns (event, reason) of what is new and not as it should be.

        A fence that can not be used is none: intents then carry epoch 0, which no gateway lets pass.
        """
        found = {"no fence: intents carry no epoch": "" if self._fence else self._map_fence()}
        if self._link is not None:
            found["not registered at watchd"] = self._link.refusal
        fresh = [(event, text) for event, text in found.items() if text and self._said.get(event) != text]
        self._said |= dict(fresh)
        return fresh

    def fence_news(self) -> str:
        """What is to be said of the fence, when it is something else than at the last call; "" otherwise."""
        said = "observing: there is no fence"
        if self._fence is not None:
            token, epoch, reason = (int(load_words(self._fence, offset, 1)[0]) for offset in _FENCE_WORDS)
            said = (
                f"fence open, epoch {epoch}" if token else f"observing: fence closed ({_reason_name(reason)})"
            )
        if said == self._fence_said:
            return ""
        self._fence_said = said
        return said

    def _map_fence(self) -> str:
        try:
            self._fence = Region.open(self._fence_path, int(RegionKind.FENCE))
        except RegionMissing:
            return ""
        except RegionError as error:
            return str(error)
        offset = RECORDS_OFFSET + dtype("Fence").fields["epoch"][1]  # type: ignore[index]
        self.addresses[FENCE_EPOCH] = self._fence.bytes().ctypes.data + offset
        return ""


def _reason_name(reason: int) -> str:
    return CloseReason(reason).name.lower() if reason in list(CloseReason) else str(reason)
