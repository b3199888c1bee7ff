"""The loop's thread on its core, and looked after: some kernels undo a pinning when a cpuset is written."""

from __future__ import annotations

import os
from typing import Final

from hft.config import ConfigError

LOOK_INTERVAL_NS: Final = 1_000_000_000


class Pin:
    """Of the calling thread. `core` -1: wherever the scheduler puts it."""

    def __init__(self, core: int) -> None:
        self._core = core
        self._due_ns = 0
        self.in_place = True

    def take(self) -> None:
        """Raises ConfigError when the core can not be used here."""
        if self._core < 0:
            return
        try:
            os.sched_setaffinity(0, {self._core})
        except OSError as error:
            what = f"core {self._core} can not be used here: {error.strerror}"
            raise ConfigError("cores.brain", what) from error

    def look(self, now_ns: int) -> set[int]:
        """Once a second: the cores it was found to be allowed on, when that was not its own, and puts it back."""
        if self._core < 0 or now_ns < self._due_ns:
            return set()
        self._due_ns = now_ns + LOOK_INTERVAL_NS
        found = os.sched_getaffinity(0)
        self.in_place = found == {self._core}
        if self.in_place:
            return set()
        try:
            os.sched_setaffinity(0, {self._core})
        except OSError:  # the core was taken from us: `in_place` says so until it is given back
            pass
        else:
            self.in_place = True
        return found
