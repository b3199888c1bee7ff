"""One region of one daemon's life: opened when it is there and that daemon's, opened anew when it is retired."""

from __future__ import annotations

import contextlib
from pathlib import Path

from hft.regions import Region, RegionError

PASSES_A_RETRY = 5


class RegionFollower:
    """`pid`: the writer that it must have."""

    def __init__(self, path: Path, kind: int, pid: int) -> None:
        self._path, self._kind, self._pid = path, kind, pid
        self._region: Region | None = None
        self._wait = 0

    def region(self) -> Region | None:
        """The mapped region; None while there is none that this daemon writes."""
        if self._region is not None and not self._region.retired:
            return self._region
        if self._wait > 0:
            self._wait -= 1
            return self._region  # a retired one's last words still count
        self._wait = PASSES_A_RETRY
        with contextlib.suppress(RegionError):
            found = Region.open(str(self._path), self._kind)
            if found.writer_pid == self._pid:
                self._region = found
        return self._region
